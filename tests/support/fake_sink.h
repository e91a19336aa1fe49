// SPDX-License-Identifier: Apache-2.0
//
// Sinks without a plugin. The FakeSystem is the external system, which outlives every instance; a
// FakeSink is an instance that behaves, a FaultySink one that breaks on request: each fault counts
// down.
//
// Threading: as sink_instance.h says; FakeSystem and Faults from any thread.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "plugin/plugin_library.h"
#include "support/fake_journal.h"
#include "support/fake_observer.h"

namespace sluice {

// What the sink holds, and everything that was done to it.
class FakeSystem {
 public:
  struct Received {
    Height height;
    Epoch epoch;
    std::string canonical;
  };

  // Takes heights side by side: above a gap too, as long as the changes of each key come in order.
  void SetParallel() {
    std::lock_guard lock(mutex_);
    parallel_ = true;
  }

  // OK where it was held already, too; kFenced for an epoch older than one seen; kFatal for a gap
  // or another history.
  Status Write(const ChangeSet& change_set, Epoch epoch) {
    std::lock_guard lock(mutex_);
    log_.push_back({change_set.height(), epoch, std::string(change_set.canonical())});
    if (epoch < position_.epoch) {
      ++fenced_count_;
      log_.pop_back();
      return {StatusCode::kFenced, "a newer epoch has been here"};
    }
    changed_.notify_all();
    if (change_set.height() <= position_.height) return Status::Ok();
    if (parallel_) return WriteAnywhere(change_set, epoch);
    if (change_set.height() != position_.height + 1) {
      ++gap_count_;
      return {StatusCode::kFatal, "a gap"};
    }
    position_.empty = false;
    position_.stream_id = std::string(change_set.stream_id());
    position_.epoch = epoch;
    position_.height = change_set.height();
    position_.digest = change_set.digest();
    return Status::Ok();
  }
  Status RaiseEpoch(const Base& base, Epoch epoch, const std::string& stream_id) {
    std::lock_guard lock(mutex_);
    if (epoch < position_.epoch) return {StatusCode::kFenced, "a newer epoch has been here"};
    position_ = {false, stream_id, epoch, base.height, base.digest};
    return Status::Ok();
  }
  // A copy of the state, as one that empties the sink at its beginning takes it.
  Status BeginSnapshot(Epoch epoch) {
    std::lock_guard lock(mutex_);
    if (epoch < position_.epoch) return {StatusCode::kFenced, "a newer epoch has been here"};
    position_ = SinkPosition();
    log_.clear();
    rows_.clear();
    ++snapshots_begun_;
    changed_.notify_all();
    return Status::Ok();
  }
  Status AddRows(std::span<const SnapshotRow> rows) {
    std::lock_guard lock(mutex_);
    for (const SnapshotRow& row : rows) {
      const bool is_new =
          rows_.try_emplace({std::string(row.store), std::string(row.key)}, row.value).second;
      if (!is_new) return {StatusCode::kFatal, "a row twice"};
    }
    return Status::Ok();
  }
  std::map<std::pair<std::string, std::string>, std::string> rows() const {
    std::lock_guard lock(mutex_);
    return rows_;
  }
  int snapshots_begun() const {
    std::lock_guard lock(mutex_);
    return snapshots_begun_;
  }
  void SetPosition(SinkPosition position) {
    std::lock_guard lock(mutex_);
    position_ = std::move(position);
  }
  SinkPosition position() const {
    std::lock_guard lock(mutex_);
    return position_;
  }
  bool WaitForHeight(Height height) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return position_.height >= height; });
  }
  std::vector<Received> log() const {
    std::lock_guard lock(mutex_);
    return log_;
  }
  uint64_t gap_count() const {
    std::lock_guard lock(mutex_);
    return gap_count_;
  }
  uint64_t fenced_count() const {
    std::lock_guard lock(mutex_);
    return fenced_count_;
  }
  // Changes that came after a later one of the same key.
  uint64_t key_order_errors() const {
    std::lock_guard lock(mutex_);
    return key_order_errors_;
  }
  // Heights that were taken above a gap.
  uint64_t above_gap_count() const {
    std::lock_guard lock(mutex_);
    return above_gap_count_;
  }

 private:
  Status WriteAnywhere(const ChangeSet& change_set, Epoch epoch) {
    const Height height = change_set.height();
    if (!above_.emplace(height, change_set.digest()).second) return Status::Ok();
    if (height != position_.height + 1) ++above_gap_count_;
    for (const Change& change : change_set.changes()) {
      Height& last = last_writer_[fmt::format("{}/{}", change.store, change.key)];
      if (height < last) ++key_order_errors_;
      last = std::max(last, height);
    }
    position_.empty = false;
    position_.stream_id = std::string(change_set.stream_id());
    position_.epoch = epoch;
    while (!above_.empty() && above_.begin()->first == position_.height + 1) {
      position_.height = above_.begin()->first;
      position_.digest = above_.begin()->second;
      above_.erase(above_.begin());
    }
    return Status::Ok();
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  SinkPosition position_;
  std::vector<Received> log_;                                        // what was taken, in order
  std::map<std::pair<std::string, std::string>, std::string> rows_;  // of the last snapshot
  int snapshots_begun_ = 0;
  uint64_t gap_count_ = 0;
  uint64_t fenced_count_ = 0;
  bool parallel_ = false;
  std::map<Height, Digest> above_;             // held above a gap
  std::map<std::string, Height> last_writer_;  // by store and key
  uint64_t key_order_errors_ = 0;
  uint64_t above_gap_count_ = 0;
};

