// SPDX-License-Identifier: Apache-2.0
//
// Delivery to one instance of a sink: the queue, the channel of what the plugin reports, and the
// loop that delivers. It lives as long as its instance; the next instance gets a new one.
//
// The loop runs on the thread that makes all calls into this instance (lifecycle/instance_run.h);
// where the instance is PARALLEL, several threads run it side by side until the last has ended.
// One of them at a time reads the journal ahead and learns which heights touch the same keys.
// Reports are applied at once, on the thread that brings them, so that an ack reaches the gate with
// one wake-up even while a deliver is under way.
//
// Locks: reporting_ before mutex_; neither is held while the plugin is called, mutex_ not while the
// observer is.
//
// sink_delivery.cc has all but the loop, which is in sink_delivery_loop.cc.
//
// Threading: Open, Run and AskPosition on the instance's thread; all others on any.
// Ownership: borrows instance, journal and observer. After Run has ended for an abandoned call none
// of them is touched.
#pragma once

#include <array>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/types.h"
#include "delivery/attach.h"
#include "delivery/call_watch.h"
#include "delivery/conflict_index.h"
#include "delivery/delivery_queue.h"
#include "delivery/ports.h"
#include "delivery/sink_counters.h"
#include "delivery/sink_failure.h"
#include "plugin/ack_channel.h"
#include "plugin/sink_instance.h"

namespace sluice {

class SinkDelivery {
 public:
  struct Settings {
    SinkName sink;
    std::string component;  // who speaks in the log: "sink orders"
    std::string stream_id;
    Epoch epoch;          // the instance's
    Epoch refused_epoch;  // as AttachQuestion's
    ChangeFilter filter;
    bool with_old_values = false;
    SinkStart start = SinkStart::kResume;
    OnGap on_gap = OnGap::kRefuse;
    Duration ack_timeout{};    // 0: none; see SetAckTimeout
    Duration call_timeout{};   // of a resume or attach
    Duration stalled_after{};  // BUSY for so long without progress is a failure; 0: never
    uint64_t max_in_flight = 1024;
    uint64_t workers = 1;  // threads that deliver, where the instance is PARALLEL
    uint64_t queue_bytes = 64 << 20;
    RetrySettings retry;
    std::shared_ptr<SinkCounters> counters;
  };

  // `wake`: called without locks when a failure has been noted, or a deadline has to be watched.
  // Must not block and must not call back.
  SinkDelivery(Settings settings, JournalSource* journal, SinkObserver* observer, CallWatch* watch,
               std::function<void()> wake);

  // What the instance is created with.
  InstanceListener* listener() { return &channel_; }

  // --- on the instance's thread -----------------------------------------------------------------
  // Asks the sink where it is and decides what that means. Nothing: abandoned, or a failure was
  // noted.
  struct Asked {
    bool first_answer = true;
    bool snapshot = false;       // one is wanted, on record
    std::optional<Base> copied;  // the instance has taken one
  };
  std::optional<AttachDecision> AskPosition(SinkInstance* instance, const Asked& asked);
  // Calls attach and opens the queue above `base`; false: abandoned, or a failure was noted.
  bool Open(SinkInstance* instance, const StartResult& started, const Base& base,
            AttachReason reason);
  // Delivers until Stop, a failure, or the end of the thread by abandonment; no deliver is under
  // way on return.
  void Run(SinkInstance* instance);
  // Waits until `height` is journaled; false: stopped, or a failure was noted.
  bool WaitUntilJournaled(Height height);
  // Waits until `height` is committed; false: stopped, or a failure was noted.
  bool WaitUntilCommitted(Height height);
  // Waits so long, or not at all; false: stopped, or a failure was noted.
  bool Pause(Duration duration);
  // Waits until nothing is in flight; false where `until` or a failure came first.
  bool WaitUntilAcked(TimePoint until);

  // --- from any thread --------------------------------------------------------------------------
  // S2: journaled and next.
  void Enqueue(std::shared_ptr<const ChangeSet> change_set);
  // Run ends after the call that is under way. Acks still count. `at_once`: nobody waits for them.
  void Stop(bool at_once);
  // Keeps the first failure, stops, and wakes who watches.
  void NoteFailure(SinkFault fault, Status status);
  std::optional<SinkFailure> failure() const;
  // From now on, for what is in flight too.
  void SetAckTimeout(Duration ack_timeout);
  // Notes a failure where acks or a BUSY sink are overdue. Returns when to look again.
  TimePoint CheckOverdue(TimePoint now);
  // No report reaches the observer on return or later.
  void Close();

