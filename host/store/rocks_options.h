// SPDX-License-Identifier: Apache-2.0
//
// The options that RocksDB is opened with: ours, an OPTIONS file over them, and over that again
// ours for all that decides durability, correctness and where files are.
// Threading: pure functions.
#pragma once

#include <rocksdb/options.h>

#include <map>
#include <string>
#include <string_view>

#include "base/status.h"

namespace sluice {

inline constexpr std::string_view kJournalFamily = "journal";
inline constexpr std::string_view kStoreFamilyPrefix = "store.";

std::string StoreFamilyName(std::string_view store);

struct RocksOptions {
  rocksdb::DBOptions db;
  rocksdb::ColumnFamilyOptions records;  // the "default" family: the node's own records
  rocksdb::ColumnFamilyOptions journal;
  rocksdb::ColumnFamilyOptions store;  // stores that have no section of their own
  std::map<std::string, rocksdb::ColumnFamilyOptions> by_store_family;

  // By the family's name in RocksDB.
  const rocksdb::ColumnFamilyOptions& ForFamily(const std::string& family) const;
};

// `options_file`: RocksDB's OPTIONS format, or empty. Its section "default" is for all stores that
// have none of their own ("store.<name>"), "journal" for the journal. kConfiguration: it cannot be
// read.
Result<RocksOptions> MakeRocksOptions(const std::string& options_file);

}  // namespace sluice
