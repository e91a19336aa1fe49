// SPDX-License-Identifier: Apache-2.0
#include "unit/commit/fake_database.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "unit/store/memory_view.h"

namespace sluice {

// Moves with each commit.
class FakeDatabase::View final : public StoreView {
 public:
  View(const FakeDatabase* database, size_t store) : database_(database), store_(store) {}
  Result<std::optional<std::string>> Get(std::string_view key) const override {
    return Now().Get(key);
  }
  Result<bool> Has(std::string_view key) const override { return Now().Has(key); }
  std::unique_ptr<StoreIterator> Iterate(const KeyRange& range, bool reverse) const override {
    return Now().Iterate(range, reverse);
  }

 private:
  test::MemoryView Now() const {
    const std::lock_guard lock(database_->mutex_);
    return test::MemoryView(database_->state_.stores[store_]);
  }
  const FakeDatabase* const database_;
  const size_t store_;
};

class FakeDatabase::Frozen final : public StateSnapshot {
 public:
  Frozen(CommittedState committed, std::map<std::string, Pairs, std::less<>> stores)
      : committed_(committed), stores_(std::move(stores)) {}
  Height height() const override { return committed_.height; }
  Digest digest() const override { return committed_.digest; }
  Result<std::shared_ptr<const StoreView>> Store(std::string_view store) const override {
    const auto found = stores_.find(store);
    if (found == stores_.end()) return Error(StatusCode::kNotFound, "no such store");
    return std::make_shared<test::MemoryView>(found->second);
  }

 private:
  const CommittedState committed_;
  const std::map<std::string, Pairs, std::less<>> stores_;
};

FakeDatabase::FakeDatabase(std::string stream_id, std::vector<std::string> stores, Trace* trace)
    : stores_(std::move(stores)), trace_(trace) {
  state_.committed.digest = GenesisDigest(stream_id);
  state_.digests = {state_.committed.digest};
  state_.stores.resize(stores_.size());
  durable_ = state_;
}

void FakeDatabase::FailWrite(StatusCode code, Left left) {
  const std::lock_guard lock(mutex_);
  failures_.push_back({code, left});
}

void FakeDatabase::FailReopens(int count, StatusCode code) {
  const std::lock_guard lock(mutex_);
  failing_reopens_ = count;
  reopen_failure_ = code;
}

void FakeDatabase::DamageJournal(Height height) {
  const std::lock_guard lock(mutex_);
  damaged_ = height;
}

void FakeDatabase::SetFreeDiskBytes(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  free_disk_bytes_ = bytes;
}

void FakeDatabase::HoldWrites() {
  const std::lock_guard lock(mutex_);
  hold_ = true;
}

void FakeDatabase::LetWritesGo() {
  const std::lock_guard lock(mutex_);
  hold_ = false;
  changed_.notify_all();
}

bool FakeDatabase::WaitUntilHeld() {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [this] { return held_; });
}

void FakeDatabase::set_before_write(std::function<void(const WriteGroup&)> before_write) {
  before_write_ = std::move(before_write);
}

size_t FakeDatabase::unsynced_writes() const {
  const std::lock_guard lock(mutex_);
  return unsynced_.size();
}

void FakeDatabase::Crash() { CutPower(unsynced_writes()); }

void FakeDatabase::CutPower(size_t kept_writes) {
  const std::lock_guard lock(mutex_);
  const size_t kept = std::min(kept_writes, unsynced_.size());
  for (size_t i = 0; i < kept; ++i) Apply(unsynced_[i], &durable_);
  // The log is written in order: a write is there only where all before it are.
  if (undecided_ && kept == unsynced_.size()) Apply(*undecided_, &durable_);
  unsynced_.clear();
  undecided_.reset();
  failures_.clear();
  failed_ = Status::Ok();
  // Opening makes what is found durable.
  state_ = durable_;
  for (const auto& [height, record] : state_.journal) {
    history_[height] = record.change_set->canonical();
  }
}

