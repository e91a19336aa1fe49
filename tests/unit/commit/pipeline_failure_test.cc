// SPDX-License-Identifier: Apache-2.0
//
// When the policy does not hold: halt, recover, wait, degrade.
#include "unit/commit/pipeline_fixture.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

class PipelineFailure : public PipelineTest {
 protected:
  bool WaitingOn(const Lines& sinks) {
    return Eventually([&] { return pipeline_->status().waiting_on == sinks; });
  }
  void ExpectHaltedAt(uint64_t height) {
    const Status result = pipeline_->result();
    EXPECT_EQ(result.code(), StatusCode::kHalted);
    EXPECT_THAT(result.message(), HasSubstr(fmt::format("height {}: policy", height)));
    EXPECT_EQ(pipeline_->WaitForSlot(), result);
  }
};

TEST_F(PipelineFailure, HaltCommitsWhatWasLetThroughBeforeAndJournalsNothingMore) {
  Start("all", {"a", "b"});
  Submit(3);
  ASSERT_TRUE(trace_.WaitFor("delivered 3"));
  database_.HoldWrites();
  Submit(1);
  ASSERT_TRUE(database_.WaitUntilHeld());
  Ack("a", 4);
  Ack("b", 2);
  Gone("b");
  Submit(2);
  const size_t before = database_.writes().size();
  database_.LetWritesGo();
  EXPECT_EQ(WaitUntilIdle().code(), StatusCode::kHalted);
  ExpectHaltedAt(3);
  Lines written = Written();
  written.erase(written.begin(), written.begin() + static_cast<std::ptrdiff_t>(before));
  EXPECT_THAT(written, ElementsAre("J4", "C1..2"));
  EXPECT_EQ(database_.journaled_height(), Height(4));
  ExpectCommittedThrough(2);
  ExpectDeliveredThrough(4);
}

TEST_F(PipelineFailure, HaltComesAtOnceWhereTooFewAreLeftNotAtTheDeadline) {
  Start("2 of (a, b, c)", {"a", "b", "c"});
  Submit(1);
  ASSERT_TRUE(trace_.WaitFor("delivered 1"));
  Ack("a", 1);
  Gone("b");
  ASSERT_TRUE(WaitingOn({"b", "c"}));
  EXPECT_EQ(pipeline_->result(), Status::Ok());
  Gone("c");  // the deadline is an hour away
  EXPECT_EQ(WaitUntilIdle().code(), StatusCode::kHalted);
  ExpectHaltedAt(1);
  EXPECT_THAT(pipeline_->result().message(), HasSubstr("sink c is at 0 (suspended)"));
  ExpectCommittedThrough(0);
}

TEST_F(PipelineFailure, HaltComesAtTheDeadline) {
  settings_.gate.ack_timeout = milliseconds(1);
  Start("all", {"a", "b"});
  Submit(1);
  EXPECT_EQ(WaitUntilIdle().code(), StatusCode::kHalted);
  ExpectHaltedAt(1);
  EXPECT_THAT(pipeline_->result().message(), HasSubstr("did not hold within 1 ms"));
  // Acks that come now move nothing.
  Ack("a", 1);
  Ack("b", 1);
  ExpectCommittedThrough(0);
  EXPECT_EQ(database_.journaled_height(), Height(1));
}

TEST_F(PipelineFailure, HaltedHeightsAreCommittedByARestartFromTheJournal) {
  settings_.gate.ack_timeout = milliseconds(1);
  Start("all", {"a"});
  Submit(1);
  EXPECT_EQ(WaitUntilIdle().code(), StatusCode::kHalted);
  settings_.gate.ack_timeout = std::chrono::hours(1);
  Make("all", {"a"});
  Available("a");
  Ack("a", 1);
  ASSERT_EQ(pipeline_->CatchUp(), Status::Ok());
  ASSERT_EQ(pipeline_->RollForward(), Status::Ok());
  ExpectCommittedThrough(1);
  EXPECT_THAT(Written(), ElementsAre("J1", "C1"));
}

TEST_F(PipelineFailure, RecoverWaitsAfterTheDeadlineAndGoesOnWithTheAck) {
  settings_.gate.ack_timeout = milliseconds(0);
  settings_.gate.on_failure = OnFailure::kRecover;
  Start("all", {"a", "b"});
  Submit(2);
  ASSERT_TRUE(trace_.WaitFor("delivered 2"));
  Ack("a", 2);
  ASSERT_TRUE(WaitingOn({"b"}));  // looked at after the deadline
  EXPECT_EQ(pipeline_->result(), Status::Ok());
  Ack("b", 2);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(2);
}

TEST_F(PipelineFailure, RecoverHaltsAfterItsTime) {
  settings_.gate.ack_timeout = milliseconds(0);
  settings_.gate.recover_timeout = milliseconds(1);
  settings_.gate.on_failure = OnFailure::kRecover;
  Start("all", {"a"});
  Submit(1);
  EXPECT_EQ(WaitUntilIdle().code(), StatusCode::kHalted);
  ExpectHaltedAt(1);
}

TEST_F(PipelineFailure, RecoverHaltsAtOnceForASinkThatIsGone) {
  settings_.gate.on_failure = OnFailure::kRecover;
  Start("all", {"a"});
  Submit(1);
  Gone("a");
  EXPECT_EQ(WaitUntilIdle().code(), StatusCode::kHalted);
  ExpectHaltedAt(1);
}

