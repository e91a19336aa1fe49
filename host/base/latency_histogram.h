// SPDX-License-Identifier: Apache-2.0
//
// Durations, counted in ten buckets a decade, from 1 µs to 1000 s: enough for a p50 and a p99 in
// `status` and for the histograms of /metrics, in constant memory, without a lock. The bounds are
// the preferred numbers R10 of ISO 3, so that each decade has 1, 2.5 and 5 among them.
//
// Threading: all functions from any thread; what is read while others record is at most a few
// records old.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/clock.h"

namespace sluice {

class LatencyHistogram {
 public:
  void Record(Duration duration);

  // The upper bound of the bucket that holds the quantile (0 to 1), in seconds; 0 where nothing was
  // recorded.
  double QuantileSeconds(double quantile) const;

  // For exposition: the bounds 1, 2.5 and 5 of each decade.
  struct Totals {
    struct Bucket {
      double upper_seconds = 0;
      uint64_t count = 0;  // of all durations up to the bound
    };
    std::vector<Bucket> buckets;  // the last bound is 1000 s
    uint64_t count = 0;           // above it, too
    double sum_seconds = 0;
  };
  Totals totals() const;

 private:
  static constexpr size_t kBounds = 91;
  std::array<std::atomic<uint64_t>, kBounds + 1> counts_{};  // the last: above all bounds
  std::atomic<int64_t> sum_nanos_{0};
};

}  // namespace sluice
