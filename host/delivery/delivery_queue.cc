// SPDX-License-Identifier: Apache-2.0
#include "delivery/delivery_queue.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace sluice {

DeliveryQueue::DeliveryQueue(const Settings& settings, Height base, Height newest, TimePoint now)
    : settings_(settings), newest_(std::max(base, newest)), cursor_(base + 1), newest_at_(now) {
  if (settings_.parallel) order_.emplace();
  watermark_.fill(base);
  Materialise(now);
}

DeliveryQueue::Entry* DeliveryQueue::Find(Height height) {
  if (height < front() || height - front() >= entries_.size()) return nullptr;
  return &entries_[height - front()];
}

const DeliveryQueue::Entry* DeliveryQueue::Find(Height height) const {
  return const_cast<DeliveryQueue*>(this)->Find(height);
}

// --- what is journaled -------------------------------------------------------------------------

DeliveryQueue::Inserted DeliveryQueue::Insert(Height height,
                                              std::shared_ptr<const ChangeSet> change_set,
                                              TimePoint now) {
  if (height > newest_ + 1) return Inserted::kGap;
  if (height <= watermark()) return Inserted::kKnown;
  const bool is_new = height > newest_;
  if (is_new) Extend(height, now);
  Entry* entry = Find(height);
  if (entry == nullptr) return Inserted::kQueued;
  // Only where it is the one entry without bytes: else what is delivered last would hold the budget
  // that what is delivered first needs.
  if (unheld_count_ == 1 && entry->change_set == nullptr && entry->state != State::kAcked &&
      held_bytes_ < settings_.bytes_max && change_set != nullptr) {
    Hold(entry, std::move(change_set));
  }
  return is_new ? Inserted::kQueued : Inserted::kKnown;
}

void DeliveryQueue::Extend(Height newest, TimePoint now) {
  if (newest <= newest_) return;
  newest_ = newest;
  newest_at_ = now;
  Materialise(now);
}

void DeliveryQueue::Materialise(TimePoint now) {
  const uint64_t wanted =
      std::min<uint64_t>(newest_ - watermark(), settings_.max_in_flight + kLookAhead);
  while (entries_.size() < wanted) Append(now);
}

void DeliveryQueue::Append(TimePoint now) {
  Entry entry;
  entry.queued_at = now;
  entries_.push_back(std::move(entry));
  ++unheld_count_;
}

void DeliveryQueue::Hold(Entry* entry, std::shared_ptr<const ChangeSet> change_set) {
  if (entry->bytes == 0) {
    entry->bytes = std::max<uint64_t>(change_set->memory_bytes(), 1);
    ++seen_count_;
    seen_bytes_ += entry->bytes;
  }
  entry->change_set = std::move(change_set);
  held_bytes_ += entry->bytes;
  --unheld_count_;
}

void DeliveryQueue::Release(Entry* entry) {
  if (entry->change_set != nullptr) {
    held_bytes_ -= entry->bytes;
    entry->change_set.reset();
  } else if (entry->state != State::kAcked) {
    --unheld_count_;
  }
}

// --- what is delivered -------------------------------------------------------------------------

bool DeliveryQueue::HasRoom() const {
  // One height always fits, however large it is.
  return in_flight_ == 0 ||
         (in_flight_ < settings_.max_in_flight && in_flight_bytes_ < settings_.bytes_max);
}

bool DeliveryQueue::IsAcked(Height height) const {
  if (height <= watermark()) return true;
  const Entry* entry = Find(height);
  return entry != nullptr && entry->state == State::kAcked;
}

bool DeliveryQueue::Ready(const Entry& entry, TimePoint now) const {
  return entry.state == State::kAwaiting ||
         (entry.state == State::kParked && entry.parked_until <= now);
}

std::optional<DeliveryQueue::Deliverable> DeliveryQueue::Next(TimePoint now) {
  if (!HasRoom()) return std::nullopt;
  Materialise(newest_at_);
  if (!settings_.parallel) {
    cursor_ = std::max(cursor_, front());
    Entry* entry = Find(cursor_);
    // An ordered sink may have acked a range above a height that it then failed.
    while (entry != nullptr && entry->state == State::kAcked) entry = Find(++cursor_);
    if (entry == nullptr || !Ready(*entry, now)) return std::nullopt;
    return Deliverable{cursor_, entry->change_set};
  }
  std::optional<Height> next = order_->Next(now);
  // Everything before the front is acked, whatever it touches.
  if (!entries_.empty() && entries_.front().state == State::kAwaiting) next = front();
  if (!next) return std::nullopt;
  return Deliverable{*next, Find(*next)->change_set};
}

