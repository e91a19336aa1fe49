// SPDX-License-Identifier: Apache-2.0
#include "store/rocks_options.h"

#include <fmt/core.h>
#include <rocksdb/cache.h>
#include <rocksdb/comparator.h>
#include <rocksdb/convenience.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/options_util.h>

#include <vector>

#include "store/rocks_log.h"

namespace sluice {
namespace {

// Measured: for small blocks a memtable of this size that stays in the processor's caches is faster
// than a large one.
constexpr size_t kStoreMemtableBytes = size_t{4} << 20;
// How many of them may wait to be written out before writes do.
constexpr int kMaxMemtables = 4;
constexpr size_t kRecordsMemtableBytes = size_t{1} << 20;
// Most journal records are pruned before so much has gathered, and then never become files.
constexpr size_t kJournalMemtableBytes = size_t{16} << 20;
// The journal's and the small families' memtables would keep old logs for ever; this flushes them.
constexpr uint64_t kMaxWalBytes = uint64_t{64} << 20;
constexpr uint64_t kJournalMinBlobBytes = 4096;
constexpr size_t kBlockCacheBytes = size_t{32} << 20;

rocksdb::ColumnFamilyOptions Family(size_t memtable_bytes,
                                    const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = memtable_bytes;
  options.max_write_buffer_number = kMaxMemtables;
  options.compression = rocksdb::kLZ4Compression;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

RocksOptions OurDefaults() {
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(kBlockCacheBytes);
  RocksOptions options;
  options.db.max_total_wal_size = kMaxWalBytes;
  options.db.max_background_jobs = 2;
  options.db.max_open_files = -1;
  options.records = Family(kRecordsMemtableBytes, cache);
  options.journal = Family(kJournalMemtableBytes, cache);
  options.journal.enable_blob_files = true;
  options.journal.min_blob_size = kJournalMinBlobBytes;
  options.journal.blob_compression_type = rocksdb::kLZ4Compression;
  options.journal.enable_blob_garbage_collection = true;
  options.store = Family(kStoreMemtableBytes, cache);
  // A block's keys come sorted, from its overlay: where one is put tells where to look for the
  // next. One hint for all of them, that is, for their empty prefix.
  options.store.memtable_insert_with_hint_prefix_extractor.reset(
      rocksdb::NewFixedPrefixTransform(0));
  return options;
}

// What no file may change: who reads a home must find what was acknowledged, where it was put.
void ForceDatabase(rocksdb::DBOptions* options) {
  options->env = rocksdb::Env::Default();
  options->info_log = std::make_shared<RocksLog>();
  options->info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options->paranoid_checks = true;
  options->wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options->track_and_verify_wals_in_manifest = true;
  options->avoid_flush_during_recovery = false;  // what was recovered is durable once open
  options->best_efforts_recovery = false;
  options->manual_wal_flush = false;
  options->use_fsync = false;  // fdatasync covers data and length
  options->recycle_log_file_num = 0;
  options->wal_compression = rocksdb::kNoCompression;
  options->WAL_ttl_seconds = 0;
  options->WAL_size_limit_MB = 0;
  options->wal_filter = nullptr;
  options->skip_checking_sst_file_sizes_on_db_open = false;
  options->allow_2pc = false;
  options->atomic_flush = false;  // the log makes batches atomic over all families
  // One writer: anything else only costs.
  options->allow_concurrent_memtable_write = false;
  options->enable_pipelined_write = false;
  options->two_write_queues = false;
  options->unordered_write = false;
  // RocksDB's own resuming would hide from the node that a write is undecided.
  options->max_bgerror_resume_count = 0;
  options->db_paths.clear();
  options->wal_dir.clear();
  options->db_log_dir.clear();
  options->create_if_missing = false;  // decided by who opens
  options->create_missing_column_families = false;
  options->error_if_exists = false;
  options->listeners.clear();
}

void ForceFamily(rocksdb::ColumnFamilyOptions* options) {
  options->comparator = rocksdb::BytewiseComparator();
  options->merge_operator = nullptr;
  options->compaction_filter = nullptr;
  options->compaction_filter_factory = nullptr;
  options->ttl = 0;
  options->inplace_update_support = false;
  options->cf_paths.clear();
  options->disable_auto_compactions = false;
  options->force_consistency_checks = true;
  // It drops the oldest files when there are too many.
  if (options->compaction_style == rocksdb::kCompactionStyleFIFO ||
      options->compaction_style == rocksdb::kCompactionStyleNone) {
    options->compaction_style = rocksdb::kCompactionStyleLevel;
  }
}

Status ReadOptionsFile(const std::string& file, RocksOptions* options) {
  rocksdb::ConfigOptions config;
  config.ignore_unknown_options = false;
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  const rocksdb::Status status =
      rocksdb::LoadOptionsFromFile(config, file, &options->db, &families);
  if (!status.ok()) {
    return Status(StatusCode::kConfiguration,
                  fmt::format("RocksDB options file {}: {}; correct it, or leave it out", file,
                              status.ToString()));
  }
  for (const rocksdb::ColumnFamilyDescriptor& family : families) {
    if (family.name == rocksdb::kDefaultColumnFamilyName) {
      options->store = family.options;
    } else if (family.name == kJournalFamily) {
      options->journal = family.options;
    } else {
      options->by_store_family[family.name] = family.options;
    }
  }
  return Status::Ok();
}

}  // namespace

std::string StoreFamilyName(std::string_view store) {
  return std::string(kStoreFamilyPrefix).append(store);
}

const rocksdb::ColumnFamilyOptions& RocksOptions::ForFamily(const std::string& family) const {
  if (family == rocksdb::kDefaultColumnFamilyName) return records;
  if (family == kJournalFamily) return journal;
  auto found = by_store_family.find(family);
  return found == by_store_family.end() ? store : found->second;
}

Result<RocksOptions> MakeRocksOptions(const std::string& options_file) {
  RocksOptions options = OurDefaults();
  if (!options_file.empty()) SLUICE_RETURN_IF_ERROR(ReadOptionsFile(options_file, &options));
  ForceDatabase(&options.db);
  ForceFamily(&options.records);
  ForceFamily(&options.journal);
  ForceFamily(&options.store);
  for (auto& [name, family] : options.by_store_family) ForceFamily(&family);
  return options;
}

}  // namespace sluice
