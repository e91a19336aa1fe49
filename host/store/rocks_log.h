// SPDX-License-Identifier: Apache-2.0
//
// RocksDB's own log, as lines of ours, from warnings upwards. RocksDB's file logger is never used:
// on a full disk it aborts the process from inside.
// Threading: any thread.
#pragma once

#include <rocksdb/env.h>

#include <memory>

namespace sluice {

std::shared_ptr<rocksdb::Logger> MakeRocksLog();

}  // namespace sluice
