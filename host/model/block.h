// SPDX-License-Identifier: Apache-2.0
//
// A block as a driver hands it over: what to execute, before anything is known of its outcome.
// Threading: plain values; a block belongs to the thread that executes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/types.h"
#include "model/digest.h"

namespace sluice {

enum class OperationKind : uint8_t {
  kSet,
  kDelete,
  kRequire,  // makes no change; the transaction fails unless the store holds just this value
};

struct Operation {
  OperationKind kind = OperationKind::kSet;
  std::string store;
  std::string key;
  // kSet: present. kDelete: absent. kRequire: the value asked for; absent: the key must be absent.
  std::optional<std::string> value;
};

// Operations that apply together or not at all.
struct Transaction {
  std::vector<Operation> operations;
  // Not 0: the source knows that it failed, and with which result code. Nothing of it is executed.
  uint32_t failed_code = 0;
};

// Where a driver's source stands after a block: written with the block's commit, given back at
// start.
struct DriverPosition {
  std::string source;  // the source's name; empty: nothing to record
  std::string state;   // the driver's own encoding; opaque to the node
};

struct Block {
  // Where the source names it. The node refuses a height that is not the next one.
  std::optional<Height> height;
  int64_t time_unix_nanos = 0;
  std::vector<Transaction> transactions;
  DriverPosition position;
  // The digest of the history up to and with this block, where the source knows it. The node
  // refuses the block where its own comes out different.
  std::optional<Digest> expected_digest;
};

}  // namespace sluice