std::vector<FakeDatabase::WriteCall> FakeDatabase::writes() const {
  const std::lock_guard lock(mutex_);
  return writes_;
}

std::vector<WriteGroup> FakeDatabase::journal_writes() const {
  std::vector<WriteGroup> groups;
  for (WriteCall& call : writes()) {
    if (call.status.ok() && !call.group.journal.empty()) groups.push_back(std::move(call.group));
  }
  return groups;
}

std::vector<WriteGroup> FakeDatabase::commit_writes() const {
  std::vector<WriteGroup> groups;
  for (WriteCall& call : writes()) {
    if (call.status.ok() && !call.group.commits.empty()) groups.push_back(std::move(call.group));
  }
  return groups;
}

int FakeDatabase::reopen_count() const {
  const std::lock_guard lock(mutex_);
  return reopen_count_;
}

FakeDatabase::Pairs FakeDatabase::Content(std::string_view store) const {
  const std::lock_guard lock(mutex_);
  return state_.stores.at(StoreIndex(store).value());
}

std::map<Height, std::string> FakeDatabase::history() const {
  const std::lock_guard lock(mutex_);
  return history_;
}

CommittedState FakeDatabase::committed() const {
  const std::lock_guard lock(mutex_);
  return state_.committed;
}

Height FakeDatabase::journaled_height() const {
  const std::lock_guard lock(mutex_);
  return state_.journaled();
}

Height FakeDatabase::journal_first() const {
  const std::lock_guard lock(mutex_);
  return state_.first;
}

Digest FakeDatabase::journaled_digest() const {
  const std::lock_guard lock(mutex_);
  return state_.digests.back();
}

uint64_t FakeDatabase::journal_bytes() const {
  const std::lock_guard lock(mutex_);
  uint64_t bytes = 0;
  for (const auto& [height, record] : state_.journal)
    bytes += record.change_set->canonical().size();
  return bytes;
}

std::string FakeDatabase::WrongWith(const CommitEntry& entry, const WriteGroup& group) const {
  const Height height = entry.change_set->height();
  const DriverPosition* position = nullptr;
  std::string_view canonical;
  if (const auto found = state_.journal.find(height); found != state_.journal.end()) {
    position = &found->second.position;
    canonical = found->second.change_set->canonical();
  }
  for (const JournalEntry& journaled : group.journal) {
    if (journaled.change_set->height() != height) continue;
    position = &journaled.position;
    canonical = journaled.change_set->canonical();
  }
  if (position == nullptr) return fmt::format("commit {}: it is not in the journal", height);
  if (canonical != entry.change_set->canonical()) {
    return fmt::format("commit {}: the journal has other bytes", height);
  }
  if (position->source != entry.position.source || position->state != entry.position.state) {
    return fmt::format("commit {}: the journal has another position", height);
  }
  const auto effect = BlockOverlay::FromChangeSet(*entry.change_set, stores_);
  for (size_t i = 0; i < stores_.size(); ++i) {
    if ((*effect)->store(i).entries() != entry.overlay->store(i).entries()) {
      return fmt::format("commit {}: store {} gets something else than the change set says", height,
                         stores_[i]);
    }
  }
  return "";
}

std::string FakeDatabase::WrongWith(const WriteGroup& group) const {
  if (writing_) return "two writes at a time";
  if (!failed_.ok()) return "a write after an error, before the database was opened again";
  Height journaled = state_.journaled();
  Digest digest = state_.digests.back();
  for (const JournalEntry& entry : group.journal) {
    if (entry.change_set->height() != ++journaled ||
        entry.change_set->previous_digest() != digest) {
      return fmt::format("journal {}: it does not follow {}", entry.change_set->height(),
                         journaled - 1);
    }
    digest = entry.change_set->digest();
  }
  Height committed = state_.committed.height;
  for (const CommitEntry& entry : group.commits) {
    if (entry.change_set->height() != ++committed) {
      return fmt::format("commit {}: it does not follow {}", entry.change_set->height(),
                         committed - 1);
    }
    if (std::string wrong = WrongWith(entry, group); !wrong.empty()) return wrong;
  }
  if (!group.journal.empty() && !group.sync) return "a journal write without sync";
  const bool synced = group.sync || group.force_sync;
  if (group.prune_through > (synced ? committed : durable_.committed.height)) {
    return fmt::format("prune through {}: it is not durably committed", group.prune_through);
  }
  return "";
}

