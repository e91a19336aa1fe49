// SPDX-License-Identifier: Apache-2.0
#include "delivery/retry.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(RetryDelay, GrowsByTheFactorUpToTheMaximum) {
  const RetrySettings settings{milliseconds(200), seconds(10), 2.0, 0.0, 0};
  EXPECT_EQ(RetryDelay(settings, 1, 0.5), milliseconds(200));
  EXPECT_EQ(RetryDelay(settings, 2, 0.5), milliseconds(400));
  EXPECT_EQ(RetryDelay(settings, 6, 0.5), milliseconds(6400));
  EXPECT_EQ(RetryDelay(settings, 7, 0.5), seconds(10));
  // Long after the power has left every integer.
  EXPECT_EQ(RetryDelay(settings, 1'000'000, 0.5), seconds(10));
}

TEST(RetryDelay, IsSpreadByTheJitterAndNeverAboveTheMaximum) {
  const RetrySettings settings{milliseconds(100), seconds(1), 2.0, 0.2, 0};
  EXPECT_EQ(RetryDelay(settings, 1, 0.0), milliseconds(80));
  EXPECT_EQ(RetryDelay(settings, 1, 0.5), milliseconds(100));
  EXPECT_GT(RetryDelay(settings, 1, 0.999), milliseconds(119));
  EXPECT_EQ(RetryDelay(settings, 50, 0.0), milliseconds(800));
  EXPECT_EQ(RetryDelay(settings, 50, 0.999), seconds(1));
}

TEST(RetryDelay, TheLargerOfOursAndTheSinksWishWins) {
  const RetrySettings settings{milliseconds(200), seconds(10), 2.0, 0.0, 0};
  EXPECT_EQ(RetryDelay(settings, 1, 0.5, milliseconds(50)), milliseconds(200));
  EXPECT_EQ(RetryDelay(settings, 1, 0.5, seconds(30)), seconds(30));
}

TEST(RetryExhausted, CountsFailedAttemptsAndZeroMeansNoLimit) {
  RetrySettings settings;
  EXPECT_FALSE(RetryExhausted(settings, 1'000'000));
  settings.max_attempts = 3;
  EXPECT_FALSE(RetryExhausted(settings, 2));
  EXPECT_TRUE(RetryExhausted(settings, 3));
}

}  // namespace
}  // namespace sluice
