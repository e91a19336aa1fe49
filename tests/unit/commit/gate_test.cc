// SPDX-License-Identifier: Apache-2.0
#include "commit/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using Kind = GateStep::Kind;

// Two sinks, a and b, and the policy `all`; time is a number of milliseconds.
class GateTest : public testing::Test {
 protected:
  void Make(OnFailure on_failure, std::string_view policy = "all") {
    GateSettings settings;
    settings.policy = *ResolvePolicy(policy, {{SinkName("a")}, {SinkName("b")}});
    settings.ack_timeout = milliseconds(100);
    settings.on_failure = on_failure;
    settings.recover_timeout = milliseconds(1000);
    gate_.emplace(settings, std::vector<UnackedRange>(),
                  std::vector<SinkName>{SinkName("a"), SinkName("b")});
    sinks_.resize(2);
    sinks_[0].name = SinkName("a");
    sinks_[1].name = SinkName("b");
    for (auto& sink : sinks_) sink.availability = SinkAvailability::kAvailable;
  }
  void Acked(size_t sink, uint64_t height) { sinks_[sink].watermark.fill(Height(height)); }
  void Gone(size_t sink) {
    sinks_[sink].availability = SinkAvailability::kGone;
    sinks_[sink].reason = "suspended";
  }
  static TimePoint At(int ms) { return TimePoint() + milliseconds(ms); }
  GateStep Step(uint64_t height, int delivered_ms, int now_ms) {
    return gate_->Step(Height(height), At(delivered_ms), sinks_, At(now_ms));
  }

  std::optional<Gate> gate_;
  std::vector<AckTracker::Sink> sinks_;
};

TEST_F(GateTest, CommitsAsSoonAsEnoughHaveAcked) {
  Make(OnFailure::kHalt);
  GateStep step = Step(1, 0, 0);
  EXPECT_EQ(step.kind, Kind::kWait);
  EXPECT_EQ(step.look_again_at, At(100));
  EXPECT_EQ(step.waiting_on, (std::vector<size_t>{0, 1}));
  Acked(0, 1);
  EXPECT_EQ(Step(1, 0, 10).kind, Kind::kWait);
  Acked(1, 1);
  EXPECT_EQ(Step(1, 0, 20).kind, Kind::kCommit);
}

TEST_F(GateTest, TheDeadlineRunsFromTheLaterOfDeliveryAndTheDecisionBefore) {
  Make(OnFailure::kHalt);
  Acked(0, 1);
  Acked(1, 1);
  EXPECT_EQ(Step(1, 0, 90).kind, Kind::kCommit);
  EXPECT_EQ(Step(2, 5, 120).look_again_at, At(190)) << "from the decision of height 1";
  EXPECT_EQ(Step(2, 5, 189).kind, Kind::kWait);
  EXPECT_EQ(Step(2, 5, 190).kind, Kind::kHalt);
}

TEST_F(GateTest, HaltsAtTheDeadlineAndSaysWhoIsMissing) {
  Make(OnFailure::kHalt);
  Acked(0, 7);
  GateStep step = Step(7, 0, 100);
  EXPECT_EQ(step.kind, Kind::kHalt);
  EXPECT_THAT(step.reason, HasSubstr("height 7: policy \"all\""));
  EXPECT_THAT(step.reason, HasSubstr("did not hold within 100 ms: sink b is at 0"));
}

TEST_F(GateTest, TooFewLeftFailsAtOnceNotAtTheDeadline) {
  Make(OnFailure::kHalt);
  Gone(1);
  GateStep step = Step(1, 0, 0);
  EXPECT_EQ(step.kind, Kind::kHalt);
  EXPECT_THAT(step.reason,
              HasSubstr("too few sinks are left: sink a is at 0; sink b is at 0 (suspended)"));
}

TEST_F(GateTest, RecoverWaitsForItsTimeoutAndThenHalts) {
  Make(OnFailure::kRecover);
  Acked(0, 1);
  GateStep step = Step(1, 0, 100);
  EXPECT_EQ(step.kind, Kind::kWait);
  EXPECT_FALSE(step.reason.empty()) << "said once";
  EXPECT_EQ(step.look_again_at, At(1100));
  EXPECT_TRUE(Step(1, 0, 500).reason.empty());
  EXPECT_EQ(Step(1, 0, 1099).kind, Kind::kWait);
  EXPECT_EQ(Step(1, 0, 1100).kind, Kind::kHalt);
}