struct FakeSinkOptions {
  AckLevel level = AckLevel::kDurable;
  bool can_resume = true;
  bool can_take_snapshot = true;
  // PENDING: acked by a thread of the sink, in ranges of up to `group` heights; 0: OK at once.
  size_t group = 0;
  // Takes heights side by side; what is PENDING is acked one by one, the last that came first.
  bool parallel = false;
};

class FakeSink : public SinkInstance {
 public:
  FakeSink(FakeSystem* system, const FakeSinkOptions& options, InstanceListener* listener)
      : system_(system), options_(options), listener_(listener) {}
  ~FakeSink() override { StopThread(); }

  Result<StartResult> Start(const StartArgs& args) override {
    epoch_ = args.epoch;
    stream_id_ = args.stream_id;
    if (options_.parallel) system_->SetParallel();
    if (options_.group > 0) {
      thread_ = std::thread([this] { options_.parallel ? ParallelAckThread() : AckThread(); });
    }
    return StartResult{options_.level, options_.parallel ? kCapabilityParallel : 0, 0};
  }
  bool can_resume() const override { return options_.can_resume; }
  Result<SinkPosition> Resume() override { return system_->position(); }
  Status Attach(const Base& base, AttachReason /*reason*/, Epoch epoch) override {
    return system_->RaiseEpoch(base, epoch, stream_id_);
  }
  bool can_take_snapshot() const override { return options_.can_take_snapshot; }
  Status BeginSnapshot(const SnapshotArgs& args) override {
    snapshot_ = args;
    return system_->BeginSnapshot(args.epoch);
  }
  Status TakeSnapshotPart(uint64_t /*part*/, std::span<const SnapshotRow> rows) override {
    return system_->AddRows(rows);
  }
  Status EndSnapshot() override {
    return system_->RaiseEpoch(snapshot_.base, snapshot_.epoch, stream_id_);
  }
  Status Deliver(const Delivery& delivery) override {
    if (options_.group == 0) return system_->Write(*delivery.change_set, delivery.epoch);
    std::lock_guard lock(mutex_);
    // Delivered before the nack was heard: void, and it comes again with a new attempt.
    if (!options_.parallel && delivery.attempt <= nacked_attempt_)
      return {StatusCode::kPending, ""};
    staged_.push_back(delivery);
    changed_.notify_all();
    return {StatusCode::kPending, ""};
  }
  void Cancel() override {}
  Status Drain(Duration deadline) override {
    std::unique_lock lock(mutex_);
    draining_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, deadline, [this] { return staged_.empty(); });
    return Status::Ok();
  }
  void Destroy() override { StopThread(); }

 protected:
  // Called by the sink's own thread before a group is written; false: it was dropped and nacked.
  virtual bool BeforeGroup(const Delivery& /*first*/) { return true; }
  // Whether the ack of a group that was written is given.
  virtual bool AckGroup() { return true; }
  InstanceListener* listener() { return listener_; }

 private:
  void StopThread() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
  }

  // Waits for a full group only while more could be delivered, as the ABI asks.
  bool GroupIsComplete() const {
    return !staged_.empty() &&
           (draining_ || staged_.size() >= options_.group ||
            staged_.back().newest_height <= staged_.back().change_set->height());
  }

  void AckThread() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stopping_ || GroupIsComplete(); });
      if (stopping_) return;
      const Delivery first = staged_.front();
      lock.unlock();
      const bool go_on = BeforeGroup(first);
      lock.lock();
      if (!go_on) {
        staged_.clear();
        nacked_attempt_ = first.attempt;
        lock.unlock();
        listener_->OnNack({first.epoch, first.attempt, first.change_set->height(),
                           StatusCode::kRetry, Duration::zero(), "nacked on request"});
        lock.lock();
        continue;
      }
      AckReport ack{first.epoch, first.attempt, Height(), Height(), options_.level};
      for (size_t i = 0; i < options_.group && !staged_.empty(); ++i) {
        const Delivery next = staged_.front();
        if (next.attempt != first.attempt) break;
        staged_.pop_front();
        if (!system_->Write(*next.change_set, next.epoch).ok()) {
          lock.unlock();
          listener_->OnFailed(Status(StatusCode::kFatal, "the system refused a height"));
          lock.lock();
          break;
        }
        ack.last = next.change_set->height();
      }
      changed_.notify_all();
      if (ack.last == Height() || !AckGroup()) continue;
      lock.unlock();
      listener_->OnAck(ack);
      lock.lock();
    }
  }

  void ParallelAckThread() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stopping_ || !staged_.empty(); });
      if (stopping_) return;
      const Delivery next = staged_.back();
      staged_.pop_back();
      lock.unlock();
      const Height height = next.change_set->height();
      if (!BeforeGroup(next)) {
        listener_->OnNack({next.epoch, next.attempt, height, StatusCode::kRetry, Duration::zero(),
                           "nacked on request"});
      } else if (!system_->Write(*next.change_set, next.epoch).ok()) {
        listener_->OnFailed(Status(StatusCode::kFatal, "the system refused a height"));
      } else if (AckGroup()) {
        listener_->OnAck({next.epoch, next.attempt, height, height, options_.level});
      }
      lock.lock();
      changed_.notify_all();
    }
  }

  FakeSystem* const system_;
  const FakeSinkOptions options_;
  InstanceListener* const listener_;
  Epoch epoch_;
  std::string stream_id_;
  SnapshotArgs snapshot_;
  std::thread thread_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<Delivery> staged_;
  Attempt nacked_attempt_;
  bool stopping_ = false;
  bool draining_ = false;
};

