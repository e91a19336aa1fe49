// SPDX-License-Identifier: Apache-2.0
//
// The parts of a change set's canonical bytes, for the builder and the filter, which write them,
// and the decoder, which reads them. Grammar: change_set.cc. Threading: pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/types.h"
#include "model/change_set.h"
#include "model/wire.h"

namespace sluice::encoding {

// Field number and wire type in one byte, as protobuf puts them together.
enum : uint8_t {
  kStreamIdTag = 0x0a,
  kHeightTag = 0x10,
  kTimeTag = 0x19,
  kChangeTag = 0x22,
  kTransactionTag = 0x2a,
  kFilteredTag = 0x30,

  kChangeTransactionTag = 0x08,
  kChangeSequenceTag = 0x10,
  kChangeKindTag = 0x18,
  kChangeStoreTag = 0x22,
  kChangeKeyTag = 0x2a,
  kChangeValueTag = 0x32,

  kResultIndexTag = 0x08,
  kResultCodeTag = 0x10,
};

void AppendHead(std::string* out, std::string_view stream_id, Height height,
                int64_t time_unix_nanos);

// Gives the offset of the store's first byte in `out`; those of key and value follow from it.
size_t AppendChange(std::string* out, const Change& change);

constexpr size_t KeyOffset(size_t store_offset, size_t store_size, size_t key_size) {
  return store_offset + store_size + 1 + VarintSize(key_size);
}
constexpr size_t ValueOffset(size_t key_offset, size_t key_size, size_t value_size) {
  return key_offset + key_size + 1 + VarintSize(value_size);
}

void AppendTail(std::string* out, std::span<const TransactionResult> results, bool filtered);

}  // namespace sluice::encoding