  // The last failure of a single height.
  struct HeightError {
    int64_t time_unix_nanos = 0;
    Status status;
  };

  struct Snapshot {
    bool open = false;
    Height watermark;
    Height journaled;
    std::optional<Height> sink_height;  // as the sink itself said last
    uint64_t lag_blocks = 0, lag_bytes = 0, in_flight = 0, held_bytes = 0, retries = 0, refused = 0;
    double lag_seconds = 0;
    std::optional<HeightError> last_error;
    TimePoint parked_until{};  // none: the epoch of the clock
  };
  Snapshot snapshot(TimePoint now) const;

 private:
  using Lock = std::unique_lock<std::mutex>;
  // Applies what the channel hands on to the queue; the owner's mutex_ is held.
  class Reader;

  // A deliver that has not returned.
  struct Call {
    Height height;
    TimePoint since;
  };

  void OnReports();
  // One thread's loop, until the end of Run.
  void Work(SinkInstance* instance);
  bool Delivering(Height height) const;
  // Whether another worker may find something to do, or something to wait for.
  bool MoreWork();
  std::optional<DeliveryQueue::Deliverable> ToLearn() const;
  // Finds out what a height must come after, off the lock.
  void LearnNext(Lock* lock, const DeliveryQueue::Deliverable& next);
  // Under mutex_, which it gives up while the plugin, the journal or the observer is called. False:
  // the thread has been abandoned.
  bool DeliverOne(Lock* lock, SinkInstance* instance, const DeliveryQueue::Deliverable& next);
  // Reads a height back from the journal, off the lock; null: a failure was noted.
  std::shared_ptr<const ChangeSet> ReadBack(Lock* lock, Height height);
  void CountDelivered(const ChangeSet& change_set);
  void ApplyResult(Height height, Attempt attempt, uint64_t ready_before, const Status& status);
  void ApplyAck(const DeliveryQueue::AckRange& ack);
  void ApplyFailed(Height height, Attempt attempt, const Status& status, Duration asked);
  bool Reconcile(Lock* lock, SinkInstance* instance);
  void WaitForWork(Lock* lock);
  void FailLocked(SinkFault fault, Status status);
  bool Attach(SinkInstance* instance, const Base& base, AttachReason reason);
  void NoteFill();
  // Tells the observer what it does not know yet. Takes and leaves `lock` locked.
  void Tell(Lock* lock);
  void TellLevels();
  bool Untold() const;
  bool parallel() const { return (started_.capabilities & kCapabilityParallel) != 0; }
  double Random() { return std::uniform_real_distribution<double>()(random_); }

  // Set in the constructor.
  const Settings settings_;
  JournalSource* const journal_;
  CallWatch* const watch_;
  const std::function<void()> wake_;
  AckChannel channel_;

  // Serialises what the observer is told, so that it is told in order.
  std::mutex reporting_;
  SinkObserver* observer_;  // guarded by reporting_; null: closed

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::optional<DeliveryQueue> queue_;  // nothing: not attached yet
  StartResult started_;
  bool can_resume_ = false;
  std::array<std::optional<Height>, 4> told_;  // by level
  std::optional<SinkFailure> failure_;
  std::optional<HeightError> last_error_;
  std::optional<Height> sink_height_;
  Height newest_enqueued_;
  // An ack (of a PARALLEL instance: one that moved the watermark), or the first height in flight
  // after none.
  TimePoint last_progress_{};
  std::vector<Call> calls_;  // in the order in which they were made
  TimePoint busy_since_{};
  uint64_t ready_count_ = 0;
  Duration ack_timeout_;
  bool busy_ = false;       // BUSY was answered and ready has not been called since
  bool ask_again_ = false;  // the sink is to be asked where it is before more is delivered
  bool stopping_ = false;
  bool at_once_ = false;
  bool reading_ = false;    // a thread reads the journal; it has index_ then
  uint64_t waiting_ = 0;    // threads that wait in changed_ for work
  bool watched_ = false;    // somebody looks at CheckOverdue in time
  std::mt19937_64 random_;  // for jitter only

  ConflictIndex index_;  // by whoever has set reading_
};

}  // namespace sluice
