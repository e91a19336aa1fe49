// SPDX-License-Identifier: Apache-2.0
#include "store/replay_plan.h"

#include <fmt/core.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <cstdint>
#include <map>

#include "base/log.h"
#include "store/log_tail.h"

namespace sluice {
namespace {

// Lets RocksDB replay what comes before one sequence number, and learns which logs it still needs.
class ReplayLimit : public rocksdb::WalFilter {
 public:
  explicit ReplayLimit(uint64_t until) : until_(until) {}

  void ColumnFamilyLogNumberMap(const std::map<uint32_t, uint64_t>& first_logs,
                                const std::map<std::string, uint32_t>&) override {
    first_log_ = UINT64_MAX;
    for (const auto& [family, number] : first_logs) first_log_ = std::min(first_log_, number);
  }

  WalProcessingOption LogRecordFound(unsigned long long, const std::string&,
                                     const rocksdb::WriteBatch& batch, rocksdb::WriteBatch*,
                                     bool*) override {
    uint64_t sequence = 0;
    for (size_t i = 8; i-- > 0;) {
      sequence = sequence << 8 | static_cast<unsigned char>(batch.Data()[i]);
    }
    return sequence < until_ ? WalProcessingOption::kContinueProcessing
                             : WalProcessingOption::kStopReplay;
  }

  const char* Name() const override { return "sluice.replay_limit"; }

  // Logs below it hold nothing that is not in other files: RocksDB only did not get to remove them.
  uint64_t first_log() const { return first_log_; }

 private:
  const uint64_t until_;
  uint64_t first_log_ = 0;
};

// Only RocksDB can read out of its MANIFEST which logs it needs. Opening to read changes nothing;
// whether it succeeds is of no interest, for it says that before it reads the first log.
uint64_t FirstNeededLog(const std::string& path,
                        const std::vector<rocksdb::ColumnFamilyDescriptor>& families,
                        rocksdb::DBOptions rocks) {
  ReplayLimit nothing(0);
  rocks.wal_filter = &nothing;
  rocks.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  rocks.info_log_level = rocksdb::InfoLogLevel::FATAL_LEVEL;
  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const rocksdb::Status opened = rocksdb::DB::OpenForReadOnly(rocks, path, families, &handles, &db);
  if (opened.ok()) {
    for (rocksdb::ColumnFamilyHandle* handle : handles) {
      (void)db->DestroyColumnFamilyHandle(handle);
    }
    delete db;
  }
  return nothing.first_log();
}

}  // namespace

Result<ReplayPlan> ReplayPlan::Make(const DatabaseOptions& options,
                                    const std::vector<rocksdb::ColumnFamilyDescriptor>& families,
                                    rocksdb::DBOptions* rocks) {
  rocks->wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  rocks->wal_filter = nullptr;
  ReplayPlan plan;
  SLUICE_ASSIGN_OR_RETURN(LogsFound found, ExamineLogs(options.path, 0));
  if (found.kind == LogsFound::Kind::kWhole) return plan;
  const uint64_t first_log = FirstNeededLog(options.path, families, *rocks);
  SLUICE_ASSIGN_OR_RETURN(found, ExamineLogs(options.path, first_log));
  if (found.kind == LogsFound::Kind::kWhole) return plan;
  if (found.kind == LogsFound::Kind::kDamage) {
    return Error(StatusCode::kCorruption,
                 fmt::format("database {}: opening: log file {} is damaged at byte {}: {}; nothing "
                             "was changed, restore the home from a backup",
                             options.path, found.file, found.offset, found.what));
  }
  // A reader may be looking at a write under way.
  if (!options.read_only || !found.file_ends) {
    LogWarn("store",
            "log file {}: what follows byte {} was never synced and is {}: {} bytes that a crash "
            "or a power cut left unfinished ({})",
            found.file, found.offset, options.read_only ? "not read" : "cut", found.dropped_bytes,
            found.what);
  }
  // Where the first batch of all cannot be read, there is none before it.
  plan.limit_ = std::make_unique<ReplayLimit>(found.first_lost);
  rocks->wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  rocks->wal_filter = plan.limit_.get();
  return plan;
}

}  // namespace sluice
