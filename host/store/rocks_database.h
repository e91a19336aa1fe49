// SPDX-License-Identifier: Apache-2.0
//
// Database over RocksDB. Where things are: opening in open_rocks.cc and standing.cc; Write in
// database_write.cc; the journal in database_journal.cc; small records in database_records.cc.
//
// Threading and ownership: database.h.
#pragma once

#include <rocksdb/write_batch.h>

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "store/database.h"
#include "store/home_lock.h"
#include "store/rocks_handle.h"
#include "store/standing.h"

namespace sluice {

class RocksDatabase : public Database {
 public:
  // Opens it. `lock`: held as long as this lives; nullptr where it is opened to read.
  static Result<std::unique_ptr<Database>> Open(const DatabaseOptions& options,
                                                std::unique_ptr<HomeLock> lock);
  ~RocksDatabase() override;

  const std::vector<std::string>& stores() const override { return stores_; }
  CommittedState committed() const override;
  Height journaled_height() const override;
  Height journal_first() const override;
  Digest journaled_digest() const override;
  uint64_t journal_bytes() const override;

  Status Write(const WriteGroup& group) override;
  Status Reopen() override;
  void SetReopenHooks(std::function<void()> before, std::function<void()> after) override;
  Status SyncNow() override;

  Result<JournalRecord> ReadJournal(Height height) const override;
  Result<Digest> JournalDigest(Height height) const override;
  Result<uint64_t> JournalRecordBytes(Height height) const override;

  Result<std::shared_ptr<const StoreView>> CommittedView(std::string_view store) const override;
  std::shared_ptr<const StateSnapshot> Snapshot() const override;

  Result<Epoch> RaiseEpoch(Epoch at_least) override;
  Epoch epoch() const override;
  Result<std::optional<DriverPosition>> ReadPosition(std::string_view source) const override;
  Result<std::vector<UnackedRange>> UnackedRanges() const override;
  Result<std::optional<Height>> SinkWatermark(const SinkName& sink) const override;
  Status PutRecord(std::string_view name, std::string_view bytes) override;
  Status DeleteRecord(std::string_view name) override;
  Status ForgetSink(const SinkName& sink, std::string_view record) override;
  Result<std::optional<std::string>> GetRecord(std::string_view name) const override;
  Result<std::vector<std::pair<std::string, std::string>>> ListRecords(
      std::string_view prefix) const override;

  Result<uint64_t> FreeDiskBytes() const override;

 private:
  // Some heights of the journal and what their records take together, so that the bytes of what is
  // pruned are known well enough without a number a height.
  struct JournalPiece {
    Height first;
    Height last;
    uint64_t bytes;
  };

  RocksDatabase(DatabaseOptions options, std::unique_ptr<HomeLock> lock);

  Status OpenAndFindStanding();
  Standing standing() const;
  std::string Doing(std::string_view what) const;

  // --- Write
  void CheckOrder(const WriteGroup& group, const Standing& standing) const;
  void FillBatch(const RocksHandle::Use& use, const WriteGroup& group, const Standing& before);
  void PutCommits(const RocksHandle::Use& use, const WriteGroup& group);
  void PutJournal(const RocksHandle::Use& use, const WriteGroup& group);
  // How far this write prunes; 0: not at all.
  Height PlanPruning(const WriteGroup& group, const Standing& standing) const;
  // What the batch has made true.
  void TakeOver(const WriteGroup& group, Height pruned_through);
  uint64_t BytesThrough(Height height) const;
  void DropPieces(Height through);
  void RemovePrunedFiles(const RocksHandle::Use& use, bool synced);
  // Remembers the first error since the database was opened: nothing is written after it.
  Status Failed(Status status);
  Status WriteRefused(const RocksHandle::Use& use) const;

  // --- small records
  Status WriteDurably(const RocksHandle::Use& use, rocksdb::WriteBatch* batch,
                      std::string_view what);
  void RaiseDurable(uint64_t sequence);
  Result<std::optional<std::string>> Get(std::string_view key) const;
  Result<std::vector<std::pair<std::string, std::string>>> List(std::string_view prefix) const;

  // Set in the constructor and at the first opening.
  const DatabaseOptions options_;
  const std::unique_ptr<HomeLock> lock_;
  const std::shared_ptr<RocksHandle> handle_;
  std::vector<std::string> stores_;
  std::vector<std::shared_ptr<const StoreView>> views_;

  mutable std::mutex mutex_;
  Standing standing_;  // guarded by mutex_
  Status failed_;      // guarded by mutex_

  std::mutex epoch_mutex_;  // one raising at a time

  // The last sequence number that is known to be synced; every batch says it (log_tail.h). It may
  // be too low, never too high: a batch would then pass a write that was lost off as damage. Only
  // an opening, which no other use of the database overlaps, lowers it.
  // A sync covers all of the log before it. So after a write that was synced, of any thread, all
  // that RocksDB had made visible before it is durable. After one by the writing thread also what
  // is visible now: Write is the one write that may be unsynced, only one is under way at a time,
  // and RocksDB makes the synced small records of other threads visible only once they are synced.
  // Those threads may not take what is visible after: an unsynced Write may be among it.
  std::atomic<uint64_t> durable_sequence_{0};

  std::mutex hooks_mutex_;                              // held while a hook runs
  std::function<void()> before_reopen_, after_reopen_;  // guarded by hooks_mutex_

  // Touched by the writing thread only.
  rocksdb::WriteBatch batch_;  // its buffer is kept from write to write
  std::deque<JournalPiece> pieces_;
  std::vector<uint64_t> journal_sizes_;  // of the records in batch_
  uint64_t pruned_bytes_since_removal_ = 0;
};

}  // namespace sluice