std::optional<DeliveryQueue::Deliverable> DeliveryQueue::NextToLearn() const {
  if (!settings_.parallel) return std::nullopt;
  const Height height = std::max(learned_, watermark()) + 1;
  const Entry* entry = Find(height);
  if (entry == nullptr) return std::nullopt;
  if (entry->change_set == nullptr && held_bytes_ >= settings_.bytes_max) return std::nullopt;
  return Deliverable{height, entry->change_set};
}

void DeliveryQueue::Learn(Height height, Precedence precedence) {
  learned_ = std::max(learned_, height);
  const Entry* entry = Find(height);
  // The front may have been delivered before.
  if (entry == nullptr || entry->state != State::kAwaiting) return;
  std::erase_if(precedence.heights, [this](Height before) { return IsAcked(before); });
  if (precedence.all_through <= watermark()) precedence.all_through = Height();
  order_->Learn(height, precedence);
}

void DeliveryQueue::Load(Height height, std::shared_ptr<const ChangeSet> change_set) {
  Entry* entry = Find(height);
  if (entry == nullptr || entry->change_set != nullptr || entry->state == State::kAcked) return;
  Hold(entry, std::move(change_set));
}

DeliveryQueue::Begun DeliveryQueue::Begin(Height height, TimePoint now) {
  Entry* entry = Find(height);
  SLUICE_CHECK(entry != nullptr && entry->change_set != nullptr &&
                   (entry->state == State::kAwaiting || entry->state == State::kParked),
               "only what Next gave, and what is loaded, is delivered");
  entry->state = State::kInFlight;
  entry->begun_at = now;
  if (settings_.parallel) order_->Take(height, entry->parked_until);
  entry->attempt = settings_.parallel ? entry->attempt + 1 : generation_;
  ++in_flight_;
  in_flight_bytes_ += entry->bytes;
  if (!settings_.parallel) cursor_ = height + 1;
  Begun begun{entry->attempt, height};
  // A sink that groups heights waits for more while this is larger: it must never promise a height
  // that is then held back.
  if (HasRoom() && !settings_.parallel) {
    begun.newest_height = std::min(
        newest_,
        height + (settings_.max_in_flight - std::min(in_flight_, settings_.max_in_flight)));
  }
  return begun;
}

std::optional<TimePoint> DeliveryQueue::ParkedUntil() const {
  if (!settings_.parallel) {
    const Entry* entry = Find(cursor_);
    if (entry == nullptr || entry->state != State::kParked) return std::nullopt;
    return entry->parked_until;
  }
  return order_->ParkedUntil();
}

// --- what comes back ---------------------------------------------------------------------------

bool DeliveryQueue::Ack(const AckRange& ack, TimePoint now) {
  if (ack.first == Height() && settings_.parallel) {
    ++refused_count_;
    return false;
  }
  if (ack.last <= watermark() && ack.first <= ack.last) return false;  // forgotten
  const Height first = std::max(ack.first, front());
  const AckLevel level = std::min(ack.level, settings_.level);
  if (ack.last < first || Find(ack.last) == nullptr) {
    ++refused_count_;
    return false;
  }
  // A sink that acks what it never got is not to be believed about the rest of the range either.
  for (Height h = first; h <= ack.last; ++h) {
    const Entry* entry = Find(h);
    if (entry->state != State::kAcked && entry->attempt == Attempt()) {
      ++refused_count_;
      return false;
    }
  }
  // The attempt is that of the last batch. Heights below it that are still in flight from an
  // attempt before are covered, too: what failed was above them.
  const bool current = Find(ack.last)->attempt == ack.attempt;
  bool stale = false;
  bool moved = false;
  for (Height h = first; h <= ack.last; ++h) {
    Entry* entry = Find(h);
    if (entry->state == State::kAcked) continue;
    const bool covered = settings_.parallel ? entry->attempt == ack.attempt
                                            : current && entry->attempt <= ack.attempt;
    if (entry->state != State::kInFlight || !covered) {
      stale = true;
      continue;
    }
    if (entry->acked_level >= level) continue;
    entry->acked_level = level;
    moved = true;
    if (level == settings_.level) {
      if (settings_.ack_time != nullptr) settings_.ack_time->Record(now - entry->begun_at);
      LeaveFlight(entry, State::kInFlight);
      Release(entry);
      entry->state = State::kAcked;
      if (settings_.parallel) order_->Release(h);
    }
  }
  if (stale) ++refused_count_;
  if (moved) Advance();
  return moved;
}

void DeliveryQueue::LeaveFlight(Entry* entry, State state) {
  --in_flight_;
  in_flight_bytes_ -= entry->bytes;
  entry->state = state;
}

void DeliveryQueue::PopFront() {
  Entry& entry = entries_.front();
  if (entry.state == State::kInFlight) LeaveFlight(&entry, State::kInFlight);
  Release(&entry);
  entries_.pop_front();
}

