// SPDX-License-Identifier: Apache-2.0
//
// What everything is measured against: plain RocksDB, one column family, one synced batch a block,
// one thread. No journal, no listeners, no sinks. For `sluice bench` only.
//
// Threading: one thread. Ownership: the folder is the caller's.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"

namespace sluice {

class Baseline {
 public:
  // Creates a database in `path` with the write options and memtable of the node's stores.
  static Result<std::unique_ptr<Baseline>> Create(const std::string& path);
  virtual ~Baseline() = default;

  // One batch; fsynced where `sync`.
  virtual Status Write(const std::vector<std::pair<std::string, std::string>>& puts, bool sync) = 0;
};

}  // namespace sluice