TEST_F(GateTest, RecoverCommitsWhenTheSinkComesBack) {
  Make(OnFailure::kRecover);
  Acked(0, 1);
  EXPECT_EQ(Step(1, 0, 100).kind, Kind::kWait);
  Acked(1, 1);
  EXPECT_EQ(Step(1, 0, 900).kind, Kind::kCommit);
  Acked(0, 2);
  EXPECT_EQ(Step(2, 900, 1000).look_again_at, At(2000))
      << "a failure of its own, a time of its own";
}

TEST_F(GateTest, RecoverDoesNotWaitForWhatIsGone) {
  Make(OnFailure::kRecover);
  Gone(1);
  EXPECT_EQ(Step(1, 0, 0).kind, Kind::kHalt);
}

TEST_F(GateTest, WaitHoldsWithoutLimit) {
  Make(OnFailure::kWait);
  Gone(1);
  GateStep step = Step(1, 0, 1'000'000);
  EXPECT_EQ(step.kind, Kind::kWait);
  EXPECT_FALSE(step.look_again_at) << "only a change matters";
  sinks_[1].availability = SinkAvailability::kAvailable;
  Acked(0, 1);
  Acked(1, 1);
  EXPECT_EQ(Step(1, 0, 1'000'001).kind, Kind::kCommit);
}

TEST_F(GateTest, DegradeLeavesOutAtOnceUntilTheSinkHasCaughtUp) {
  Make(OnFailure::kDegrade);
  Acked(0, 1);
  EXPECT_EQ(Step(1, 0, 99).kind, Kind::kWait);
  GateStep step = Step(1, 0, 100);
  EXPECT_EQ(step.kind, Kind::kCommit);
  EXPECT_EQ(step.missing, (std::vector<size_t>{1}));
  EXPECT_THAT(step.reason, HasSubstr("sink b"));
  Acked(0, 2);
  step = Step(2, 100, 101);
  EXPECT_EQ(step.kind, Kind::kCommit) << "not waited for at each height";
  EXPECT_EQ(step.missing, (std::vector<size_t>{1}));
  Acked(1, 2);
  gate_->degraded().LetIn(sinks_, AckLevel::kDurable, Height(2));
  Acked(0, 3);
  EXPECT_EQ(Step(3, 101, 102).kind, Kind::kWait) << "it counts again";
}

TEST_F(GateTest, DegradeStillWaitsForThoseThatAreLeft) {
  Make(OnFailure::kDegrade);
  Acked(0, 1);
  EXPECT_EQ(Step(1, 0, 100).kind, Kind::kCommit);
  EXPECT_EQ(Step(2, 100, 150).kind, Kind::kWait) << "a is not left out";
}

TEST_F(GateTest, DegradeLeavesOutOnlyWhoIsGoneBeforeTheDeadline) {
  Make(OnFailure::kDegrade);
  Gone(1);
  GateStep step = Step(1, 0, 0);
  EXPECT_EQ(step.kind, Kind::kWait) << "a is healthy and still has its time";
  EXPECT_THAT(step.reason, HasSubstr("too few sinks are left"));
  EXPECT_EQ(step.look_again_at, At(100));
  EXPECT_EQ(step.waiting_on, (std::vector<size_t>{0}));
  Acked(0, 1);
  step = Step(1, 0, 50);
  EXPECT_EQ(step.kind, Kind::kCommit);
  EXPECT_EQ(step.missing, (std::vector<size_t>{1}));
}

TEST_F(GateTest, ASinkBelowTheLevelIsAsGoodAsGone) {
  Make(OnFailure::kHalt);
  sinks_[1].known = true;
  sinks_[1].highest = AckLevel::kReceived;
  EXPECT_EQ(Step(1, 0, 0).kind, Kind::kHalt);
}

TEST_F(GateTest, ALateAckMovesTheWatermarkNeverAPastDecision) {
  Make(OnFailure::kDegrade);
  Acked(0, 1);
  GateStep step = Step(1, 0, 100);
  EXPECT_EQ(step.missing.size(), 1u);
  gate_->degraded().Record(Height(1), step.missing, 1);
  Acked(1, 1);
  EXPECT_EQ(gate_->degraded().ranges().size(), 1u);
}

TEST_F(GateTest, OneOfTwoIsNotDelayedByTheOther) {
  Make(OnFailure::kHalt, "1 of (a, b)");
  Gone(1);
  Acked(0, 1);
  EXPECT_EQ(Step(1, 0, 0).kind, Kind::kCommit);
}

// --- another policy while heights wait ----------------------------------------------------------

