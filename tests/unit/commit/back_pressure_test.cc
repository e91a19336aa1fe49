// SPDX-License-Identifier: Apache-2.0
#include "commit/back_pressure.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice {
namespace {

using std::chrono::milliseconds;

TEST(BackPressure, TheDelayIsZeroAtFirstThenGrowsSmoothlyAndIsBounded) {
  struct Row {
    double fill;
    Duration delay;
  };
  const Row rows[] = {
      {-1, Duration::zero()},   {0, Duration::zero()},    {0.3, Duration::zero()},
      {0.5, Duration::zero()},  {0.75, milliseconds(25)}, {1, milliseconds(100)},
      {1.5, milliseconds(100)}, {1e9, milliseconds(100)},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(IntakeDelay(row.fill, milliseconds(100)), row.delay) << row.fill;
  }
  // No step: neighbours differ by little, and never fall.
  Duration before{};
  for (int i = 0; i <= 1000; ++i) {
    const Duration delay = IntakeDelay(i / 1000.0, milliseconds(100));
    EXPECT_GE(delay, before);
    EXPECT_LE(delay - before, std::chrono::microseconds(401));
    EXPECT_EQ(delay, IntakeDelay(i / 1000.0, milliseconds(100)));
    before = delay;
  }
}

TEST(BackPressure, CountsWhatThePolicyNeeds) {
  const std::vector<PolicySink> sinks = {{SinkName("a")}, {SinkName("b")}, {SinkName("c")}};
  constexpr auto kHere = SinkAvailability::kAvailable;
  constexpr auto kRetry = SinkAvailability::kJoining;
  constexpr auto kGone = SinkAvailability::kGone;
  struct Row {
    std::string policy;
    std::vector<SinkFill> fills;
    double needed;
    const char* why;
  };
  const std::vector<Row> rows = {
      {"fire-and-forget", {{1, kHere}, {1, kHere}, {1, kHere}}, 0, "nobody is needed"},
      {"all", {{0.1, kHere}, {0.9, kHere}, {0.2, kHere}}, 0.9, "the fullest of all"},
      {"all", {{0.1, kHere}, {0.9, kRetry}, {0.2, kHere}}, 0.9, "it could still come"},
      {"all", {{0.1, kHere}, {0.9, kGone}, {0.2, kHere}}, 0.2, "who is gone slows nobody down"},
      {"all", {{0.1, kHere}, {0.9, kHere, true}, {0.2, kHere}}, 0.2, "nor who is left out"},
      {"all", {{1, kGone}, {1, kGone}, {1, kGone}}, 0, "nobody is there"},
      {"all (a)", {{0.1, kHere}, {0.9, kHere}, {0.2, kHere}}, 0.1, "who is not named"},
      {"1 of (a, b, c)", {{0.6, kHere}, {0.9, kHere}, {0.7, kHere}}, 0.6, "the fastest is enough"},
      {"2 of (a, b, c)", {{0.6, kHere}, {0.9, kHere}, {0.7, kHere}}, 0.7, "the two fastest"},
      {"2 of (a, b, c)", {{0.6, kHere}, {0.9, kHere}, {0.7, kGone}}, 0.9, "the two that are left"},
      {"2 of (a, b, c)", {{0.6, kHere}, {0.9, kHere}, {1, kHere, true}}, 0.9, "two of the others"},
      {"2 of (a, b)", {{0.6, kHere}, {0.9, kHere, true}, {1, kHere}}, 0.6, "one is left to need"},
      {"all (a) and 1 of (b, c)",
       {{0.3, kHere}, {0.9, kHere}, {0.4, kHere}},
       0.4,
       "the fullest term"},
  };
  for (const Row& row : rows) {
    const Policy policy = ResolvePolicy(row.policy, sinks).value();
    EXPECT_DOUBLE_EQ(NeededFill(policy, row.fills), row.needed) << row.policy << ": " << row.why;
  }
}

}  // namespace
}  // namespace sluice
