// SPDX-License-Identifier: Apache-2.0
#include "store/replay_plan.h"

#include <fmt/core.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <cstdint>
#include <map>

#include "base/log.h"
#include "store/log_tail.h"
#include "store/rocks_log.h"
#include "store/rocks_status.h"

namespace sluice {
namespace {

// Lets RocksDB replay what comes before one sequence number, and learns from which log on its
// families say that they need them.
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

  uint64_t first_log() const { return first_log_; }

 private:
  const uint64_t until_;
  uint64_t first_log_ = 0;
};

// The log that RocksDB's recovery begins with: below it they hold nothing that is not in other
// files, RocksDB only did not get to remove them all, and may have removed one between two others.
// It takes the higher of two numbers, both in its MANIFEST, which only RocksDB can read: the lowest
// that a family needs, which for a family that is never written stays where it was at the opening;
// and the lowest that is kept, which moves on (RocksDB: DBImpl::RecoverLogFiles). Opening to read
// changes nothing, and replays nothing here.
Result<uint64_t> FirstNeededLog(const DatabaseOptions& options,
                                const std::vector<rocksdb::ColumnFamilyDescriptor>& families,
                                rocksdb::DBOptions rocks) {
  ReplayLimit nothing(0);
  rocks.wal_filter = &nothing;
  // The bad place is not to keep it from opening.
  rocks.wal_recovery_mode = rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
  rocks.info_log = std::make_shared<RocksLog>();
  rocks.info_log->SetInfoLogLevel(rocksdb::InfoLogLevel::FATAL_LEVEL);
  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const rocksdb::Status opened =
      rocksdb::DB::OpenForReadOnly(rocks, options.path, families, &handles, &db);
  if (!opened.ok()) {
    return Error(FromRocks(opened, fmt::format("database {}: opening", options.path)));
  }
  uint64_t kept = 0;
  const bool known = db->GetIntProperty(rocksdb::DB::Properties::kMinLogNumberToKeep, &kept);
  for (rocksdb::ColumnFamilyHandle* handle : handles) (void)db->DestroyColumnFamilyHandle(handle);
  delete db;
  if (!known) {
    return Error(StatusCode::kFailed,
                 fmt::format("database {}: opening: RocksDB does not say which logs it keeps",
                             options.path));
  }
  return std::max(nothing.first_log(), kept);
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
  SLUICE_ASSIGN_OR_RETURN(const uint64_t first_log, FirstNeededLog(options, families, *rocks));
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
            "log file {}: what follows byte {} looks unfinished, as a crash or a power cut leaves "
            "what was never synced, and is {}: {} bytes ({}){}",
            found.file, found.offset, options.read_only ? "not read" : "cut", found.dropped_bytes,
            found.what,
            options.sync ? "; if a sink is `ahead` after this start, it was synced and the disk is "
                           "damaged"
                         : "");
  }
  // Where the first batch of all cannot be read, there is none before it.
  plan.limit_ = std::make_unique<ReplayLimit>(found.first_lost);
  rocks->wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  rocks->wal_filter = plan.limit_.get();
  return plan;
}

}  // namespace sluice
