// SPDX-License-Identifier: Apache-2.0
//
// Durations, counted in buckets that grow by a fourth: enough for a p50 and a p99 in `status`, in
// constant memory, without a lock. Threading: Record and Quantile from any thread.
#pragma once

#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>

#include "base/clock.h"

namespace sluice {

class LatencyHistogram {
 public:
  void Record(Duration duration) {
    counts_[Bucket(duration)].fetch_add(1, std::memory_order_relaxed);
  }

  // The upper bound of the bucket that holds the quantile, in seconds; 0 where nothing was
  // recorded.
  double QuantileSeconds(double quantile) const {
    uint64_t total = 0;
    for (const auto& count : counts_) total += count.load(std::memory_order_relaxed);
    if (total == 0) return 0;
    auto rank = static_cast<uint64_t>(std::ceil(quantile * static_cast<double>(total)));
    uint64_t seen = 0;
    for (size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i].load(std::memory_order_relaxed);
      if (seen >= rank) return UpperSeconds(i);
    }
    return UpperSeconds(counts_.size() - 1);
  }

 private:
  static constexpr double kSmallestSeconds = 1e-6;
  static constexpr double kGrowth = 1.25;
  static size_t Bucket(Duration duration) {
    double seconds = std::chrono::duration<double>(duration).count();
    if (seconds <= kSmallestSeconds) return 0;
    auto bucket =
        static_cast<size_t>(std::ceil(std::log(seconds / kSmallestSeconds) / std::log(kGrowth)));
    return bucket < kBuckets ? bucket : kBuckets - 1;
  }
  static double UpperSeconds(size_t bucket) {
    return kSmallestSeconds * std::pow(kGrowth, static_cast<double>(bucket));
  }
  static constexpr size_t kBuckets = 96;  // 1 µs to about half an hour
  std::array<std::atomic<uint64_t>, kBuckets> counts_{};
};

}  // namespace sluice