// Faults to come. Each number counts down: so many calls break, then all is well again.
class Faults {
 public:
  enum class Kind {
    kStartFails,
    kStartBlocks,  // until Release, or cancel where kIgnoreCancel is not set
    kResumeRetries,
    kResumeFails,
    kAttachFails,
    kDeliverRetries,  // not taken
    kDeliverFatal,    // not taken
    kDeliverRejects,
    kDeliverBusy,              // ready is called by the next WhenBusy
    kDeliverBusyReady,         // ready is called before deliver returns
    kDeliverLosesAck,          // taken, and never acked
    kDeliverTakesThenRetries,  // taken, and RETRY all the same
    kDeliverBlocks,
    kAcksOldEpoch,  // besides the right ack
    kAcksFuture,    // besides the right ack
    kFailsOutside,
    kGroupNacked,
    kGroupAckLost,
    kSnapshotBeginFails,
    kSnapshotPartFails,
    kSnapshotPartBlocks,
    kSnapshotEndFails,
    kSnapshotEndForgets,  // OK, and the sink does not stand there
    kDrainBlocks,
    kDestroyBlocks,
    kIgnoreCancel,
    kCancelBlocks,  // after it has reached the blocked call, where kIgnoreCancel is not set
    kCount,
  };

  void Set(Kind kind, int count, Height from = Height()) {
    std::lock_guard lock(mutex_);
    left_[static_cast<size_t>(kind)] = count;
    from_[static_cast<size_t>(kind)] = from;
  }
  // Takes one off. `height`: the fault strikes from its own height on.
  bool Take(Kind kind, Height height = Height()) {
    std::lock_guard lock(mutex_);
    int& left = left_[static_cast<size_t>(kind)];
    if (left <= 0 || height < from_[static_cast<size_t>(kind)]) return false;
    --left;
    ++taken_[static_cast<size_t>(kind)];
    changed_.notify_all();
    return true;
  }
  int taken(Kind kind) const {
    std::lock_guard lock(mutex_);
    return taken_[static_cast<size_t>(kind)];
  }
  bool WaitUntilTaken(Kind kind, int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience,
                             [&] { return taken_[static_cast<size_t>(kind)] >= count; });
  }
  void Clear() {
    std::lock_guard lock(mutex_);
    left_ = {};
  }

  // Blocks the caller until Release; false where it was cancelled. `cancelled`: of the instance.
  bool Block(const bool* cancelled) {
    std::unique_lock lock(mutex_);
    ++blocked_;
    changed_.notify_all();
    changed_.wait(lock, [&] {
      return released_ || (*cancelled && left_[static_cast<size_t>(Kind::kIgnoreCancel)] <= 0);
    });
    --blocked_;
    changed_.notify_all();
    return released_;
  }
  bool WaitUntilBlocked(int count = 1) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return blocked_ >= count; });
  }
  bool WaitUntilNobodyIsBlocked() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return blocked_ == 0; });
  }
  void Release() {
    std::lock_guard lock(mutex_);
    released_ = true;
    changed_.notify_all();
  }
  void Cancel(bool* cancelled) {
    std::lock_guard lock(mutex_);
    *cancelled = true;
    changed_.notify_all();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::array<int, static_cast<size_t>(Kind::kCount)> left_{};
  std::array<int, static_cast<size_t>(Kind::kCount)> taken_{};
  std::array<Height, static_cast<size_t>(Kind::kCount)> from_{};
  int blocked_ = 0;
  bool released_ = false;
};