TEST_F(PipelineFailure, WaitHoldsTheGateForAsLongAsItTakes) {
  settings_.gate.ack_timeout = milliseconds(0);
  settings_.gate.recover_timeout = milliseconds(0);
  settings_.gate.on_failure = OnFailure::kWait;
  settings_.window = 3;
  Start("all", {"a", "b"});
  delivery_->AckByItself("a");
  TakeBeside(5);
  ASSERT_TRUE(trace_.WaitFor("delivered 3"));
  Gone("b");
  ASSERT_TRUE(WaitingOn({"b"}));
  EXPECT_EQ(pipeline_->result(), Status::Ok());
  EXPECT_EQ(database_.committed().height, Height(0));
  EXPECT_EQ(database_.journaled_height(), Height(3)) << "no blocks beyond the window";
  Available("b");
  delivery_->AckByItself("b");
  EXPECT_EQ(JoinIntake(), Status::Ok());
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(5);
}

TEST_F(PipelineFailure, DegradeCommitsWithoutWhoIsGoneAndRecordsTheRangeInTheSameWrite) {
  settings_.gate.on_failure = OnFailure::kDegrade;
  Start("all", {"a", "b"});
  delivery_->AckByItself("a");
  Submit(1);
  ASSERT_TRUE(trace_.WaitFor("delivered 1"));
  Ack("b", 1);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  Gone("b");
  for (int i = 0; i < 3; ++i) {
    Submit(1);
    ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  }
  ExpectCommittedThrough(4);
  for (const WriteGroup& group : database_.commit_writes()) {
    const uint64_t last = group.commits.back().change_set->height().value();
    if (last == 1) {
      EXPECT_TRUE(group.unacked.empty());
      continue;
    }
    ASSERT_EQ(group.unacked.size(), 1U);
    EXPECT_EQ(group.unacked[0].first, Height(2));
    EXPECT_EQ(group.unacked[0].last, Height(last));
    EXPECT_THAT(group.unacked[0].sinks, ElementsAre("b"));
    EXPECT_FALSE(group.unacked[0].healed);
    EXPECT_TRUE(group.force_sync) << "durable before it is answered";
  }
  const PipelineStatus status = pipeline_->status();
  EXPECT_TRUE(status.degraded);
  ASSERT_EQ(status.unacked_ranges.size(), 1U);
  EXPECT_EQ(status.unacked_ranges[0].last, Height(4));
}

TEST_F(PipelineFailure, DegradeEndsWhenTheSinkHasCaughtUpAndTheRangeStaysOnRecordAsHealed) {
  settings_.gate.on_failure = OnFailure::kDegrade;
  Start("all", {"a", "b"});
  delivery_->AckByItself("a");
  Gone("b");
  Submit(3);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  Available("b");
  Ack("b", 2);  // behind still: not waited for
  Submit(1);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  EXPECT_TRUE(pipeline_->status().degraded);
  Ack("b", 4);
  ASSERT_TRUE(Eventually([this] {
    const std::vector<UnackedRange> ranges = database_.UnackedRanges().value();
    return ranges.size() == 1 && ranges.front().healed;
  }));
  EXPECT_FALSE(pipeline_->status().degraded);
  EXPECT_EQ(database_.UnackedRanges()->front().first, Height(1));
  EXPECT_EQ(database_.UnackedRanges()->front().last, Height(4));
  // It counts again.
  Submit(1);
  ASSERT_TRUE(trace_.WaitFor("delivered 5"));
  ASSERT_TRUE(WaitingOn({"b"}));
  EXPECT_EQ(database_.committed().height, Height(4));
  Ack("b", 5);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(5);
}

TEST_F(PipelineFailure, DegradeGivesWhoIsSlowItsTimeAndLeavesItOutAtOnceAfterwards) {
  settings_.gate.ack_timeout = milliseconds(1);
  settings_.gate.on_failure = OnFailure::kDegrade;
  Start("all", {"a", "b"});
  delivery_->AckByItself("a");
  Submit(20);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(20);
  // (a may have missed one, too, on a machine that was busy.)
  const std::vector<UnackedRange> ranges = database_.UnackedRanges().value();
  for (const UnackedRange& range : ranges) EXPECT_THAT(range.sinks, testing::Contains("b"));
  ASSERT_FALSE(ranges.empty());
  EXPECT_EQ(ranges.front().first, Height(1));
  EXPECT_EQ(ranges.back().last, Height(20));
}

TEST_F(PipelineFailure, ARestartLeavesOutWhoWasLeftOutUntilItHasCaughtUp) {
  settings_.gate.on_failure = OnFailure::kDegrade;
  Start("all", {"a", "b"});
  delivery_->AckByItself("a");
  Gone("b");
  Submit(2);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  Make("all", {"a", "b"});
  Available("a");
  Ack("a", 2);
  Ack("b", 0);
  Available("b");
  ASSERT_EQ(pipeline_->CatchUp(), Status::Ok());
  ASSERT_EQ(pipeline_->RollForward(), Status::Ok());
  executor_->StartAfter(database_.committed().height, database_.committed().digest);
  EXPECT_TRUE(pipeline_->status().degraded);
  delivery_->AckByItself("a");
  Submit(1);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ASSERT_EQ(database_.UnackedRanges()->size(), 1U);
  EXPECT_EQ(database_.UnackedRanges()->front().last, Height(3));
}

}  // namespace
}  // namespace sluice
