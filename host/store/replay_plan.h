// SPDX-License-Identifier: Apache-2.0
//
// How RocksDB is to replay its logs at one opening: all of them, or, after a power cut, up to the
// place at which a write begins that never came to be synced (log_tail.h).
//
// Threading: one thread. Ownership: the plan must outlive the database that is opened with it.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/wal_filter.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "store/database.h"

namespace sluice {

class ReplayPlan {
 public:
  // Examines the logs, and sets what of `rocks` decides how they are replayed. Warns of what will
  // be cut. kCorruption, with file and position: what was synced is damaged; kIo.
  static Result<ReplayPlan> Make(const DatabaseOptions& options,
                                 const std::vector<rocksdb::ColumnFamilyDescriptor>& families,
                                 rocksdb::DBOptions* rocks);

 private:
  std::unique_ptr<rocksdb::WalFilter> limit_;
};

}  // namespace sluice