// What the test and the instances share; an abandoned instance keeps it alive.
struct FakeWorld {
  FakeSystem system;
  Faults faults;
  FakeSinkOptions options;
  std::mutex mutex;
  std::condition_variable changed;
  int created = 0, destroyed = 0, abandoned = 0;  // guarded by mutex
  InstanceListener* newest_listener = nullptr;    // guarded by mutex

  void Count(int* what) {
    std::lock_guard lock(mutex);
    ++*what;
    changed.notify_all();
  }
  int Get(const int& what) {
    std::lock_guard lock(mutex);
    return what;
  }
};

class FaultySink final : public FakeSink {
 public:
  using Kind = Faults::Kind;
  FaultySink(std::shared_ptr<FakeWorld> world, InstanceListener* listener)
      : FakeSink(&world->system, world->options, listener), world_(std::move(world)) {}

  Result<StartResult> Start(const StartArgs& args) override {
    if (Take(Kind::kStartFails)) return Error(StatusCode::kFatal, "no route to the host");
    if (Take(Kind::kStartBlocks) && !world_->faults.Block(&cancelled_)) {
      return Error(StatusCode::kCancelled, "start was cancelled");
    }
    return FakeSink::Start(args);
  }
  Result<SinkPosition> Resume() override {
    if (Take(Kind::kResumeRetries)) return Error(StatusCode::kRetry, "asked too early");
    if (Take(Kind::kResumeFails)) return Error(StatusCode::kFatal, "no position");
    return FakeSink::Resume();
  }
  Status Attach(const Base& base, AttachReason reason, Epoch epoch) override {
    if (Take(Kind::kAttachFails)) return {StatusCode::kFatal, "not attached"};
    return FakeSink::Attach(base, reason, epoch);
  }
  Status BeginSnapshot(const SnapshotArgs& args) override {
    if (Take(Kind::kSnapshotBeginFails)) return {StatusCode::kRetry, "not begun"};
    return FakeSink::BeginSnapshot(args);
  }
  Status TakeSnapshotPart(uint64_t part, std::span<const SnapshotRow> rows) override {
    if (Take(Kind::kSnapshotPartFails, Height(part))) return {StatusCode::kFatal, "not taken"};
    if (Take(Kind::kSnapshotPartBlocks, Height(part)) && !world_->faults.Block(&cancelled_)) {
      return {StatusCode::kCancelled, "a part was cancelled"};
    }
    return FakeSink::TakeSnapshotPart(part, rows);
  }
  Status EndSnapshot() override {
    if (Take(Kind::kSnapshotEndFails)) return {StatusCode::kRetry, "not ended"};
    if (Take(Kind::kSnapshotEndForgets)) return Status::Ok();
    return FakeSink::EndSnapshot();
  }
  Status Deliver(const Delivery& delivery) override {
    const Height height = delivery.change_set->height();
    if (Take(Kind::kDeliverRetries, height)) return {StatusCode::kRetry, "try later"};
    if (Take(Kind::kDeliverFatal, height)) return {StatusCode::kFatal, "connection lost"};
    if (Take(Kind::kDeliverRejects, height)) return {StatusCode::kReject, "never"};
    if (Take(Kind::kDeliverBusy, height)) return {StatusCode::kBusy, ""};
    if (Take(Kind::kDeliverBusyReady, height)) {
      listener()->OnReady();
      return {StatusCode::kBusy, ""};
    }
    if (Take(Kind::kDeliverBlocks, height) && !world_->faults.Block(&cancelled_)) {
      return {StatusCode::kCancelled, "deliver was cancelled"};
    }
    if (Take(Kind::kFailsOutside, height)) {
      listener()->OnFailed(Status(StatusCode::kFatal, "broken outside of a call"));
      return {StatusCode::kPending, ""};
    }
    if (Take(Kind::kAcksOldEpoch, height)) {
      listener()->OnAck({delivery.epoch - 1, delivery.attempt, height, height, AckLevel::kVisible});
    }
    if (Take(Kind::kAcksFuture, height)) {
      listener()->OnAck(
          {delivery.epoch, delivery.attempt, Height(), height + 1000, AckLevel::kVisible});
    }
    const bool loses_ack = Take(Kind::kDeliverLosesAck, height);
    const bool then_retries = Take(Kind::kDeliverTakesThenRetries, height);
    if (loses_ack || then_retries) {
      Status written = world_->system.Write(*delivery.change_set, delivery.epoch);
      if (!written.ok()) return written;
      if (loses_ack) return {StatusCode::kPending, ""};
      return {StatusCode::kRetry, "the answer was lost"};
    }
    return FakeSink::Deliver(delivery);
  }
  void Cancel() override {
    world_->faults.Cancel(&cancelled_);
    const bool never = false;
    if (Take(Kind::kCancelBlocks)) world_->faults.Block(&never);
  }
  Status Drain(Duration deadline) override {
    if (Take(Kind::kDrainBlocks)) world_->faults.Block(&cancelled_);
    return FakeSink::Drain(deadline);
  }
  void Destroy() override {
    // Not even a cancel ends it.
    const bool never = false;
    if (Take(Kind::kDestroyBlocks)) world_->faults.Block(&never);
    FakeSink::Destroy();
    world_->Count(&world_->destroyed);
  }
  void Abandon() override {
    // Its owner leaks it; kept reachable, for the leak checker's sake.
    static auto* const leaked = new std::vector<FaultySink*>;
    const std::lock_guard lock(world_->mutex);
    leaked->push_back(this);
    ++world_->abandoned;
    world_->changed.notify_all();
  }

