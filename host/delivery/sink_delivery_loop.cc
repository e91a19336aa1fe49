// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "base/failpoint.h"
#include "delivery/sink_delivery.h"

namespace sluice {

void SinkDelivery::Run(SinkInstance* instance) {
  std::vector<std::thread> others;
  if (parallel()) {
    const uint64_t workers = std::min(settings_.workers, settings_.max_in_flight);
    for (uint64_t i = 1; i < workers; ++i) {
      watch_->AddThread();
      others.emplace_back([this, instance] {
        Work(instance);
        watch_->RemoveThread();
      });
    }
  }
  Work(instance);
  if (others.empty()) return;
  // While it waits here this thread touches nothing, so it stands in no abandonment's way.
  watch_->RemoveThread();
  for (std::thread& other : others) other.join();
  watch_->AddThread();
}

void SinkDelivery::Work(SinkInstance* instance) {
  Lock lock(mutex_);
  while (!stopping_ && !failure_) {
    std::optional<DeliveryQueue::Deliverable> next;
    if (!busy_) next = queue_->Next(Now());
    if (next && Delivering(next->height)) {
      // It failed before its deliver has returned; that thread goes on with it.
      ++waiting_;
      changed_.wait(lock);
      --waiting_;
    } else if (next && ask_again_) {
      if (!Reconcile(&lock, instance)) return;
    } else if (next && next->change_set != nullptr) {
      if (!DeliverOne(&lock, instance, *next)) return;
    } else if (next && !reading_) {
      reading_ = true;
      std::shared_ptr<const ChangeSet> change_set = ReadBack(&lock, next->height);
      reading_ = false;
      if (change_set != nullptr) queue_->Load(next->height, std::move(change_set));
    } else if (std::optional<DeliveryQueue::Deliverable> unknown = ToLearn()) {
      LearnNext(&lock, *unknown);
    } else {
      WaitForWork(&lock);
    }
  }
}

bool SinkDelivery::Delivering(Height height) const {
  return std::any_of(calls_.begin(), calls_.end(),
                     [&](const Call& call) { return call.height == height; });
}

std::optional<DeliveryQueue::Deliverable> SinkDelivery::ToLearn() const {
  if (busy_ || reading_) return std::nullopt;
  return queue_->NextToLearn();
}

bool SinkDelivery::MoreWork() {
  return !busy_ && (queue_->ParkedUntil() || queue_->Next(Now()) || ToLearn());
}

void SinkDelivery::WaitForWork(Lock* lock) {
  ++waiting_;
  std::optional<TimePoint> until;
  // Whoever reads looks at what is parked when it is done.
  if (!busy_ && !reading_) until = queue_->ParkedUntil();
  if (until) {
    changed_.wait_until(*lock, *until);
  } else {
    changed_.wait(*lock);
  }
  --waiting_;
}

std::shared_ptr<const ChangeSet> SinkDelivery::ReadBack(Lock* lock, Height height) {
  lock->unlock();
  Result<std::shared_ptr<const ChangeSet>> change_set = journal_->Read(height);
  if (change_set) {
    lock->lock();
    return *std::move(change_set);
  }
  NoteFailure(SinkFault::kRetryable,
              change_set.error().WithContext(
                  fmt::format("height {} cannot be read back from the journal", height)));
  lock->lock();
  return nullptr;
}

void SinkDelivery::LearnNext(Lock* lock, const DeliveryQueue::Deliverable& next) {
  reading_ = true;
  const Height watermark = queue_->watermark();
  std::shared_ptr<const ChangeSet> change_set = next.change_set;
  if (change_set == nullptr) change_set = ReadBack(lock, next.height);
  if (change_set != nullptr) {
    lock->unlock();
    Precedence precedence = index_.Add(*change_set, settings_.filter, watermark);
    lock->lock();
    queue_->Load(next.height, std::move(change_set));
    queue_->Learn(next.height, std::move(precedence));
  }
  reading_ = false;
}

bool SinkDelivery::DeliverOne(Lock* lock, SinkInstance* instance,
                              const DeliveryQueue::Deliverable& next) {
  const Height height = next.height;
  const TimePoint since = Now();
  calls_.push_back({height, since});
  const DeliveryQueue::Begun begun = queue_->Begin(height, since);
  if (queue_->in_flight() == 1) last_progress_ = since;
  const bool wake = !watched_ && ack_timeout_ > Duration::zero();
  if (wake) watched_ = true;
  const uint64_t ready_before = ready_count_;
  // The plugin may ack before deliver returns.
  channel_.NoteDelivered(height, begun.attempt);
  const bool wake_next = waiting_ > 0 && MoreWork();
  lock->unlock();
  if (wake_next) changed_.notify_one();
  if (wake) wake_();

  Delivery delivery;
  delivery.change_set = settings_.filter.passes_all()
                            ? next.change_set
                            : FilterChangeSet(*next.change_set, settings_.filter);
  delivery.epoch = settings_.epoch;
  delivery.attempt = begun.attempt;
  delivery.newest_height = begun.newest_height;
  delivery.with_old_values = settings_.with_old_values;
  Failpoint("delivery.deliver.before", height.value());
  Status status(StatusCode::kCancelled, "the instance is being ended");
  if (watch_->Enter(CallWatch::Call::kDeliver, TimePoint::max())) {
    status = instance->Deliver(delivery);
    if (!watch_->Leave()) return false;
  }
  Failpoint("delivery.deliver.after", height.value());

  lock->lock();
  std::erase_if(calls_, [&](const Call& call) { return call.height == height; });
  if (status.ok() || status.code() == StatusCode::kPending) CountDelivered(*delivery.change_set);
  ApplyResult(height, begun.attempt, ready_before, status);
  const bool watch_busy = busy_ && !watched_ && settings_.stalled_after > Duration::zero();
  if (watch_busy) watched_ = true;
  const bool failed = failure_.has_value();
  Tell(lock);
  if (failed || watch_busy) {
    lock->unlock();
    if (failed) changed_.notify_all();
    wake_();
    lock->lock();
  }
  return true;
}

void SinkDelivery::CountDelivered(const ChangeSet& change_set) {
  SinkCounters& counters = *settings_.counters;
  counters.delivered_blocks.fetch_add(1, std::memory_order_relaxed);
  counters.delivered_changes.fetch_add(change_set.changes().size(), std::memory_order_relaxed);
  counters.delivered_bytes.fetch_add(change_set.canonical().size(), std::memory_order_relaxed);
}

}  // namespace sluice
