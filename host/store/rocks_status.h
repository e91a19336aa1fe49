// SPDX-License-Identifier: Apache-2.0
//
// From RocksDB's statuses to ours: rocksdb::Status does not leave this folder.
// Threading: pure functions.
#pragma once

#include <rocksdb/slice.h>
#include <rocksdb/status.h>

#include <string_view>

#include "base/status.h"

namespace sluice {

// kNoSpace, kCorruption (a file that is missing is damage too), kIo …; RocksDB's own text names the
// file. `doing`: what failed, on what ("database /home/data/db: writing height 812").
Status FromRocks(const rocksdb::Status& status, std::string_view doing);

inline rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
inline std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

}  // namespace sluice
