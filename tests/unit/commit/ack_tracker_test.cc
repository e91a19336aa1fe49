// SPDX-License-Identifier: Apache-2.0
#include "commit/ack_tracker.h"

#include <gtest/gtest.h>

#include <limits>

namespace sluice {
namespace {

const SinkName kAudit("audit");
const SinkName kKafka("kafka");

TEST(AckTracker, ALevelImpliesThoseBelowIt) {
  AckTracker tracker({kAudit});
  tracker.SetWatermark(kAudit, AckLevel::kDurable, Height(5), AckLevel::kVisible);
  AckTracker::Sink sink = tracker.Snapshot()[0];
  EXPECT_EQ(sink.at(AckLevel::kReceived), Height(5));
  EXPECT_EQ(sink.at(AckLevel::kDurable), Height(5));
  EXPECT_EQ(sink.at(AckLevel::kVisible), Height(0));
}

TEST(AckTracker, TheJournalIsPinnedByTheHighestLevelASinkCanGive) {
  AckTracker tracker({kAudit, kKafka});
  EXPECT_EQ(tracker.LowestPin(Height(1)), Height(0))
      << "a sink that has not spoken pins everything";
  tracker.SetWatermark(kAudit, AckLevel::kReceived, Height(9), AckLevel::kDurable);
  tracker.SetWatermark(kAudit, AckLevel::kDurable, Height(7), AckLevel::kDurable);
  tracker.SetWatermark(kKafka, AckLevel::kReceived, Height(8), AckLevel::kReceived);
  EXPECT_EQ(tracker.LowestPin(Height(1)), Height(7));
}

TEST(AckTracker, NotifiesOfEveryChangeAndOnlyOfChanges) {
  AckTracker tracker({kAudit});
  int calls = 0;
  tracker.SetNotify([&] { ++calls; });
  tracker.SetAvailability(kAudit, SinkAvailability::kAvailable, "");
  tracker.SetAvailability(kAudit, SinkAvailability::kAvailable, "");
  EXPECT_EQ(calls, 1);
  tracker.SetWatermark(kAudit, AckLevel::kDurable, Height(1), AckLevel::kDurable);
  EXPECT_EQ(calls, 2);
}

TEST(AckTracker, GivesEachNewWatermarkToBeStoredOnce) {
  AckTracker tracker({kAudit, kKafka});
  tracker.SetStored(kKafka, Height(3));
  EXPECT_TRUE(tracker.TakeWatermarksToStore().empty());
  tracker.SetWatermark(kAudit, AckLevel::kDurable, Height(1), AckLevel::kDurable);
  tracker.SetWatermark(kKafka, AckLevel::kDurable, Height(3), AckLevel::kDurable);
  auto stored = tracker.TakeWatermarksToStore();
  ASSERT_EQ(stored.size(), 1u);
  EXPECT_EQ(stored[0].first, kAudit);
  EXPECT_EQ(stored[0].second, Height(1));
  EXPECT_TRUE(tracker.TakeWatermarksToStore().empty()) << "nothing is new";
}

TEST(AckTracker, ASinkThatHasNotSpokenPinsTheJournalWhereItWasLeft) {
  AckTracker tracker({kAudit});
  tracker.SetStored(kAudit, Height(5));
  EXPECT_EQ(tracker.LowestPin(Height(1)), Height(5));
}

TEST(AckTracker, ASinkThatTheJournalCannotServeAnyMoreDoesNotPinIt) {
  AckTracker tracker({kAudit, kKafka});
  tracker.SetWatermark(kAudit, AckLevel::kDurable, Height(50), AckLevel::kDurable);
  EXPECT_EQ(tracker.LowestPin(Height(1)), Height(0));
  EXPECT_EQ(tracker.LowestPin(Height(20)), Height(50)) << "it misses 1 to 19 whatever is kept";
}

TEST(AckTracker, ALostSinkPinsNothingAndStaysGone) {
  AckTracker tracker({kAudit, kKafka});
  tracker.SetWatermark(kAudit, AckLevel::kDurable, Height(50), AckLevel::kDurable);
  tracker.SetWatermark(kKafka, AckLevel::kDurable, Height(10), AckLevel::kDurable);
  tracker.SetLost(kKafka);
  tracker.SetAvailability(kKafka, SinkAvailability::kAvailable, "");
  EXPECT_EQ(tracker.LowestPin(Height(1)), Height(50));
  EXPECT_EQ(tracker.Snapshot()[1].availability, SinkAvailability::kGone);
}

TEST(AckTracker, ARemovedSinkPinsNothingAndIsStoredNoMore) {
  AckTracker tracker({SinkName("a"), SinkName("b")});
  tracker.SetWatermark(SinkName("a"), AckLevel::kDurable, Height(9), AckLevel::kDurable);
  tracker.SetWatermark(SinkName("b"), AckLevel::kDurable, Height(4), AckLevel::kDurable);
  EXPECT_EQ(tracker.LowestPin(Height(1)), Height(4));
  tracker.Remove(SinkName("b"));
  EXPECT_EQ(tracker.LowestPin(Height(1)), Height(9));
  EXPECT_EQ(tracker.TakeWatermarksToStore().size(), 1U);
  EXPECT_EQ(tracker.Snapshot()[1].availability, SinkAvailability::kGone);
  tracker.SetAvailability(SinkName("b"), SinkAvailability::kAvailable, "");
  EXPECT_EQ(tracker.Snapshot()[1].availability, SinkAvailability::kGone) << "too late";
}

TEST(AckTracker, ASinkThatIsAddedStandsBehindTheOthersOrInItsOldPlace) {
  AckTracker tracker({SinkName("a"), SinkName("b")});
  tracker.Add(SinkName("c"));
  ASSERT_EQ(tracker.Snapshot().size(), 3U);
  EXPECT_EQ(tracker.Snapshot()[2].name, SinkName("c"));
  EXPECT_EQ(tracker.LowestPin(Height(1)), Height(0)) << "what it needs is kept from now on";
  tracker.SetWatermark(SinkName("b"), AckLevel::kDurable, Height(4), AckLevel::kDurable);
  tracker.Remove(SinkName("b"));
  tracker.Add(SinkName("b"));
  ASSERT_EQ(tracker.Snapshot().size(), 3U);
  EXPECT_FALSE(tracker.Snapshot()[1].known);
  EXPECT_EQ(tracker.Snapshot()[1].availability, SinkAvailability::kJoining);
}

TEST(AckTracker, AnInstanceThatIsToComeMayDoWhatTheOneBeforeCouldNot) {
  AckTracker tracker({SinkName("a")});
  tracker.SetWatermark(SinkName("a"), AckLevel::kReceived, Height(9), AckLevel::kReceived);
  tracker.SetAvailability(SinkName("a"), SinkAvailability::kGone, "disabled");
  tracker.Expect(SinkName("a"));
  // The one before still acks.
  tracker.SetWatermark(SinkName("a"), AckLevel::kReceived, Height(10), AckLevel::kReceived);
  EXPECT_TRUE(tracker.Snapshot()[0].expected);
  EXPECT_EQ(tracker.Snapshot()[0].availability, SinkAvailability::kJoining);
  EXPECT_EQ(tracker.LowestPin(Height(1)), Height(10)) << "what it has acked stays acked";
  tracker.SetAvailability(SinkName("a"), SinkAvailability::kAvailable, "restarting");
  EXPECT_TRUE(tracker.Snapshot()[0].expected);
  tracker.SetAvailability(SinkName("a"), SinkAvailability::kAvailable, "");
  EXPECT_FALSE(tracker.Snapshot()[0].expected);
}

TEST(AckTracker, ASinkThatCopiesTheStateHoldsTheJournalThereAndStoresNothing) {
  const SinkName a("a");
  AckTracker tracker({a, SinkName("b")});
  tracker.SetWatermark(a, AckLevel::kDurable, Height(9), AckLevel::kDurable);
  tracker.SetWatermark(SinkName("b"), AckLevel::kDurable, Height(20), AckLevel::kDurable);
  EXPECT_EQ(tracker.TakeWatermarksToStore().size(), 2U);
  tracker.SetAvailability(a, SinkAvailability::kAvailable, "");
  tracker.SetCopying(a, Height(15), 0);
  EXPECT_EQ(tracker.LowestPin(Height(1)), Height(15));
  EXPECT_EQ(tracker.Snapshot()[0].availability, SinkAvailability::kJoining);
  EXPECT_EQ(tracker.Snapshot()[0].reason, "copying the state at height 15");
  EXPECT_TRUE(tracker.TakeWatermarksToStore().empty());
  tracker.SetCopying(a, Height(15), 4096);
  EXPECT_EQ(tracker.Snapshot()[0].copied_rows, 4096U);
  // Attached behind it.
  tracker.SetWatermark(a, AckLevel::kDurable, Height(15), AckLevel::kDurable);
  tracker.SetCopying(a, std::nullopt, 0);
  EXPECT_EQ(tracker.LowestPin(Height(1)), Height(15));
  EXPECT_EQ(tracker.TakeWatermarksToStore().size(), 1U);
}

TEST(AckTracker, ACopyFindsALostSinkItsWayBackAndIsItselfGivenUp) {
  const SinkName a("a");
  AckTracker tracker({a});
  tracker.SetWatermark(a, AckLevel::kDurable, Height(9), AckLevel::kDurable);
  tracker.SetLost(a);
  tracker.SetCopying(a, Height(30), 0);
  EXPECT_FALSE(tracker.IsLost(a));
  EXPECT_EQ(tracker.LowestPin(Height(20)), Height(30));
  tracker.SetLost(a);
  EXPECT_EQ(tracker.LowestPin(Height(20)), Height(std::numeric_limits<int64_t>::max()));
  // Rows that were under way do not bring it back.
  tracker.SetCopying(a, Height(30), 100);
  EXPECT_TRUE(tracker.IsLost(a));
  EXPECT_FALSE(tracker.Snapshot()[0].copying);
}

TEST(AckTracker, ALostSinkThatIsTriedAgainPinsAndCountsAgain) {
  AckTracker tracker({SinkName("a"), SinkName("b")});
  tracker.SetWatermark(SinkName("a"), AckLevel::kDurable, Height(9), AckLevel::kDurable);
  tracker.SetWatermark(SinkName("b"), AckLevel::kDurable, Height(4), AckLevel::kDurable);
  tracker.SetLost(SinkName("b"));
  EXPECT_EQ(tracker.LowestPin(Height(1)), Height(9));
  tracker.ClearLost(SinkName("b"));
  EXPECT_EQ(tracker.LowestPin(Height(1)), Height(4));
  tracker.SetAvailability(SinkName("b"), SinkAvailability::kAvailable, "");
  EXPECT_EQ(tracker.Snapshot()[1].availability, SinkAvailability::kAvailable);
}

}  // namespace
}  // namespace sluice
