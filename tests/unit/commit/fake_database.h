// SPDX-License-Identifier: Apache-2.0
//
// A database in memory that breaks on request, and remembers every write.
//
// It checks what the pipeline owes it: one write at a time; heights, digests and content in order;
// nothing committed that was not journaled, from the same bytes and with their effect; nothing
// forgotten that is not durably committed; no write after an error. A breach fails the test.
//
// Threading: any thread. It outlives the pipelines over it: a new one is a restart.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "store/database.h"
#include "unit/commit/trace.h"

namespace sluice {

class FakeDatabase final : public Database {
 public:
  using Pairs = std::map<std::string, std::string>;

  // What a failed write has left on the disk; it is seen only after Reopen.
  enum class Left { kNothing, kEverything };

  // One call of Write.
  struct WriteCall {
    WriteGroup group;
    Status status;
  };

  // Adds to `trace`: "journaled 3", "committed 3" for each height of a write that succeeds, "write
  // failed", "reopened", "reopen failed".
  FakeDatabase(std::string stream_id, std::vector<std::string> stores, Trace* trace);

  // --- what breaks -----------------------------------------------------------------------------
  // The next write fails so; called twice, so does the one after it.
  void FailWrite(StatusCode code, Left left);
  // The next `count` calls of Reopen fail.
  void FailReopens(int count, StatusCode code);
  // The journal's record of this height cannot be read.
  void DamageJournal(Height height);
  void SetFreeDiskBytes(uint64_t bytes);
  // Writes wait, before anything of them is there, until they are let go.
  void HoldWrites();
  void LetWritesGo();
  bool WaitUntilHeld();
  // Called at the begin of each write, on the thread that writes, where it is not held back.
  void set_before_write(std::function<void(const WriteGroup&)> before_write);

  // What a start after a crash of the process finds: whatever was written, a failed write included
  // where it left everything.
  void Crash();
  // The same after a power cut: of what was written since the last synced write, only the first
  // `kept_writes` are there.
  void CutPower(size_t kept_writes);
  size_t unsynced_writes() const;

  // --- what happened ---------------------------------------------------------------------------
  std::vector<WriteCall> writes() const;
  // Of those that succeeded, the ones that journaled, or committed, something.
  std::vector<WriteGroup> journal_writes() const;
  std::vector<WriteGroup> commit_writes() const;
  int reopen_count() const;
  Pairs Content(std::string_view store) const;
  // Canonical bytes of every height that was ever found journaled, also of forgotten ones.
  std::map<Height, std::string> history() const;

  // --- Database --------------------------------------------------------------------------------
  const std::vector<std::string>& stores() const override { return stores_; }
  CommittedState committed() const override;
  Height journaled_height() const override;
  Height journal_first() const override;
  Digest journaled_digest() const override;
  uint64_t journal_bytes() const override;  // canonical bytes, exactly
  Status Write(const WriteGroup& group) override;
  Status Reopen() override;
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
  class View;
  class Frozen;
  struct Failure {
    StatusCode code;
    Left left;
  };
  // What is on the disk.
  struct State {
    CommittedState committed;
    std::vector<Pairs> stores;
    std::map<Height, JournalRecord> journal;
    std::vector<Digest> digests;  // by height, from genesis to J
    Height first{1};
    std::map<std::string, DriverPosition> positions;
    std::map<Height, UnackedRange> unacked;
    std::map<std::string, Height> watermarks;
    Height journaled() const { return Height(digests.size() - 1); }
  };

  static void Apply(const WriteGroup& group, State* state);
  // Keeps what a successful or a found write has made true.
  void Keep(const WriteGroup& group);
  void Tell(const WriteGroup& group);
  // With mutex_ held. Nothing: the group is as it must be.
  std::string WrongWith(const WriteGroup& group) const;
  std::string WrongWith(const CommitEntry& entry, const WriteGroup& group) const;
  std::optional<size_t> StoreIndex(std::string_view store) const;

  const std::vector<std::string> stores_;
  Trace* const trace_;
  std::function<void(const WriteGroup&)> before_write_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  State state_;
  State durable_;                    // as a power cut would leave it
  std::deque<WriteGroup> unsynced_;  // what makes state_ of durable_
  std::optional<WriteGroup> undecided_;
  Status failed_;
  bool writing_ = false;
  bool hold_ = false;
  bool held_ = false;
  std::deque<Failure> failures_;
  int failing_reopens_ = 0;
  StatusCode reopen_failure_ = StatusCode::kOk;
  std::optional<Height> damaged_;
  uint64_t free_disk_bytes_ = uint64_t{1} << 40;
  Epoch epoch_{1};
  std::map<std::string, std::string, std::less<>> records_;
  std::vector<WriteCall> writes_;
  std::map<Height, std::string> history_;
  int reopen_count_ = 0;
};

}  // namespace sluice
