// SPDX-License-Identifier: Apache-2.0
#include "base/latency_histogram.h"

#include <algorithm>
#include <cmath>

namespace sluice {
namespace {

constexpr std::array<int64_t, 10> kDecade = {100, 125, 160, 200, 250, 315, 400, 500, 630, 800};
constexpr size_t kDecades = 9;
constexpr std::array<bool, 10> kShown = {true,  false, false, false, true,
                                         false, false, true,  false, false};

// In nanoseconds, from 1 µs to 1000 s.
constexpr auto kBoundNanos = [] {
  std::array<int64_t, kDecade.size() * kDecades + 1> bounds{};
  int64_t scale = 10;
  size_t i = 0;
  for (size_t decade = 0; decade < kDecades; ++decade, scale *= 10) {
    for (int64_t number : kDecade) bounds[i++] = number * scale;
  }
  bounds[i] = kDecade.front() * scale;
  return bounds;
}();

double Seconds(int64_t nanos) { return static_cast<double>(nanos) / 1e9; }

}  // namespace

void LatencyHistogram::Record(Duration duration) {
  static_assert(kBoundNanos.size() == kBounds);
  const auto* bound = std::lower_bound(kBoundNanos.begin(), kBoundNanos.end(), duration.count());
  counts_[static_cast<size_t>(bound - kBoundNanos.begin())].fetch_add(1, std::memory_order_relaxed);
  sum_nanos_.fetch_add(duration.count(), std::memory_order_relaxed);
}

double LatencyHistogram::QuantileSeconds(double quantile) const {
  uint64_t total = 0;
  for (const auto& count : counts_) total += count.load(std::memory_order_relaxed);
  if (total == 0) return 0;
  const auto rank = static_cast<uint64_t>(std::ceil(quantile * static_cast<double>(total)));
  uint64_t seen = 0;
  for (size_t i = 0; i < kBounds; ++i) {
    seen += counts_[i].load(std::memory_order_relaxed);
    if (seen >= rank) return Seconds(kBoundNanos[i]);
  }
  return Seconds(kBoundNanos.back());
}

LatencyHistogram::Totals LatencyHistogram::totals() const {
  Totals totals;
  for (size_t i = 0; i < kBounds; ++i) {
    totals.count += counts_[i].load(std::memory_order_relaxed);
    if (kShown[i % kShown.size()])
      totals.buckets.push_back({Seconds(kBoundNanos[i]), totals.count});
  }
  totals.count += counts_[kBounds].load(std::memory_order_relaxed);
  totals.sum_seconds = Seconds(sum_nanos_.load(std::memory_order_relaxed));
  return totals;
}

}  // namespace sluice
