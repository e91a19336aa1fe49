// SPDX-License-Identifier: Apache-2.0
#include "delivery/parallel_order.h"

#include <algorithm>

namespace sluice {

void ParallelOrder::Learn(Height height, const Precedence& open) {
  if (open.heights.empty() && open.all_through == Height()) {
    SetReady(height);
    return;
  }
  waiting_[height] = {open.heights.size(), open.all_through};
  for (Height before : open.heights) waiters_[before].push_back(height);
  if (open.all_through != Height()) runs_.emplace(open.all_through, height);
}

void ParallelOrder::SetReadyIfDone(Height height) {
  const auto waiting = waiting_.find(height);
  if (waiting->second.left > 0 || waiting->second.all_through != Height()) return;
  waiting_.erase(waiting);
  SetReady(height);
}

void ParallelOrder::Take(Height height, TimePoint parked_until) {
  ready_.erase(height);
  parked_.erase({parked_until, height});
}

void ParallelOrder::Release(Height height) {
  // Where the sink was found to hold it, it may have been waiting itself.
  if (const auto itself = waiting_.find(height); itself != waiting_.end()) {
    runs_.erase({itself->second.all_through, height});
    waiting_.erase(itself);
  }
  const auto found = waiters_.find(height);
  if (found == waiters_.end()) return;
  for (Height waiter : found->second) {
    const auto waiting = waiting_.find(waiter);
    if (waiting == waiting_.end()) continue;
    --waiting->second.left;
    SetReadyIfDone(waiter);
  }
  waiters_.erase(found);
}

void ParallelOrder::Advance(Height watermark) {
  while (!runs_.empty() && runs_.begin()->first <= watermark) {
    const Height height = runs_.begin()->second;
    runs_.erase(runs_.begin());
    waiting_[height].all_through = Height();
    SetReadyIfDone(height);
  }
}

std::optional<Height> ParallelOrder::Next(TimePoint now) const {
  std::optional<Height> next;
  if (!ready_.empty()) next = *ready_.begin();
  // Few are parked at a time, and fewer are due.
  for (const auto& [until, height] : parked_) {
    if (until > now) break;
    next = std::min(next.value_or(height), height);
  }
  return next;
}

std::optional<TimePoint> ParallelOrder::ParkedUntil() const {
  if (parked_.empty()) return std::nullopt;
  return parked_.begin()->first;
}

}  // namespace sluice
