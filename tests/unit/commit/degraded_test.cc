// SPDX-License-Identifier: Apache-2.0
#include "commit/degraded.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

std::vector<SinkName> Names() { return {SinkName("a"), SinkName("b")}; }

std::vector<AckTracker::Sink> At(uint64_t a, uint64_t b) {
  std::vector<AckTracker::Sink> sinks(2);
  sinks[0].watermark.fill(Height(a));
  sinks[1].watermark.fill(Height(b));
  return sinks;
}

TEST(DegradedRanges, NeighbouringHeightsShareOneRecord) {
  DegradedRanges degraded({}, Names());
  degraded.LeaveOut({1});
  EXPECT_FALSE(degraded.Continues(Height(5), {1}));
  degraded.Record(Height(5), {1}, 10);
  EXPECT_TRUE(degraded.Continues(Height(6), {1}));
  UnackedRange range = degraded.Record(Height(6), {1}, 20);
  EXPECT_EQ(range.first, Height(5));
  EXPECT_EQ(range.last, Height(6));
  EXPECT_EQ(range.since_unix_nanos, 10);
  EXPECT_FALSE(degraded.Continues(Height(8), {1})) << "a height in between did hold";
  EXPECT_FALSE(degraded.Continues(Height(7), {0, 1})) << "other sinks miss it";
}

TEST(DegradedRanges, ASinkCountsAgainOnceItHasReachedTheJournaledHeight) {
  DegradedRanges degraded({}, Names());
  degraded.LeaveOut({1});
  degraded.Record(Height(5), {1}, 10);
  EXPECT_TRUE(degraded.LetIn(At(9, 8), AckLevel::kDurable, Height(9)).empty());
  EXPECT_TRUE(degraded.degraded());
  EXPECT_FALSE(degraded.TakeHealed());
  EXPECT_EQ(degraded.LetIn(At(9, 9), AckLevel::kDurable, Height(9)),
            (std::vector<std::string>{"b"}));
  EXPECT_FALSE(degraded.degraded());
  std::optional<UnackedRange> healed = degraded.TakeHealed();
  ASSERT_TRUE(healed);
  EXPECT_TRUE(healed->healed);
  EXPECT_FALSE(degraded.TakeHealed()) << "told once";
  EXPECT_EQ(degraded.ranges().size(), 1u) << "healed ranges stay on record";
}

TEST(DegradedRanges, RestartLeavesTheSameSinksOut) {
  UnackedRange open;
  open.first = open.last = Height(5);
  open.sinks = {"b"};
  UnackedRange healed = open;
  healed.healed = true;
  healed.sinks = {"a"};
  DegradedRanges degraded({healed, open}, Names());
  EXPECT_FALSE(degraded.LeftOut(0));
  EXPECT_TRUE(degraded.LeftOut(1));
}

}  // namespace
}  // namespace sluice