Status FakeDatabase::Write(const WriteGroup& group) {
  {
    std::unique_lock lock(mutex_);
    if (std::string wrong = WrongWith(group); !wrong.empty()) {
      ADD_FAILURE() << wrong;
      return {StatusCode::kInvalid, wrong};
    }
    writing_ = true;
    held_ = hold_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !hold_; });
    held_ = false;
  }
  if (before_write_) before_write_(group);

  const std::lock_guard lock(mutex_);
  writing_ = false;
  Status status;
  if (!failures_.empty()) {
    const Failure failure = failures_.front();
    failures_.pop_front();
    status = failed_ = Status(failure.code, "the disk fails on request");
    if (failure.left == Left::kEverything) undecided_ = group;
    trace_->Add("write failed");
  } else {
    Keep(group);
    Tell(group);
  }
  writes_.push_back({group, status});
  return status;
}

void FakeDatabase::Keep(const WriteGroup& group) {
  Apply(group, &state_);
  for (const JournalEntry& entry : group.journal) {
    history_[entry.change_set->height()] = entry.change_set->canonical();
  }
  unsynced_.push_back(group);
  if (!group.sync && !group.force_sync) return;
  for (const WriteGroup& unsynced : unsynced_) Apply(unsynced, &durable_);
  unsynced_.clear();
}

void FakeDatabase::Tell(const WriteGroup& group) {
  for (const JournalEntry& entry : group.journal) {
    trace_->Add(fmt::format("journaled {}", entry.change_set->height()));
  }
  for (const CommitEntry& entry : group.commits) {
    trace_->Add(fmt::format("committed {}", entry.change_set->height()));
  }
}

void FakeDatabase::Apply(const WriteGroup& group, State* state) {
  for (const JournalEntry& entry : group.journal) {
    state->journal[entry.change_set->height()] = {entry.change_set, entry.position};
    state->digests.push_back(entry.change_set->digest());
  }
  for (const CommitEntry& entry : group.commits) {
    for (size_t i = 0; i < state->stores.size(); ++i) {
      for (const auto& [key, value] : entry.overlay->store(i).entries()) {
        if (value) {
          state->stores[i][key] = *value;
        } else {
          state->stores[i].erase(key);
        }
      }
    }
    state->committed = {entry.change_set->height(), entry.change_set->digest(), group.epoch};
    if (!entry.position.source.empty()) state->positions[entry.position.source] = entry.position;
  }
  for (const UnackedRange& range : group.unacked) state->unacked[range.first] = range;
  for (const auto& [sink, height] : group.watermarks) state->watermarks[sink.str()] = height;
  for (; state->first <= group.prune_through; ++state->first) state->journal.erase(state->first);
}

Status FakeDatabase::Reopen() {
  const std::lock_guard lock(mutex_);
  ++reopen_count_;
  if (failing_reopens_ > 0) {
    --failing_reopens_;
    trace_->Add("reopen failed");
    return {reopen_failure_, "opening fails on request"};
  }
  if (undecided_) Keep(*undecided_);
  undecided_.reset();
  // Opening makes what is found durable.
  unsynced_.clear();
  durable_ = state_;
  failed_ = Status::Ok();
  trace_->Add("reopened");
  return Status::Ok();
}

Status FakeDatabase::SyncNow() {
  const std::lock_guard lock(mutex_);
  unsynced_.clear();
  durable_ = state_;
  return Status::Ok();
}

Result<JournalRecord> FakeDatabase::ReadJournal(Height height) const {
  const std::lock_guard lock(mutex_);
  if (damaged_ == height) {
    return Error(StatusCode::kCorruption, fmt::format("journal record {}: damaged", height));
  }
  const auto found = state_.journal.find(height);
  if (found == state_.journal.end()) return Error(StatusCode::kNotFound, "not in the journal");
  return found->second;
}

