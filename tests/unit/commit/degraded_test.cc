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

const std::vector<bool> kBothMay = {true, true};

TEST(DegradedRanges, NeighbouringHeightsShareOneRecord) {
  DegradedRanges degraded({}, Names(), kBothMay);
  degraded.LeaveOut({1});
  degraded.Record(Height(5), {1}, 10);
  UnackedRange range = degraded.Record(Height(6), {0, 1}, 20);
  EXPECT_EQ(range.first, Height(5));
  EXPECT_EQ(range.last, Height(6));
  EXPECT_EQ(range.since_unix_nanos, 10);
  EXPECT_EQ(range.sinks, (std::vector<std::string>{"b", "a"})) << "whoever missed any of them";
  EXPECT_EQ(degraded.Record(Height(8), {1}, 30).first, Height(8)) << "a height in between did hold";
}

TEST(DegradedRanges, ASinkCountsAgainOnceItHasReachedTheJournaledHeight) {
  DegradedRanges degraded({}, Names(), kBothMay);
  degraded.LeaveOut({1});
  degraded.Record(Height(5), {1}, 10);
  EXPECT_TRUE(degraded.LetIn(At(9, 8), AckLevel::kDurable, Height(9)).empty());
  EXPECT_TRUE(degraded.degraded());
  EXPECT_TRUE(degraded.TakeHealed().empty());
  EXPECT_EQ(degraded.LetIn(At(9, 9), AckLevel::kDurable, Height(9)),
            (std::vector<std::string>{"b"}));
  EXPECT_FALSE(degraded.degraded());
  std::vector<UnackedRange> healed = degraded.TakeHealed();
  ASSERT_EQ(healed.size(), 1u);
  EXPECT_TRUE(healed[0].healed);
  EXPECT_TRUE(degraded.TakeHealed().empty()) << "told once";
  EXPECT_EQ(degraded.ranges().size(), 1u) << "healed ranges stay on record";
}

TEST(DegradedRanges, EveryRangeOfASinkHealsWithIt) {
  DegradedRanges degraded({}, Names(), kBothMay);
  degraded.LeaveOut({0, 1});
  degraded.Record(Height(5), {0}, 10);
  degraded.Record(Height(9), {0, 1}, 20);
  degraded.LetIn(At(9, 0), AckLevel::kDurable, Height(9));
  ASSERT_EQ(degraded.TakeHealed().size(), 1u);
  EXPECT_TRUE(degraded.ranges()[0].healed);
  EXPECT_FALSE(degraded.ranges()[1].healed) << "b misses it";
}

TEST(DegradedRanges, WaitsForAcksUntilEveryRangeIsTakenAsHealed) {
  DegradedRanges degraded({}, Names(), kBothMay);
  EXPECT_FALSE(degraded.waits());
  degraded.LeaveOut({1});
  degraded.Record(Height(5), {1}, 10);
  EXPECT_TRUE(degraded.waits());
  degraded.LetIn(At(9, 9), AckLevel::kDurable, Height(9));
  EXPECT_TRUE(degraded.waits()) << "that it is healed is still to be written";
  degraded.TakeHealed();
  EXPECT_FALSE(degraded.waits());
}

UnackedRange Open(std::vector<std::string> sinks) {
  UnackedRange range;
  range.first = range.last = Height(5);
  range.sinks = std::move(sinks);
  return range;
}

TEST(DegradedRanges, RestartLeavesTheSameSinksOut) {
  UnackedRange healed = Open({"a"});
  healed.healed = true;
  DegradedRanges degraded({healed, Open({"b"})}, Names(), kBothMay);
  EXPECT_FALSE(degraded.LeftOut(0));
  EXPECT_TRUE(degraded.LeftOut(1));
}

TEST(DegradedRanges, APolicyThatDoesNotDegradeLeavesNobodyOutAndStillKnowsWhoIsBehind) {
  DegradedRanges degraded({Open({"b"})}, Names(), {false, false});
  EXPECT_FALSE(degraded.LeftOut(1));
  EXPECT_FALSE(degraded.degraded());
  EXPECT_TRUE(degraded.TakeHealed().empty());
  degraded.LetIn(At(9, 9), AckLevel::kDurable, Height(9));
  EXPECT_EQ(degraded.TakeHealed().size(), 1u);
}

TEST(DegradedRanges, WhatASinkHasSkippedIsNotHealedByItsReturn) {
  DegradedRanges degraded({}, Names(), kBothMay);
  degraded.LeaveOut({1});
  degraded.Record(Height(5), {1}, 10);
  degraded.Record(Height(8), {1}, 20);
  std::vector<AckTracker::Sink> skipped = At(9, 9);
  skipped[1].partial_after = Height(7);
  EXPECT_EQ(degraded.LetIn(skipped, AckLevel::kDurable, Height(9)), (std::vector<std::string>{"b"}))
      << "it counts again all the same";
  const std::vector<UnackedRange> healed = degraded.TakeHealed();
  ASSERT_EQ(healed.size(), 1u);
  EXPECT_EQ(healed[0].first, Height(8)) << "this one it has got";
  EXPECT_FALSE(degraded.ranges()[0].healed);
  EXPECT_FALSE(degraded.waits()) << "nothing is to be hoped for";
}

TEST(DegradedRanges, ASinkThatIsRemovedHealsNothingUnderItsNameAgain) {
  DegradedRanges degraded({Open({"a", "b"})}, Names(), kBothMay);
  const std::vector<UnackedRange> changed = degraded.Disown(SinkName("b"));
  ASSERT_EQ(changed.size(), 1u);
  EXPECT_EQ(changed[0].sinks, (std::vector<std::string>{"a", "b (removed)"}));
  EXPECT_FALSE(degraded.LeftOut(1)) << "another one begins afresh";
  degraded.LetIn(At(9, 9), AckLevel::kDurable, Height(9));
  EXPECT_TRUE(degraded.TakeHealed().empty());
  // Nor after a restart.
  DegradedRanges restarted(changed, Names(), kBothMay);
  restarted.LetIn(At(9, 9), AckLevel::kDurable, Height(9));
  EXPECT_TRUE(restarted.TakeHealed().empty());
}

TEST(DegradedRanges, ASinkThatIsGoneFromTheConfigurationNeverHeals) {
  DegradedRanges degraded({Open({"removed"})}, Names(), kBothMay);
  EXPECT_TRUE(degraded.TakeHealed().empty());
  EXPECT_FALSE(degraded.degraded());
}

}  // namespace
}  // namespace sluice