 protected:
  bool BeforeGroup(const Delivery& first) override {
    return !Take(Kind::kGroupNacked, first.change_set->height());
  }
  bool AckGroup() override { return !Take(Kind::kGroupAckLost); }

 private:
  bool Take(Kind kind, Height height = Height()) { return world_->faults.Take(kind, height); }

  const std::shared_ptr<FakeWorld> world_;
  bool cancelled_ = false;  // guarded by the faults' mutex
};

class FakePluginLibrary final : public PluginLibrary {
 public:
  explicit FakePluginLibrary(std::shared_ptr<FakeWorld> world) : world_(std::move(world)) {
    identity_.id = "fake";
    identity_.version = "1.0.0";
    identity_.highest_level = AckLevel::kVisible;
    identity_.capabilities = kCapabilityParallel;
  }
  const PluginIdentity& identity() const override { return identity_; }
  Result<std::unique_ptr<SinkInstance>> CreateInstance(const InstanceOptions& /*options*/,
                                                       InstanceListener* listener) override {
    {
      std::lock_guard lock(world_->mutex);
      ++world_->created;
      world_->newest_listener = listener;
    }
    return std::make_unique<FaultySink>(world_, listener);
  }
  Result<bool> TakesSnapshots() override { return world_->options.can_take_snapshot; }
  Result<std::unique_ptr<Readback>> OpenReadback(const ReadbackArgs& /*args*/) override {
    return Error(StatusCode::kUnsupported, "no readback");
  }
  Result<std::string> PlanProvision(const StartArgs& /*args*/, Duration /*patience*/) override {
    return Error(StatusCode::kUnsupported, "nothing to provision");
  }

 private:
  const std::shared_ptr<FakeWorld> world_;
  PluginIdentity identity_;
};

}  // namespace sluice
