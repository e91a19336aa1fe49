// SPDX-License-Identifier: Apache-2.0
//
// How long a call of the plugin may wait: until a point in time, and no longer than until the host
// cancels it. Every wait in librdkafka is cut into slices, between which this is asked.
// Threading: a value; the flag behind it is set on another thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>

namespace sluice_kafka {

class CallLimit {
 public:
  using Clock = std::chrono::steady_clock;

  // `cancelled` may be null. It must outlive the limit.
  CallLimit(std::chrono::nanoseconds timeout, const std::atomic<bool>* cancelled)
      : timeout_(timeout), until_(Clock::now() + timeout), cancelled_(cancelled) {}

  // Begins the time anew: for what takes as long as it takes, while it gets on.
  void Renew() { until_ = Clock::now() + timeout_; }

  bool cancelled() const {
    return cancelled_ != nullptr && cancelled_->load(std::memory_order_acquire);
  }
  bool expired() const { return Clock::now() >= until_; }
  bool over() const { return cancelled() || expired(); }

  // The next slice of a wait, in milliseconds: short, so that a cancellation is soon noticed.
  int SliceMs() const {
    constexpr int64_t kLongest = 100;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until_ - Clock::now()).count();
    return static_cast<int>(std::clamp<int64_t>(left, 1, kLongest));
  }

 private:
  std::chrono::nanoseconds timeout_;
  Clock::time_point until_;
  const std::atomic<bool>* cancelled_;
};

}  // namespace sluice_kafka
