// SPDX-License-Identifier: Apache-2.0
//
// The end: of intake, of everything, and of those who wait.
#include "unit/commit/pipeline_fixture.h"

namespace sluice {
namespace {

using testing::IsEmpty;

class PipelineStop : public PipelineTest {};

TEST_F(PipelineStop, StopIntakeTakesNothingMoreAndCommitsWhatWasSubmitted) {
  Start("all", {"a"});
  Submit(3);
  pipeline_->StopIntake();
  EXPECT_EQ(pipeline_->WaitForSlot().code(), StatusCode::kCancelled);
  EXPECT_EQ(pipeline_->WaitUntilIdle().code(), StatusCode::kCancelled) << "no wait without end";
  EXPECT_EQ(pipeline_->WaitUntilIdle(Now()).code(), StatusCode::kTimeout);
  ASSERT_TRUE(trace_.WaitFor("delivered 3"));
  Ack("a", 3);
  EXPECT_EQ(WaitUntilIdle(), Status::Ok());
  EXPECT_EQ(pipeline_->WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(3);
  EXPECT_EQ(pipeline_->result(), Status::Ok());
}

TEST_F(PipelineStop, AWaitWithADeadlineEndsAtOnceWhereOnlyACommandCouldHelp) {
  settings_.gate.on_failure = OnFailure::kWait;
  Start("all", {"a"});
  Submit(3);
  ASSERT_TRUE(trace_.WaitFor("delivered 3"));
  Ack("a", 1);
  ASSERT_TRUE(trace_.WaitFor("answered 1"));
  Gone("a");
  const TimePoint begun_at = Now();
  EXPECT_EQ(pipeline_->WaitUntilIdle(begun_at + std::chrono::hours(1)).code(),
            StatusCode::kTimeout);
  EXPECT_LT(Now() - begun_at, std::chrono::hours(1));
  // It is there again, and so is the wait.
  Available("a");
  Ack("a", 3);
  EXPECT_TRUE(trace_.WaitFor("answered 3"));
}

TEST_F(PipelineStop, StopIntakeEndsAWaitForASlot) {
  settings_.window = 1;
  Start("all", {"a"});
  TakeBeside(5);
  ASSERT_TRUE(trace_.WaitFor("delivered 1"));
  pipeline_->StopIntake();
  EXPECT_EQ(JoinIntake().code(), StatusCode::kCancelled);
}

TEST_F(PipelineStop, StopIntakeEndsCatchUp) {
  Make("all", {"a"});
  std::thread waiting([this] {
    EXPECT_EQ(pipeline_->CatchUp().code(), StatusCode::kCancelled);
    trace_.Add("ended");
  });
  pipeline_->StopIntake();
  EXPECT_TRUE(trace_.WaitFor("ended"));
  waiting.join();
}

TEST_F(PipelineStop, StopDropsWhatIsNotJournaledAndAwaitsTheWriteUnderWay) {
  Start("all", {"a"});
  database_.HoldWrites();
  Submit(1);
  ASSERT_TRUE(database_.WaitUntilHeld());
  Submit(3);
  std::thread stopping([this] { pipeline_->Stop(); });
  ASSERT_TRUE(Eventually([this] { return !pipeline_->WaitForSlot().ok() || !Take().ok(); }));
  database_.LetWritesGo();
  stopping.join();
  EXPECT_EQ(pipeline_->result(), Status::Ok());
  EXPECT_EQ(pipeline_->WaitForSlot().code(), StatusCode::kCancelled);
  EXPECT_EQ(WaitUntilIdle().code(), StatusCode::kCancelled);
  EXPECT_EQ(database_.journaled_height(), Height(1));
  EXPECT_THAT(answered_, IsEmpty());
}

TEST_F(PipelineStop, StopLeavesWhatIsJournaledToTheNextStart) {
  Start("all", {"a"});
  Submit(3);
  ASSERT_TRUE(trace_.WaitFor("delivered 3"));
  Ack("a", 1);
  ASSERT_TRUE(trace_.WaitFor("answered 1"));
  pipeline_->Stop();
  EXPECT_EQ(database_.committed().height, Height(1));
  Make("all", {"a"});
  Available("a");
  Ack("a", 3);
  ASSERT_EQ(pipeline_->CatchUp(), Status::Ok());
  ASSERT_EQ(pipeline_->RollForward(), Status::Ok());
  ExpectCommittedThrough(3);
}

TEST_F(PipelineStop, StopTwiceAndBeforeTheStartIsHarmless) {
  Make("all", {"a"});
  pipeline_->Stop();
  pipeline_->Stop();
  EXPECT_EQ(pipeline_->result(), Status::Ok());
  EXPECT_EQ(pipeline_->CatchUp().code(), StatusCode::kCancelled);
}

TEST_F(PipelineStop, AcksAfterTheEndReachNobody) {
  Start("all", {"a"});
  pipeline_->Stop();
  pipeline_.reset();
  Ack("a", 1);
}

}  // namespace
}  // namespace sluice
