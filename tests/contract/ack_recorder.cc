// SPDX-License-Identifier: Apache-2.0
#include "contract/ack_recorder.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace sluice::contract {
namespace {
constexpr size_t kViolationsMax = 5;
}  // namespace

void AckRecorder::Started(const StartResult& started) {
  const std::lock_guard lock(mutex_);
  started_ = started;
}

void AckRecorder::Attached(Height base) {
  const std::lock_guard lock(mutex_);
  watermark_ = base;
  highest_acked_ = base;
}

void AckRecorder::Expect(Height first) {
  const std::lock_guard lock(mutex_);
  if (watermark_ < first) return;
  watermark_ = first - 1;
  acked_.clear();
}

void AckRecorder::Delivered(Height height, Attempt attempt) {
  const std::lock_guard lock(mutex_);
  given_[height].insert(attempt);
  attempt_[height] = attempt;
}

void AckRecorder::Answered(Height height, Attempt attempt) {
  const std::lock_guard lock(mutex_);
  if (attempt_[height] == attempt) Mark(height, height, started_.level);
  changed_.notify_all();
}

void AckRecorder::Rewind(Height height) {
  const std::lock_guard lock(mutex_);
  nack_.reset();
  watermark_ = std::max(watermark_, height);
  acked_.erase(acked_.begin(), acked_.upper_bound(watermark_));
}

void AckRecorder::OnAck(const AckReport& ack) {
  const std::lock_guard lock(mutex_);
  const std::string what = fmt::format("an ack for height {}", ack.last);
  if (ack.epoch != epoch_) {
    return Violation(fmt::format("{} of epoch {}; the instance's is {}", what, ack.epoch, epoch_));
  }
  const auto given = given_.find(ack.last);
  if (given == given_.end()) {
    return Violation(what + ", which was never delivered to this instance");
  }
  if (given->second.count(ack.attempt) == 0) {
    return Violation(fmt::format("{} with attempt {}; it was delivered with attempt {}", what,
                                 ack.attempt, attempt_[ack.last]));
  }
  if (ack.level > started_.level) {
    return Violation(fmt::format("{} at level {}; start promised {} at most", what,
                                 AckLevelName(ack.level), AckLevelName(started_.level)));
  }
  const bool parallel = (started_.capabilities & kCapabilityParallel) != 0;
  if (ack.first == Height()) {
    if (parallel) {
      return Violation(what + " and all before it, by an instance that is PARALLEL");
    }
    Height& before = cumulative_[{ack.attempt, ack.level}];
    if (ack.last < before) {
      Violation(fmt::format("{} and all before it, after one for height {}", what, before));
    }
    before = std::max(before, ack.last);
  }
  if (ack.attempt != attempt_[ack.last]) return;  // stale: no fault, and no effect
  Mark(ack.first == Height() ? watermark_ + 1 : ack.first, ack.last, ack.level);
  changed_.notify_all();
}

void AckRecorder::Mark(Height first, Height last, AckLevel level) {
  if (level < started_.level) return;
  for (Height h = first; h <= last; ++h) {
    if (h > watermark_) acked_.insert(h);
  }
  while (acked_.erase(watermark_ + 1) == 1) ++watermark_;
  highest_acked_ = std::max(highest_acked_, last);
}

void AckRecorder::OnNack(const NackReport& nack) {
  const std::lock_guard lock(mutex_);
  const auto given = given_.find(nack.height);
  if (nack.epoch != epoch_ || given == given_.end() || given->second.count(nack.attempt) == 0) {
    return Violation(
        fmt::format("a nack for height {}, epoch {}, attempt {}, which were never "
                    "delivered together",
                    nack.height, nack.epoch, nack.attempt));
  }
  const bool earlier = !nack_ || nack.height < nack_->height;
  if (nack.attempt == attempt_[nack.height] && earlier) nack_ = nack;
  changed_.notify_all();
}

void AckRecorder::OnReady() {
  const std::lock_guard lock(mutex_);
  ++ready_count_;
  changed_.notify_all();
}

void AckRecorder::OnFailed(Status reason) {
  const std::lock_guard lock(mutex_);
  if (!failed_) failed_ = std::move(reason);
  changed_.notify_all();
}

void AckRecorder::Violation(std::string text) {
  if (violations_.size() < kViolationsMax) violations_.push_back(std::move(text));
}

AckRecorder::News AckRecorder::NewsLocked() const {
  return {watermark_, nack_, failed_, ready_count_};
}

AckRecorder::News AckRecorder::news() const {
  const std::lock_guard lock(mutex_);
  return NewsLocked();
}

AckRecorder::News AckRecorder::Await(Height height, Duration limit) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, limit, [&] { return watermark_ >= height || nack_ || failed_; });
  return NewsLocked();
}

AckRecorder::News AckRecorder::AwaitClosed(Height height, Duration limit) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, limit, [&] {
    return height <= watermark_ || acked_.count(height) != 0 || nack_ || failed_;
  });
  return NewsLocked();
}

AckRecorder::News AckRecorder::AwaitReady(uint64_t count, Duration limit) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, limit, [&] { return ready_count_ > count || failed_; });
  return NewsLocked();
}

bool AckRecorder::Acked(Height height) const {
  const std::lock_guard lock(mutex_);
  return height <= watermark_ || acked_.count(height) != 0;
}

bool AckRecorder::Open(Height height) const {
  const std::lock_guard lock(mutex_);
  return attempt_.count(height) != 0 && height > watermark_ && acked_.count(height) == 0;
}

Height AckRecorder::highest_acked() const {
  const std::lock_guard lock(mutex_);
  return highest_acked_;
}

std::vector<std::string> AckRecorder::violations() const {
  const std::lock_guard lock(mutex_);
  return violations_;
}

}  // namespace sluice::contract
