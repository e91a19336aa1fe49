// SPDX-License-Identifier: Apache-2.0
#include "delivery/sink_delivery.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/failpoint.h"
#include "base/log.h"

namespace sluice {
namespace {

// For calls that are not made any more.
const Status kCancelled(StatusCode::kCancelled, "the instance is being ended");

uint64_t Milliseconds(Duration duration) {
  return static_cast<uint64_t>(duration / std::chrono::milliseconds(1));
}

TimePoint Deadline(Duration timeout) {
  return timeout > Duration::zero() ? Now() + timeout : TimePoint::max();
}

// A single height is tried again after these; all others end the instance.
bool RetriesHeight(StatusCode code) {
  return code == StatusCode::kRetry || code == StatusCode::kNoMemory ||
         code == StatusCode::kCancelled;
}

SinkFault FaultOf(StatusCode code) {
  switch (code) {
    case StatusCode::kReject:
    case StatusCode::kUnsupported:
      return SinkFault::kRejected;
    case StatusCode::kFenced:
      return SinkFault::kFenced;
    default:
      return SinkFault::kRetryable;
  }
}

}  // namespace

class SinkDelivery::Reader final : public InstanceListener {
 public:
  explicit Reader(SinkDelivery* owner) : owner_(owner) {}

  void OnAck(const AckReport& ack) override {
    if (!owner_->queue_) return;
    owner_->ApplyAck({ack.attempt, ack.first, ack.last, ack.level});
  }
  void OnNack(const NackReport& nack) override {
    if (!owner_->queue_) return;
    owner_->ApplyFailed(nack.height, nack.attempt, Status(nack.code, nack.text), nack.retry_after);
  }
  void OnReady() override {
    ++owner_->ready_count_;
    owner_->busy_ = false;
  }
  void OnFailed(Status reason) override {
    const SinkFault fault =
        reason.code() == StatusCode::kFenced ? SinkFault::kFenced : SinkFault::kRetryable;
    owner_->FailLocked(fault, std::move(reason));
  }