class GateReconfigureTest : public GateTest {
 protected:
  // A third sink, c, is there from now on.
  void Reconfigure(std::string_view policy, uint64_t journaled,
                   OnFailure on_failure = OnFailure::kHalt) {
    GateSettings settings = gate_->settings();
    settings.policy = *ResolvePolicy(policy, {{SinkName("a")}, {SinkName("b")}, {SinkName("c")}});
    settings.on_failure = on_failure;
    if (sinks_.size() == 2) {
      sinks_.emplace_back();
      sinks_[2].name = SinkName("c");
    }
    gate_->Reconfigure(settings, sinks_, Height(journaled));
  }
};

TEST_F(GateReconfigureTest, AHeightThatWaitsIsDecidedByTheNewPolicy) {
  Make(OnFailure::kHalt);
  Acked(0, 1);
  ASSERT_EQ(Step(1, 0, 10).kind, Kind::kWait);
  Reconfigure("all(a)", 1);
  EXPECT_EQ(Step(1, 0, 20).kind, Kind::kCommit);
}

TEST_F(GateReconfigureTest, WhoNewlyCountsIsNotWaitedForBeforeItIsLevel) {
  Make(OnFailure::kHalt);
  Acked(0, 5);
  Acked(1, 5);
  Reconfigure("all(a, b, c)", 5);
  EXPECT_TRUE(gate_->waits());
  Acked(0, 6);
  Acked(1, 6);
  GateStep step = Step(6, 0, 10);
  EXPECT_EQ(step.kind, Kind::kCommit);
  EXPECT_TRUE(step.missing.empty()) << "nothing was promised of it: no unacked height";
  Acked(2, 5);
  EXPECT_TRUE(gate_->LetIn(sinks_, Height(6)).empty());
  Acked(2, 6);
  EXPECT_EQ(gate_->LetIn(sinks_, Height(6)), std::vector<std::string>{"c"});
  EXPECT_FALSE(gate_->waits());
  Acked(0, 7);
  Acked(1, 7);
  EXPECT_EQ(Step(7, 20, 30).kind, Kind::kWait) << "from now on it counts";
  Acked(2, 7);
  EXPECT_EQ(Step(7, 20, 40).kind, Kind::kCommit);
}

TEST_F(GateReconfigureTest, WhoIsLevelAlreadyCountsAtOnce) {
  Make(OnFailure::kHalt, "all(a)");
  Acked(0, 5);
  Acked(1, 5);
  Reconfigure("all(a, b)", 5);
  Acked(0, 6);
  EXPECT_EQ(Step(6, 0, 10).kind, Kind::kWait);
}

TEST_F(GateReconfigureTest, WhoCountedBeforeIsWaitedForHoweverFarBehind) {
  Make(OnFailure::kHalt);
  Acked(0, 5);
  Reconfigure("all(a, b)", 5);
  EXPECT_FALSE(gate_->waits());
  EXPECT_EQ(Step(5, 0, 10).kind, Kind::kWait);
}

TEST_F(GateReconfigureTest, WhoWasLeftOutIsWaitedForOnceTheNodeNoLongerDegrades) {
  Make(OnFailure::kDegrade);
  Acked(0, 1);
  Gone(1);
  EXPECT_EQ(Step(1, 0, 10).missing, std::vector<size_t>{1});
  Reconfigure("all(a, b)", 1, OnFailure::kWait);
  Acked(0, 2);
  EXPECT_EQ(Step(2, 20, 30).kind, Kind::kWait);
}

TEST_F(GateReconfigureTest, ATermNeverGoesWithoutAnybody) {
  Make(OnFailure::kHalt, "all(a)");
  Acked(0, 5);
  sinks_[1].availability = SinkAvailability::kJoining;
  Reconfigure("all(b)", 5);
  Acked(0, 6);
  EXPECT_EQ(Step(6, 0, 10).kind, Kind::kWait) << "b is all there is to wait for";
  Acked(1, 6);
  EXPECT_EQ(Step(6, 0, 20).kind, Kind::kCommit);
}

TEST_F(GateReconfigureTest, WhoIsGoneIsNotWaitedForToJoin) {
  Make(OnFailure::kHalt, "all(a)");
  Acked(0, 5);
  Gone(1);
  Reconfigure("all(a, b)", 5);
  Acked(0, 6);
  EXPECT_EQ(Step(6, 0, 10).kind, Kind::kHalt) << "b was named, and cannot";
}

TEST_F(GateReconfigureTest, WhoCannotGiveTheLevelIsNotWaitedForToJoin) {
  Make(OnFailure::kHalt, "all(a)");
  Acked(0, 5);
  sinks_[1].known = true;
  sinks_[1].highest = AckLevel::kReceived;
  Reconfigure("all(a, b)", 5);
  Acked(0, 6);
  EXPECT_EQ(Step(6, 0, 10).kind, Kind::kHalt);
}

}  // namespace
}  // namespace sluice
