// SPDX-License-Identifier: Apache-2.0
//
// Remembers what a sink told the node, and lets a test wait for it.
// Threading: any thread.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "delivery/ports.h"

namespace sluice {

// How long a test waits for what must happen. Generous: it is only used up where the test fails.
inline constexpr std::chrono::seconds kPatience{60};

class FakeObserver final : public SinkObserver {
 public:
  struct Told {
    AckLevel level;
    Height watermark;
  };

  void OnWatermark(const SinkName& /*sink*/, AckLevel level, Height watermark,
                   AckLevel highest) override {
    std::lock_guard lock(mutex_);
    told_.push_back({level, watermark});
    for (size_t i = 1; i <= static_cast<size_t>(level); ++i) watermark_[i] = watermark;
    highest_ = highest;
    known_ = true;
    changed_.notify_all();
  }
  void OnAvailability(const SinkName& /*sink*/, SinkAvailability availability,
                      const std::string& reason) override {
    std::lock_guard lock(mutex_);
    availability_ = availability;
    reason_ = reason;
    availabilities_.push_back(availability);
    changed_.notify_all();
  }

  void OnSnapshot(const SinkName& /*sink*/, std::optional<Height> height, uint64_t rows) override {
    std::lock_guard lock(mutex_);
    copying_ = height;
    if (rows > 0) copied_rows_ = rows;
    changed_.notify_all();
  }

  // The height at which the journal is kept for a copy.
  std::optional<Height> copying() const {
    std::lock_guard lock(mutex_);
    return copying_;
  }
  uint64_t copied_rows() const {
    std::lock_guard lock(mutex_);
    return copied_rows_;
  }
  // The watermark at the instance's own level has reached `height`.
  bool WaitForWatermark(Height height) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] {
      return known_ && watermark_[static_cast<size_t>(highest_)] >= height;
    });
  }
  bool WaitForAvailability(SinkAvailability availability) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(
        lock, kPatience, [&] { return !availabilities_.empty() && availability_ == availability; });
  }
  // Some time since the last call of Clear.
  bool WaitForReason(const std::string& part) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience,
                             [&] { return reason_.find(part) != std::string::npos; });
  }

  Height watermark(AckLevel level) const {
    std::lock_guard lock(mutex_);
    return watermark_[static_cast<size_t>(level)];
  }
  Height watermark() const {
    std::lock_guard lock(mutex_);
    return watermark_[static_cast<size_t>(highest_)];
  }
  std::string reason() const {
    std::lock_guard lock(mutex_);
    return reason_;
  }
  std::vector<Told> told() const {
    std::lock_guard lock(mutex_);
    return told_;
  }
  std::vector<SinkAvailability> availabilities() const {
    std::lock_guard lock(mutex_);
    return availabilities_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Told> told_;
  std::array<Height, 4> watermark_{};
  AckLevel highest_ = AckLevel::kReceived;
  bool known_ = false;
  SinkAvailability availability_ = SinkAvailability::kJoining;
  std::string reason_;
  std::vector<SinkAvailability> availabilities_;
  std::optional<Height> copying_;
  uint64_t copied_rows_ = 0;
};

}  // namespace sluice