void DeliveryQueue::Advance() {
  // Lower levels first: they look into the ring, which the own level then cuts.
  for (int32_t i = 1; i < static_cast<int32_t>(settings_.level); ++i) {
    Height& mark = watermark_[static_cast<size_t>(i)];
    for (const Entry* entry = Find(mark + 1);
         entry != nullptr && entry->acked_level >= static_cast<AckLevel>(i);
         entry = Find(mark + 1)) {
      ++mark;
    }
  }
  Height& mark = watermark_[static_cast<size_t>(settings_.level)];
  while (!entries_.empty() && entries_.front().state == State::kAcked) {
    PopFront();
    ++mark;
  }
  if (settings_.parallel) order_->Advance(mark);
  Materialise(newest_at_);
}

void DeliveryQueue::Busy(Height height, Attempt attempt) {
  Entry* entry = Find(height);
  if (entry == nullptr || entry->state != State::kInFlight || entry->attempt != attempt) return;
  LeaveFlight(entry, State::kAwaiting);
  if (settings_.parallel) {
    entry->attempt = entry->attempt - 1;
    order_->SetReady(height);
  } else {
    cursor_ = height;
  }
}

std::optional<DeliveryQueue::Failed> DeliveryQueue::Fail(Height height, Attempt attempt,
                                                         TimePoint now, double random,
                                                         Duration asked) {
  Entry* entry = Find(height);
  if (entry == nullptr || entry->state != State::kInFlight || entry->attempt != attempt) {
    ++refused_count_;
    return std::nullopt;
  }
  ++entry->failures;
  ++retry_count_;
  Failed failed;
  failed.failures = entry->failures;
  failed.delay = RetryDelay(settings_.retry, entry->failures, random, asked);
  failed.exhausted = RetryExhausted(settings_.retry, entry->failures);
  LeaveFlight(entry, State::kParked);
  entry->parked_until = now + failed.delay;
  if (!settings_.parallel) {
    // The sink has dropped what came after it, too.
    for (Height h = height + 1; h < cursor_; ++h) {
      Entry* later = Find(h);
      if (later->state == State::kInFlight) LeaveFlight(later, State::kAwaiting);
    }
    cursor_ = height;
    ++generation_;
  } else {
    order_->Park(height, entry->parked_until);
  }
  return failed;
}

// --- a new base --------------------------------------------------------------------------------

void DeliveryQueue::JumpTo(Height height) {
  if (height <= watermark()) return;
  newest_ = std::max(newest_, height);
  while (!entries_.empty() && watermark() < height) {
    if (settings_.parallel) {
      order_->Take(front(), entries_.front().parked_until);
      order_->Release(front());
    }
    PopFront();
    ++watermark_[static_cast<size_t>(settings_.level)];
  }
  for (Height& mark : watermark_) mark = std::max(mark, height);
  cursor_ = std::max(cursor_, front());
  Advance();
}

void DeliveryQueue::Rebase(Height base, TimePoint now) {
  while (!entries_.empty()) PopFront();
  if (settings_.parallel) order_.emplace();
  learned_ = Height();
  watermark_.fill(base);
  newest_ = std::max(newest_, base);
  cursor_ = front();
  ++generation_;
  Materialise(now);
}

// --- what is shown -----------------------------------------------------------------------------

std::optional<DeliveryQueue::InFlight> DeliveryQueue::OldestInFlight() const {
  Height height = front();
  for (const Entry& entry : entries_) {
    if (entry.state == State::kInFlight) return InFlight{height, entry.begun_at};
    ++height;
  }
  return std::nullopt;
}

double DeliveryQueue::fill() const {
  const double bytes = static_cast<double>(held_bytes_) / static_cast<double>(settings_.bytes_max);
  const double heights =
      static_cast<double>(lag_blocks()) / static_cast<double>(settings_.max_in_flight + kLookAhead);
  return std::min(std::max(bytes, heights), 1.0);
}

uint64_t DeliveryQueue::lag_bytes() const {
  const uint64_t average = seen_count_ == 0 ? 0 : seen_bytes_ / seen_count_;
  uint64_t known_count = 0;
  uint64_t known_bytes = 0;
  for (const Entry& entry : entries_) {
    if (entry.state == State::kAcked) {
      ++known_count;
    } else if (entry.bytes > 0) {
      ++known_count;
      known_bytes += entry.bytes;
    }
  }
  return known_bytes + (lag_blocks() - known_count) * average;
}

std::optional<TimePoint> DeliveryQueue::waiting_since() const {
  if (entries_.empty()) return std::nullopt;
  return entries_.front().queued_at;
}

}  // namespace sluice