 private:
  SinkDelivery* const owner_;
};

SinkDelivery::SinkDelivery(Settings settings, JournalSource* journal, SinkObserver* observer,
                           CallWatch* watch, std::function<void()> wake)
    : settings_(std::move(settings)),
      journal_(journal),
      watch_(watch),
      wake_(std::move(wake)),
      channel_({settings_.epoch, static_cast<uint32_t>(settings_.max_in_flight)},
               [this] { OnReports(); }),
      observer_(observer),
      ack_timeout_(settings_.ack_timeout),
      random_(std::random_device()()) {}

// --- where the sink is -------------------------------------------------------------------------

std::optional<AttachDecision> SinkDelivery::AskPosition(SinkInstance* instance,
                                                        const Asked& asked) {
  AttachQuestion question;
  question.epoch = settings_.epoch;
  question.refused_epoch = settings_.refused_epoch;
  question.stream_id = settings_.stream_id;
  question.first_answer = asked.first_answer;
  question.snapshot = asked.snapshot;
  question.copied = asked.copied;
  question.start = settings_.start;
  question.on_gap = settings_.on_gap;
  if (instance->can_resume()) {
    Failpoint("lifecycle.resume.before");
    Result<SinkPosition> position = Error(kCancelled);
    if (watch_->Enter(CallWatch::Call::kResume, Deadline(settings_.call_timeout))) {
      position = instance->Resume();
      if (!watch_->Leave()) return std::nullopt;
    }
    Failpoint("lifecycle.resume.after");
    if (!position) {
      NoteFailure(FaultOf(position.error().code()),
                  position.error().WithContext("asked where it stands, the sink failed"));
      return std::nullopt;
    }
    question.position = std::move(*position);
  }
  Result<bool> record = journal_->HasWatermarkRecord(settings_.sink);
  Result<Height> stored = journal_->StoredWatermark(settings_.sink);
  if (!record || !stored) {
    NoteFailure(SinkFault::kRetryable, !record ? record.error() : stored.error());
    return std::nullopt;
  }
  question.has_watermark_record = *record;
  question.stored_watermark = *stored;
  // J first: what is pruned meanwhile is below every sink's watermark, and so below this one's.
  question.journaled = journal_->journaled();
  question.committed = journal_->committed();
  question.first = journal_->first();
  Result<AttachDecision> decision =
      DecideAttach(question, [this](Height height) { return journal_->DigestAt(height); });
  if (!decision) {
    NoteFailure(SinkFault::kRetryable,
                decision.error().WithContext("the journal cannot say what the sink should hold"));
    return std::nullopt;
  }
  std::lock_guard lock(mutex_);
  if (question.position) {
    sink_height_ = question.position->empty ? Height() : question.position->height;
  }
  return *std::move(decision);
}

bool SinkDelivery::Attach(SinkInstance* instance, const Base& base, AttachReason reason) {
  Failpoint("lifecycle.attach.before", base.height.value());
  Status status = kCancelled;
  if (watch_->Enter(CallWatch::Call::kAttach, Deadline(settings_.call_timeout))) {
    status = instance->Attach(base, reason, settings_.epoch);
    if (!watch_->Leave()) return false;
  }
  Failpoint("lifecycle.attach.after", base.height.value());
  if (status.ok()) return true;
  NoteFailure(FaultOf(status.code()),
              status.WithContext(fmt::format("attach at height {} failed", base.height)));
  return false;
}

bool SinkDelivery::Open(SinkInstance* instance, const StartResult& started, const Base& base,
                        AttachReason reason) {
  if (!Attach(instance, base, reason)) return false;
  DeliveryQueue::Settings queue;
  queue.level = started.level;
  queue.max_in_flight = std::max<uint64_t>(settings_.max_in_flight, 1);
  queue.bytes_max = settings_.queue_bytes;
  queue.retry = settings_.retry;
  queue.ack_time = &settings_.counters->ack_time;
  Lock lock(mutex_);
  started_ = started;
  queue.parallel = parallel();
  can_resume_ = instance->can_resume();
  // What is enqueued from here on finds the queue; what was before is journaled by now.
  queue_.emplace(queue, base.height, std::max(journal_->journaled(), newest_enqueued_), Now());
  Tell(&lock);
  return true;
}

bool SinkDelivery::WaitUntilJournaled(Height height) {
  Lock lock(mutex_);
  changed_.wait(lock, [&] {
    return stopping_ || failure_ || std::max(newest_enqueued_, journal_->journaled()) >= height;
  });
  return !stopping_ && !failure_;
}

bool SinkDelivery::WaitUntilCommitted(Height height) {
  // Sinks are not told of commits, and this wait is rare and short: an ack has gone before.
  constexpr Duration kLookInterval = std::chrono::milliseconds(10);
  while (journal_->committed() < height) {
    if (!Pause(kLookInterval)) return false;
  }
  return Pause(Duration::zero());
}

bool SinkDelivery::Pause(Duration duration) {
  Lock lock(mutex_);
  const auto ends = [&] { return stopping_ || failure_; };
  return duration > Duration::zero() ? !changed_.wait_for(lock, duration, ends) : !ends();
}

bool SinkDelivery::WaitUntilAcked(TimePoint until) {
  Lock lock(mutex_);
  changed_.wait_until(lock, until,
                      [&] { return !queue_ || failure_ || at_once_ || queue_->in_flight() == 0; });
  return !failure_ && (!queue_ || queue_->in_flight() == 0);
}

// After a failure at an ordered sink: what it holds is its own to say, for acks may have been lost.
bool SinkDelivery::Reconcile(Lock* lock, SinkInstance* instance) {
  ask_again_ = false;
  const Height before = queue_->watermark();
  lock->unlock();
  Asked asked;
  asked.first_answer = false;
  std::optional<AttachDecision> decision = AskPosition(instance, asked);
  const bool abandoned = watch_->abandoned();
  if (!decision) {
    if (!abandoned) lock->lock();
    return !abandoned;
  }
  if (decision->outcome != AttachOutcome::kAttach) {
    SinkFault fault = SinkFault::kGap;
    if (decision->outcome == AttachOutcome::kDiverged) fault = SinkFault::kDiverged;
    if (decision->outcome == AttachOutcome::kForeign) fault = SinkFault::kForeign;
    if (decision->outcome == AttachOutcome::kFenced) fault = SinkFault::kFenced;
    // A new instance waits until the node gets there.
    if (decision->outcome == AttachOutcome::kAhead) fault = SinkFault::kRetryable;
    // Or takes a copy of the state.
    if (decision->outcome == AttachOutcome::kSnapshot) {
      fault = SinkFault::kRetryable;
      decision->text =
          "the journal no longer holds what the sink needs next: by on_gap a copy of "
          "the state replaces what it holds";
    }
    NoteFailure(fault, Status(StatusCode::kPlugin, decision->text));
    lock->lock();
    return true;
  }
  const Base& base = decision->base;
  lock->lock();
  if (base.height >= before) {
    // An ack was lost, or is on its way: the sink's own progress is no new base.
    if (base.height > queue_->watermark()) {
      queue_->JumpTo(base.height);
      last_progress_ = Now();
      Tell(lock);
    }
    return true;
  }
  LogWarn(settings_.component,
          "at height {}, although it has acked {}: delivering again from height {}", base.height,
          before, base.height + 1);
  queue_->Rebase(base.height, Now());
  for (std::optional<Height>& told : told_) told.reset();
  Tell(lock);
  lock->unlock();
  const bool attached = Attach(instance, base, decision->reason);
  if (!attached && watch_->abandoned()) return false;
  lock->lock();
  return true;
}

// --- what came of a delivery -------------------------------------------------------------------

void SinkDelivery::ApplyResult(Height height, Attempt attempt, uint64_t ready_before,
                               const Status& status) {
  switch (status.code()) {
    case StatusCode::kOk:
      ApplyAck({attempt, height, height, started_.level});
      return;
    case StatusCode::kPending:
      return;
    case StatusCode::kBusy:
      queue_->Busy(height, attempt);
      // A ready that came while deliver ran counts: it may already be the one that was meant.
      if (ready_count_ == ready_before) {
        busy_ = true;
        busy_since_ = Now();
      }
      return;
    default:
      ApplyFailed(height, attempt, status, Duration::zero());
  }
}

void SinkDelivery::ApplyAck(const DeliveryQueue::AckRange& ack) {
  const TimePoint now = Now();
  const Height before = queue_->watermark();
  if (!queue_->Ack(ack, now)) return;
  // Side by side, one height that is never acked would go unnoticed among those that are.
  if (!parallel() || queue_->watermark() != before) last_progress_ = now;
}

void SinkDelivery::ApplyFailed(Height height, Attempt attempt, const Status& status,
                               Duration asked) {
  if (!RetriesHeight(status.code())) {
    FailLocked(FaultOf(status.code()), status.WithContext(fmt::format("height {}", height)));
    return;
  }
  std::optional<DeliveryQueue::Failed> failed =
      queue_->Fail(height, attempt, Now(), Random(), asked);
  // Cancelled because it is being stopped: nothing to say, nothing to try again.
  if (!failed || stopping_) return;
  last_error_ = HeightError{WallNanos(), status};
  settings_.counters->CountError(status.code());
  ask_again_ = can_resume_ && !parallel();
  if (failed->exhausted) {
    FailLocked(SinkFault::kExhausted, status.WithContext(fmt::format("height {} failed {} times",
                                                                     height, failed->failures)));
    return;
  }
  if (failed->failures % 5 == 1) {
    LogWarn(settings_.component, "height {}: {}; retrying in {} ms (attempt {})", height,
            status.message(), Milliseconds(failed->delay), failed->failures);
  }
}

// --- reports -----------------------------------------------------------------------------------

void SinkDelivery::OnReports() {
  Lock lock(mutex_);
  Reader reader(this);
  if (!channel_.Drain(&reader)) return;
  const bool failed = failure_.has_value();
  // A thread is woken only where there may be something to do for it; it wakes the next.
  const bool wake_thread = waiting_ > 0 || (queue_ && queue_->in_flight() == 0);
  Tell(&lock);
  lock.unlock();
  if (failed) {
    changed_.notify_all();
    wake_();
  } else if (wake_thread) {
    changed_.notify_one();
  }
}

bool SinkDelivery::Untold() const {
  for (auto i = static_cast<size_t>(AckLevel::kReceived); i <= static_cast<size_t>(started_.level);
       ++i) {
    if (told_[i] != queue_->watermark(static_cast<AckLevel>(i))) return true;
  }
  return false;
}

// Under mutex_.
void SinkDelivery::NoteFill() {
  if (!stopping_) {
    settings_.counters->queue_fill.store(queue_->fill(), std::memory_order_relaxed);
  }
}

void SinkDelivery::Tell(Lock* lock) {
  if (!queue_) return;
  NoteFill();
  if (!Untold()) return;
  lock->unlock();
  TellLevels();
  lock->lock();
}

void SinkDelivery::TellLevels() {
  std::lock_guard reporting(reporting_);
  std::array<std::optional<Height>, 4> news;
  AckLevel highest;
  {
    std::lock_guard lock(mutex_);
    highest = started_.level;
    Height implied;
    bool said = false;
    // From the highest down: a level implies those below it, which are named where they are
    // further.
    for (auto i = static_cast<size_t>(highest); i >= 1; --i) {
      const Height mark = queue_->watermark(static_cast<AckLevel>(i));
      const bool is_implied = said && mark == implied;
      if ((told_[i] != mark || said) && !is_implied) {
        news[i] = mark;
        said = true;
      }
      told_[i] = mark;
      implied = mark;
    }
  }
  if (observer_ == nullptr) return;
  for (auto i = static_cast<size_t>(highest); i >= 1; --i) {
    if (news[i])
      observer_->OnWatermark(settings_.sink, static_cast<AckLevel>(i), *news[i], highest);
  }
}

void SinkDelivery::Close() {
  std::lock_guard reporting(reporting_);
  observer_ = nullptr;
}

// --- from outside ------------------------------------------------------------------------------

void SinkDelivery::Enqueue(std::shared_ptr<const ChangeSet> change_set) {
  const Height height = change_set->height();
  bool wake_thread = true;
  {
    Lock lock(mutex_);
    newest_enqueued_ = std::max(newest_enqueued_, height);
    if (queue_) {
      // Heights come dense, and the queue began at what was journaled then; should that ever fail,
      // the journal has what is between.
      if (queue_->Insert(height, std::move(change_set), Now()) == DeliveryQueue::Inserted::kGap) {
        queue_->Extend(height, Now());
      }
      NoteFill();
      wake_thread = waiting_ > 0;
    }
  }
  if (wake_thread) changed_.notify_one();
}

void SinkDelivery::Stop(bool at_once) {
  {
    std::lock_guard lock(mutex_);
    // Nobody is slowed down by a queue that is not worked on.
    if (!stopping_) settings_.counters->queue_fill.store(0, std::memory_order_relaxed);
    stopping_ = true;
    at_once_ = at_once_ || at_once;
  }
  changed_.notify_all();
}

void SinkDelivery::SetAckTimeout(Duration ack_timeout) {
  std::lock_guard lock(mutex_);
  ack_timeout_ = ack_timeout;
}

void SinkDelivery::FailLocked(SinkFault fault, Status status) {
  // What comes after the first failure is mostly its consequence.
  if (!failure_) failure_ = SinkFailure{fault, std::move(status)};
}

void SinkDelivery::NoteFailure(SinkFault fault, Status status) {
  {
    std::lock_guard lock(mutex_);
    FailLocked(fault, std::move(status));
  }
  changed_.notify_all();
  wake_();
}

std::optional<SinkFailure> SinkDelivery::failure() const {
  std::lock_guard lock(mutex_);
  return failure_;
}

TimePoint SinkDelivery::CheckOverdue(TimePoint now) {
  TimePoint look_again = TimePoint::max();
  {
    std::lock_guard lock(mutex_);
    watched_ = false;
    if (!queue_ || failure_ || stopping_) return look_again;
    const std::optional<DeliveryQueue::InFlight> oldest = queue_->OldestInFlight();
    if (oldest && ack_timeout_ > Duration::zero()) {
      watched_ = true;
      const TimePoint overdue_at = std::max(last_progress_, oldest->begun_at) + ack_timeout_;
      if (now >= overdue_at) {
        FailLocked(
            SinkFault::kRetryable,
            Status(StatusCode::kTimeout, fmt::format("no ack for height {} within {} ms",
                                                     oldest->height, Milliseconds(ack_timeout_))));
      }
      look_again = overdue_at;
    }
    // A height that is void or acked meanwhile is not in flight, but its deliver may block still.
    if (!calls_.empty() && ack_timeout_ > Duration::zero()) {
      watched_ = true;
      const Call& call = calls_.front();
      const TimePoint overdue_at = std::max(call.since, last_progress_) + ack_timeout_;
      if (now >= overdue_at) {
        FailLocked(SinkFault::kRetryable,
                   Status(StatusCode::kTimeout,
                          fmt::format("deliver of height {} has not returned within {} ms",
                                      call.height, Milliseconds(ack_timeout_))));
      }
      look_again = std::min(look_again, overdue_at);
    }
    if (busy_ && settings_.stalled_after > Duration::zero()) {
      const TimePoint overdue_at = std::max(busy_since_, last_progress_) + settings_.stalled_after;
      if (now >= overdue_at) {
        FailLocked(
            SinkFault::kRetryable,
            Status(StatusCode::kTimeout,
                   fmt::format("busy, and no progress at height {} for {} ms",
                               queue_->watermark() + 1, Milliseconds(settings_.stalled_after))));
      }
      look_again = std::min(look_again, overdue_at);
    }
    if (!failure_) return look_again;
  }
  changed_.notify_all();
  return TimePoint::max();
}

SinkDelivery::Snapshot SinkDelivery::snapshot(TimePoint now) const {
  Snapshot result;
  const AckChannel::Counts counts = channel_.counts();
  std::lock_guard lock(mutex_);
  result.refused = counts.other_epoch + counts.future + counts.dropped;
  result.sink_height = sink_height_;
  result.journaled = newest_enqueued_;
  if (!queue_) return result;
  result.open = true;
  result.watermark = queue_->watermark();
  result.journaled = queue_->newest();
  result.lag_blocks = queue_->lag_blocks();
  result.lag_bytes = queue_->lag_bytes();
  result.in_flight = queue_->in_flight();
  result.held_bytes = queue_->held_bytes();
  result.retries = queue_->retry_count();
  result.refused += queue_->refused_count();
  if (auto since = queue_->waiting_since()) {
    result.lag_seconds = std::chrono::duration<double>(now - *since).count();
  }
  result.last_error = last_error_;
  result.parked_until = queue_->ParkedUntil().value_or(TimePoint());
  return result;
}

}  // namespace sluice
