// SPDX-License-Identifier: Apache-2.0
#include "plugin/ack_channel.h"

#include <algorithm>
#include <utility>

namespace sluice {
namespace {

constexpr size_t kLevels = 3;

bool IsCumulative(const AckReport& ack) { return ack.first == Height(0); }

bool SameKind(const AckReport& a, const AckReport& b) {
  return a.attempt == b.attempt && a.level == b.level && IsCumulative(a) == IsCumulative(b);
}

bool Touch(const AckReport& a, const AckReport& b) {
  return a.first <= b.last + 1 && b.first <= a.last + 1;
}

}  // namespace

// A correct plugin leaves at most one range a height in flight and level, and one cumulative
// position an attempt and level; the attempts of heights in flight are at most as many. Twice that,
// so that repeated acks of older heights find room too.
AckChannel::AckChannel(const Options& options, std::function<void()> notify)
    : epoch_(options.epoch),
      acks_max_(2 * kLevels * (static_cast<size_t>(options.max_in_flight) + 1)),
      nacks_max_(static_cast<size_t>(options.max_in_flight) + 1),
      notify_(std::move(notify)) {}

void AckChannel::NoteDelivered(Height height, Attempt attempt) {
  const std::lock_guard<std::mutex> lock(mutex_);
  newest_height_ = std::max(newest_height_, height);
  newest_attempt_ = std::max(newest_attempt_, attempt);
}

bool AckChannel::Admit(Epoch epoch, Attempt attempt, Height height) {
  if (epoch != epoch_) {
    ++counts_.other_epoch;
    return false;
  }
  if (height > newest_height_ || attempt > newest_attempt_) {
    ++counts_.future;
    return false;
  }
  return true;
}

void AckChannel::OnAck(const AckReport& ack) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (!Admit(ack.epoch, ack.attempt, ack.last)) return;
  const bool was_empty = pending_.empty();
  Merge(ack);
  Announce(std::move(lock), was_empty);
}

void AckChannel::Merge(AckReport ack) {
  // A merged range may close the gap to a third one, hence all are looked at.
  auto& acks = pending_.acks;
  for (size_t i = 0; i < acks.size();) {
    if (SameKind(acks[i], ack) && Touch(acks[i], ack)) {
      ack.first = std::min(ack.first, acks[i].first);
      ack.last = std::max(ack.last, acks[i].last);
      acks.erase(acks.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
  acks.push_back(ack);
  if (acks.size() <= acks_max_) return;
  // The oldest heights go first: the newest position is never the one that is lost.
  ++counts_.dropped;
  acks.erase(std::min_element(acks.begin(), acks.end(), [](const AckReport& a, const AckReport& b) {
    return std::pair(a.attempt, a.last) < std::pair(b.attempt, b.last);
  }));
}

void AckChannel::OnNack(const NackReport& nack) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (!Admit(nack.epoch, nack.attempt, nack.height)) return;
  const bool was_empty = pending_.empty();
  auto& nacks = pending_.nacks;
  const auto same = std::find_if(nacks.begin(), nacks.end(), [&nack](const NackReport& known) {
    return known.height == nack.height;
  });
  if (same == nacks.end()) {
    nacks.push_back(nack);
    if (nacks.size() > nacks_max_) {
      // For an ordered sink the lowest height voids all above it, so the highest can go.
      ++counts_.dropped;
      nacks.erase(std::max_element(
          nacks.begin(), nacks.end(),
          [](const NackReport& a, const NackReport& b) { return a.height < b.height; }));
    }
  } else if (same->attempt < nack.attempt) {
    *same = nack;
  }
  Announce(std::move(lock), was_empty);
}

void AckChannel::OnReady() {
  std::unique_lock<std::mutex> lock(mutex_);
  const bool was_empty = pending_.empty();
  pending_.ready = true;
  Announce(std::move(lock), was_empty);
}

void AckChannel::OnFailed(Status reason) {
  std::unique_lock<std::mutex> lock(mutex_);
  const bool was_empty = pending_.empty();
  // What comes after the first failure is mostly its consequence.
  if (!pending_.failed) pending_.failed = std::move(reason);
  Announce(std::move(lock), was_empty);
}

void AckChannel::Announce(std::unique_lock<std::mutex> lock, bool was_empty) {
  // Where it was not empty, the reader has been told already and has not drained yet.
  if (!was_empty) return;
  lock.unlock();
  if (notify_) notify_();
}

bool AckChannel::Drain(InstanceListener* reader) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (pending_.empty()) return false;
    std::swap(pending_, draining_);
  }
  for (const AckReport& ack : draining_.acks) reader->OnAck(ack);
  for (const NackReport& nack : draining_.nacks) reader->OnNack(nack);
  if (draining_.ready) reader->OnReady();
  if (draining_.failed) reader->OnFailed(std::move(*draining_.failed));
  draining_.acks.clear();
  draining_.nacks.clear();
  draining_.ready = false;
  draining_.failed.reset();
  return true;
}

AckChannel::Counts AckChannel::counts() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return counts_;
}

}  // namespace sluice
