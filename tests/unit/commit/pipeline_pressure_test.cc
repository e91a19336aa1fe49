// SPDX-License-Identifier: Apache-2.0
//
// Intake waits where the sinks that the policy needs fall behind. The longest delay is an hour
// here, so that a test in which it is not cut short never ends.
#include "unit/commit/pipeline_fixture.h"

namespace sluice {
namespace {

class PipelinePressure : public PipelineTest {
 protected:
  PipelinePressure() { settings_.intake_delay_max = std::chrono::hours(1); }

  // The next block waits: it is not taken, and nothing but the pressure is in its way.
  void ExpectHeld(uint64_t height) {
    const uint64_t asked = delivery_->fill_asked();
    TakeBeside(1);
    // It has looked again at least once, and not gone on.
    EXPECT_TRUE(Eventually([&] { return delivery_->fill_asked() >= asked + 4; }));
    EXPECT_FALSE(trace_.Has(fmt::format("delivered {}", height)));
    EXPECT_FALSE(trace_.Has("intake ended"));
    EXPECT_EQ(pipeline_->status().blocked, "");
  }
};

TEST_F(PipelinePressure, AFullQueueOfASinkThatIsNeededHoldsIntakeUntilItIsEmptier) {
  Start("all", {"a", "b"});
  delivery_->AckByItself("a");
  delivery_->AckByItself("b");
  Submit(3);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  delivery_->SetFill(1, 1.0);
  ExpectHeld(4);
  delivery_->SetFill(1, 0.5);
  EXPECT_EQ(JoinIntake(), Status::Ok());
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(4);
}

TEST_F(PipelinePressure, AFullQueueThatThePolicyCanDoWithoutHoldsNothing) {
  Start("1 of (a, b)", {"a", "b"}, {"c"});
  delivery_->AckByItself("a");
  delivery_->SetFill(1, 1.0);
  delivery_->SetFill(2, 1.0);
  Submit(30);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(30);
}

TEST_F(PipelinePressure, FireAndForgetIsNeverHeld) {
  Start("fire-and-forget", {"a"});
  delivery_->SetFill(0, 1.0);
  Submit(30);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(30);
}

TEST_F(PipelinePressure, ASinkThatIsGoneHoldsNothing) {
  settings_.gate.on_failure = OnFailure::kDegrade;
  Start("all", {"a", "b"});
  delivery_->AckByItself("a");
  delivery_->SetFill(1, 1.0);
  Gone("b");
  Submit(10);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(10);
}

TEST_F(PipelinePressure, AStopEndsTheWait) {
  Start("all", {"a"});
  delivery_->SetFill(0, 1.0);
  ExpectHeld(1);
  pipeline_->StopIntake();
  EXPECT_EQ(JoinIntake().code(), StatusCode::kCancelled);
}

TEST_F(PipelinePressure, IsBounded) {
  settings_.intake_delay_max = std::chrono::milliseconds(5);
  Start("all", {"a"});
  delivery_->AckByItself("a");
  delivery_->SetFill(0, 1.0);
  const TimePoint begin = Now();
  Submit(10);
  EXPECT_GE(Now() - begin, std::chrono::milliseconds(50));
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(10);
}

// It acks as received, which is enough to commit; what it has made durable lags, and that is what
// the journal is kept for.
TEST_F(PipelinePressure, IntakeSlowsDownBeforeTheJournalsCapIsReached) {
  settings_.gate.level = AckLevel::kReceived;
  settings_.journal_max_blocks = 100;
  settings_.retain_blocks = 0;
  Start("all", {"a"});
  delivery_->AckByItself("a", AckLevel::kReceived);
  Submit(50);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  Submit(1);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectHeld(52);
  Ack("a", 51);
  EXPECT_EQ(JoinIntake(), Status::Ok());
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(52);
}

}  // namespace
}  // namespace sluice