Result<Digest> FakeDatabase::JournalDigest(Height height) const {
  const std::lock_guard lock(mutex_);
  if (height + 1 < state_.first || height > state_.journaled()) {
    return Error(StatusCode::kNotFound, "not in the journal");
  }
  return state_.digests[height.value()];
}

Result<uint64_t> FakeDatabase::JournalRecordBytes(Height height) const {
  SLUICE_ASSIGN_OR_RETURN(JournalRecord record, ReadJournal(height));
  return record.change_set->canonical().size();
}

std::optional<size_t> FakeDatabase::StoreIndex(std::string_view store) const {
  const auto found = std::find(stores_.begin(), stores_.end(), store);
  if (found == stores_.end()) return std::nullopt;
  return static_cast<size_t>(found - stores_.begin());
}

Result<std::shared_ptr<const StoreView>> FakeDatabase::CommittedView(std::string_view store) const {
  const std::optional<size_t> index = StoreIndex(store);
  if (!index) return Error(StatusCode::kNotFound, "no such store");
  return std::make_shared<View>(this, *index);
}

std::shared_ptr<const StateSnapshot> FakeDatabase::Snapshot() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, Pairs, std::less<>> stores;
  for (size_t i = 0; i < stores_.size(); ++i) stores[stores_[i]] = state_.stores[i];
  return std::make_shared<Frozen>(state_.committed, std::move(stores));
}

Result<Epoch> FakeDatabase::RaiseEpoch(Epoch at_least) {
  const std::lock_guard lock(mutex_);
  epoch_ = std::max(epoch_ + 1, at_least);
  return epoch_;
}

Epoch FakeDatabase::epoch() const {
  const std::lock_guard lock(mutex_);
  return epoch_;
}

Result<std::optional<DriverPosition>> FakeDatabase::ReadPosition(std::string_view source) const {
  const std::lock_guard lock(mutex_);
  const auto found = state_.positions.find(std::string(source));
  if (found == state_.positions.end()) return std::nullopt;
  return found->second;
}

Result<std::vector<UnackedRange>> FakeDatabase::UnackedRanges() const {
  const std::lock_guard lock(mutex_);
  std::vector<UnackedRange> ranges;
  for (const auto& [first, range] : state_.unacked) ranges.push_back(range);
  return ranges;
}

Result<std::optional<Height>> FakeDatabase::SinkWatermark(const SinkName& sink) const {
  const std::lock_guard lock(mutex_);
  const auto found = state_.watermarks.find(sink.str());
  if (found == state_.watermarks.end()) return std::nullopt;
  return found->second;
}

Status FakeDatabase::PutRecord(std::string_view name, std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  records_[std::string(name)] = std::string(bytes);
  return Status::Ok();
}

Status FakeDatabase::DeleteRecord(std::string_view name) {
  const std::lock_guard lock(mutex_);
  records_.erase(std::string(name));
  return Status::Ok();
}

Status FakeDatabase::ForgetSink(const SinkName& sink, std::string_view record) {
  const std::lock_guard lock(mutex_);
  records_.erase(std::string(record));
  state_.watermarks.erase(sink.str());
  return Status::Ok();
}

Result<std::optional<std::string>> FakeDatabase::GetRecord(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = records_.find(name);
  if (found == records_.end()) return std::nullopt;
  return found->second;
}

Result<std::vector<std::pair<std::string, std::string>>> FakeDatabase::ListRecords(
    std::string_view prefix) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<std::string, std::string>> found;
  for (const auto& [name, bytes] : records_) {
    if (name.compare(0, prefix.size(), prefix) == 0) found.emplace_back(name, bytes);
  }
  return found;
}

Result<uint64_t> FakeDatabase::FreeDiskBytes() const {
  const std::lock_guard lock(mutex_);
  return free_disk_bytes_;
}

}  // namespace sluice
