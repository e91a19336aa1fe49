// SPDX-License-Identifier: Apache-2.0
#include "base/latency_histogram.h"

#include <gtest/gtest.h>

#include <chrono>

namespace sluice {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Of the durations up to `upper_seconds`.
uint64_t CountUpTo(const LatencyHistogram& histogram, double upper_seconds) {
  for (const auto& bucket : histogram.totals().buckets) {
    if (bucket.upper_seconds == upper_seconds) return bucket.count;
  }
  ADD_FAILURE() << "no bucket ends at " << upper_seconds;
  return 0;
}

TEST(LatencyHistogram, EmptyOneHasNoQuantile) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.QuantileSeconds(0.5), 0);
  EXPECT_EQ(histogram.totals().count, 0u);
}

TEST(LatencyHistogram, BoundBelongsToItsOwnBucket) {
  LatencyHistogram histogram;
  histogram.Record(milliseconds(5));
  histogram.Record(milliseconds(5) + std::chrono::nanoseconds(1));
  EXPECT_EQ(CountUpTo(histogram, 0.0025), 0u);
  EXPECT_EQ(CountUpTo(histogram, 0.005), 1u);
  EXPECT_EQ(CountUpTo(histogram, 0.01), 2u);
}

TEST(LatencyHistogram, QuantileIsTheBoundThatHoldsIt) {
  LatencyHistogram histogram;
  for (int i = 0; i < 98; ++i) histogram.Record(microseconds(90));
  for (int i = 0; i < 2; ++i) histogram.Record(milliseconds(30));
  EXPECT_DOUBLE_EQ(histogram.QuantileSeconds(0.5), 0.0001);
  EXPECT_DOUBLE_EQ(histogram.QuantileSeconds(0.98), 0.0001);
  EXPECT_DOUBLE_EQ(histogram.QuantileSeconds(0.99), 0.0315);
}

TEST(LatencyHistogram, WhatIsOffTheScaleIsCounted) {
  LatencyHistogram histogram;
  histogram.Record(seconds(-1));
  histogram.Record(seconds(0));
  histogram.Record(seconds(2000));
  const LatencyHistogram::Totals totals = histogram.totals();
  EXPECT_EQ(totals.buckets.front().upper_seconds, 1e-6);
  EXPECT_EQ(totals.buckets.front().count, 2u);
  EXPECT_EQ(totals.buckets.back().upper_seconds, 1000);
  EXPECT_EQ(totals.buckets.back().count, 2u);
  EXPECT_EQ(totals.count, 3u);
  EXPECT_DOUBLE_EQ(totals.sum_seconds, 1999);
  EXPECT_DOUBLE_EQ(histogram.QuantileSeconds(1), 1000);
}

TEST(LatencyHistogram, BucketsAreCumulativeAndGrow) {
  LatencyHistogram histogram;
  for (int i = 1; i < 1'000'000'000; i *= 3) histogram.Record(microseconds(i));
  const LatencyHistogram::Totals totals = histogram.totals();
  ASSERT_EQ(totals.buckets.size(), 28u);
  for (size_t i = 1; i < totals.buckets.size(); ++i) {
    EXPECT_GT(totals.buckets[i].upper_seconds, totals.buckets[i - 1].upper_seconds);
    EXPECT_GE(totals.buckets[i].count, totals.buckets[i - 1].count);
  }
}

}  // namespace
}  // namespace sluice
