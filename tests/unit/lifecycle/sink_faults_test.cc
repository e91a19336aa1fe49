// SPDX-License-Identifier: Apache-2.0
//
// What the loop does when a sink misbehaves: one test a misbehaviour.
#include <gtest/gtest.h>

#include "sink_loop_fixture.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Of what is meant to run out. Long enough that nothing else does on a machine that is busy.
constexpr milliseconds kShort(500);

class SinkFaultsTest : public SinkLoopTest {
 protected:
  Faults& faults() { return world_->faults; }
};

TEST_F(SinkFaultsTest, AStartThatFailsIsRepairedWithANewEpoch) {
  faults().Set(Kind::kStartFails, 3);
  Start();
  Write(5);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(5)));
  EXPECT_EQ(created(), 4);
  EXPECT_EQ(world_->system.position().epoch, Epoch(10));
  const SinkStatus status = loop_->status();
  EXPECT_EQ(status.last_error.text, "start failed: no route to the host");
  EXPECT_EQ(status.last_error.code, "FATAL");
  EXPECT_EQ(status.retries, 3U);
  EXPECT_TRUE(Stop());
  EXPECT_EQ(destroyed(), 4);
  ExpectReceivedEverythingOnce(Height(5));
}

TEST_F(SinkFaultsTest, ASinkThatNeverStartsIsExhaustedAndGone) {
  settings_.retry.max_attempts = 3;
  faults().Set(Kind::kStartFails, 1000);
  Start();
  ASSERT_TRUE(observer_.WaitForAvailability(SinkAvailability::kGone));
  EXPECT_EQ(loop_->status().lifecycle, "suspended");
  EXPECT_EQ(loop_->status().reason, "exhausted");
  EXPECT_NE(observer_.reason().find("exhausted: start failed"), std::string::npos);
  EXPECT_EQ(created(), 3);
  EXPECT_TRUE(Stop());
}

TEST_F(SinkFaultsTest, ResumeAndAttachThatFailAreRepaired) {
  faults().Set(Kind::kResumeRetries, 1);
  faults().Set(Kind::kResumeFails, 1);
  faults().Set(Kind::kAttachFails, 1);
  Start();
  Write(3);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(3)));
  EXPECT_EQ(created(), 4);
  EXPECT_TRUE(Stop());
  ExpectReceivedEverythingOnce(Height(3));
}

TEST_F(SinkFaultsTest, ASinkUnderRepairStillCould) {
  Start();
  Write();
  ASSERT_TRUE(observer_.WaitForWatermark(Height(1)));
  ASSERT_TRUE(observer_.WaitForAvailability(SinkAvailability::kAvailable));
  faults().Set(Kind::kDeliverFatal, 2);
  Write();
  ASSERT_TRUE(observer_.WaitForWatermark(Height(2)));
  for (SinkAvailability told : observer_.availabilities()) {
    EXPECT_NE(told, SinkAvailability::kGone);
  }
  EXPECT_EQ(created(), 3);
  EXPECT_EQ(loop_->status().last_error.text, "height 2: connection lost");
  EXPECT_TRUE(Stop());
}

TEST_F(SinkFaultsTest, AHeightThatFailsIsParkedAndDeliveredAgainToTheSameInstance) {
  Start();
  faults().Set(Kind::kDeliverRetries, 3, Height(4));
  Write(10);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(10)));
  EXPECT_EQ(created(), 1);
  EXPECT_EQ(loop_->status().retries, 3U);
  EXPECT_TRUE(Stop());
  ExpectReceivedEverythingOnce(Height(10));
}

TEST_F(SinkFaultsTest, AHeightThatFailsForeverEndsByMaxAttempts) {
  settings_.retry.max_attempts = 4;
  faults().Set(Kind::kDeliverRetries, 1000, Height(3));
  Start();
  Write(5);
  ASSERT_TRUE(observer_.WaitForAvailability(SinkAvailability::kGone));
  EXPECT_EQ(loop_->status().reason, "exhausted");
  EXPECT_EQ(loop_->status().last_error.text, "height 3 failed 4 times: try later");
  EXPECT_EQ(observer_.watermark(), Height(2));
  EXPECT_EQ(faults().taken(Kind::kDeliverRetries), 4);
  EXPECT_TRUE(Stop());
}

TEST_F(SinkFaultsTest, ALostAnswerIsAskedForBeforeAnythingIsDeliveredAgain) {
  Start();
  faults().Set(Kind::kDeliverTakesThenRetries, 1, Height(4));
  Write(6);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(6)));
  EXPECT_EQ(created(), 1);
  // The sink said that it holds 4, so 4 came once.
  EXPECT_EQ(world_->system.log().size(), 6U);
  EXPECT_TRUE(Stop());
}

TEST_F(SinkFaultsTest, WithoutResumeAHeightIsSimplyDeliveredAgain) {
  world_->options.can_resume = false;
  journal_.Append(3);
  journal_.SetStoredWatermark(Height(2));
  world_->system.SetPosition(
      {false, kTestStream, Epoch(3), Height(2), journal_.at(Height(2))->digest()});
  Start();
  ASSERT_TRUE(observer_.WaitForWatermark(Height(3)));
  faults().Set(Kind::kDeliverRetries, 2, Height(5));
  Write(3);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(6)));
  EXPECT_EQ(world_->system.log().size(), 4U);
  EXPECT_EQ(created(), 1);
  EXPECT_TRUE(Stop());
}

TEST_F(SinkFaultsTest, ANackVoidsLaterHeightsAndAllArrive) {
  world_->options.group = 4;
  faults().Set(Kind::kGroupNacked, 3, Height(5));
  Start();
  Write(40);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(40)));
  EXPECT_EQ(created(), 1);
  EXPECT_EQ(faults().taken(Kind::kGroupNacked), 3);
  EXPECT_TRUE(Stop());
  ExpectReceivedEverythingOnce(Height(40));
}

// Found by the random faults: the height is void, so it is not in flight, and nobody looked.
TEST_F(SinkFaultsTest, ADeliverThatBlocksOnAHeightThatIsVoidIsNoticed) {
  settings_.ack_timeout = kShort;
  faults().Set(Kind::kDeliverBlocks, 1, Height(3));
  world_->options.group = 100;
  Start();
  Write(1);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(1)));
  Write(2);
  ASSERT_TRUE(faults().WaitUntilBlocked());
  InstanceListener* listener = nullptr;
  {
    std::lock_guard lock(world_->mutex);
    listener = world_->newest_listener;
  }
  // 2 has been acked or is in flight; 3 is the one that blocks.
  listener->OnNack(
      {Epoch(epoch_), Attempt(1), Height(3), StatusCode::kRetry, Duration::zero(), ""});
  ASSERT_TRUE(observer_.WaitForWatermark(Height(3)));
  EXPECT_EQ(created(), 2);
  EXPECT_TRUE(Stop());
}

TEST_F(SinkFaultsTest, ARejectedHeightSuspendsTheSinkAndItIsGone) {
  faults().Set(Kind::kDeliverRejects, 1, Height(2));
  Start();
  Write(3);
  ASSERT_TRUE(observer_.WaitForAvailability(SinkAvailability::kGone));
  EXPECT_EQ(loop_->status().reason, "rejected");
  EXPECT_EQ(observer_.watermark(), Height(1));
  EXPECT_EQ(observer_.reason(), "rejected: height 2: never");
  EXPECT_TRUE(Stop());
  EXPECT_EQ(destroyed(), 1);
}

TEST_F(SinkFaultsTest, BusyWaitsForReadyAndAReadyDuringDeliverCounts) {
  Start();
  faults().Set(Kind::kDeliverBusyReady, 2, Height(2));
  Write(3);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(3)));
  faults().Set(Kind::kDeliverBusy, 1, Height(4));
  Write(3);
  ASSERT_TRUE(faults().WaitUntilTaken(Kind::kDeliverBusy, 1));
  EXPECT_EQ(observer_.watermark(), Height(3));
  InstanceListener* listener = nullptr;
  {
    std::lock_guard lock(world_->mutex);
    listener = world_->newest_listener;
  }
  listener->OnReady();
  ASSERT_TRUE(observer_.WaitForWatermark(Height(6)));
  EXPECT_EQ(loop_->status().retries, 0U);
  EXPECT_TRUE(Stop());
  ExpectReceivedEverythingOnce(Height(6));
}

TEST_F(SinkFaultsTest, ASinkThatStaysBusyWithoutProgressIsRepaired) {
  settings_.stalled_after = kShort;
  Start();
  faults().Set(Kind::kDeliverBusy, 1, Height(2));
  Write(3);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(3)));
  EXPECT_EQ(created(), 2);
  EXPECT_EQ(loop_->status().last_error.text, "busy, and no progress at height 2 for 500 ms");
  EXPECT_TRUE(Stop());
}

TEST_F(SinkFaultsTest, NoAckInTimeMakesANewInstance) {
  settings_.ack_timeout = kShort;
  faults().Set(Kind::kDeliverLosesAck, 1, Height(3));
  Start();
  Write(3);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(3)));
  EXPECT_EQ(created(), 2);
  EXPECT_EQ(loop_->status().last_error.text, "no ack for height 3 within 500 ms");
  EXPECT_EQ(loop_->status().last_error.code, "TIMEOUT");
  // Asked where it is, it said 3: nothing came twice.
  EXPECT_EQ(world_->system.log().size(), 3U);
  EXPECT_TRUE(Stop());
}

TEST_F(SinkFaultsTest, ADeliverThatBlocksIsCancelledAndTheSinkRepaired) {
  settings_.ack_timeout = kShort;
  faults().Set(Kind::kDeliverBlocks, 1, Height(2));
  Start();
  Write(3);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(3)));
  EXPECT_EQ(created(), 2);
  EXPECT_EQ(abandoned(), 0);
  EXPECT_TRUE(Stop());
  ExpectReceivedEverythingOnce(Height(3));
}

TEST_F(SinkFaultsTest, ADeliverThatIgnoresCancelIsAbandonedAndTheSinkHung) {
  settings_.ack_timeout = kShort;
  settings_.stop_timeout = kShort;
  faults().Set(Kind::kIgnoreCancel, 1);
  faults().Set(Kind::kDeliverBlocks, 1, Height(2));
  Start();
  Write(3);
  ASSERT_TRUE(observer_.WaitForAvailability(SinkAvailability::kGone));
  EXPECT_EQ(loop_->status().lifecycle, "suspended");
  EXPECT_EQ(loop_->status().reason, "hung");
  EXPECT_EQ(abandoned(), 1);
  EXPECT_EQ(destroyed(), 0);
  EXPECT_EQ(created(), 1);
  EXPECT_FALSE(Stop());
  EXPECT_EQ(observer_.watermark(), Height(1));
}

TEST_F(SinkFaultsTest, AHungCallThatReturnsLateTouchesNothing) {
  settings_.ack_timeout = kShort;
  settings_.stop_timeout = kShort;
  faults().Set(Kind::kIgnoreCancel, 1);
  faults().Set(Kind::kDeliverBlocks, 1, Height(2));
  Start();
  Write(3);
  ASSERT_TRUE(observer_.WaitForAvailability(SinkAvailability::kGone));
  const size_t told = observer_.told().size();
  EXPECT_FALSE(Stop());
  loop_.reset();
  faults().Release();
  ASSERT_TRUE(faults().WaitUntilNobodyIsBlocked());
  EXPECT_EQ(observer_.told().size(), told);
}

TEST_F(SinkFaultsTest, AStartThatBlocksIsShownAndEndsByItsDeadline) {
  settings_.start_timeout = kShort;
  faults().Set(Kind::kStartBlocks, 1);
  Start();
  Write(2);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(2)));
  EXPECT_EQ(created(), 2);
  EXPECT_EQ(loop_->status().last_error.text, "start has not returned within 500 ms");
  EXPECT_TRUE(Stop());
}

TEST_F(SinkFaultsTest, StoppingDoesNotWaitForAStartThatBlocks) {
  faults().Set(Kind::kStartBlocks, 1);
  Start();
  ASSERT_TRUE(faults().WaitUntilBlocked());
  EXPECT_EQ(loop_->status().lifecycle, "initializing");
  EXPECT_TRUE(Stop());
  EXPECT_EQ(destroyed(), 1);
}

TEST_F(SinkFaultsTest, StoppingAbandonsAStartThatIgnoresCancel) {
  settings_.stop_timeout = kShort;
  faults().Set(Kind::kIgnoreCancel, 1);
  faults().Set(Kind::kStartBlocks, 1);
  Start();
  ASSERT_TRUE(faults().WaitUntilBlocked());
  EXPECT_FALSE(Stop(milliseconds(10)));
  EXPECT_EQ(abandoned(), 1);
  EXPECT_EQ(loop_->status().reason, "hung");
}

TEST_F(SinkFaultsTest, ADrainThatBlocksIsCancelledAtItsDeadline) {
  faults().Set(Kind::kDrainBlocks, 1);
  Start();
  Write(2);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(2)));
  EXPECT_TRUE(Stop(milliseconds(30)));
  EXPECT_EQ(destroyed(), 1);
}

TEST_F(SinkFaultsTest, ADestroyThatBlocksIsAbandoned) {
  settings_.stop_timeout = kShort;
  faults().Set(Kind::kDestroyBlocks, 1);
  Start();
  Write(2);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(2)));
  EXPECT_FALSE(Stop());
  EXPECT_EQ(loop_->status().reason, "hung");
}

// As a cancel that takes the mutex which the stuck deliver holds.
TEST_F(SinkFaultsTest, ACancelThatBlocksBesideItsCallDoesNotDelayTheStop) {
  settings_.stop_timeout = kShort;
  faults().Set(Kind::kIgnoreCancel, 1);
  faults().Set(Kind::kCancelBlocks, 1);
  faults().Set(Kind::kDeliverBlocks, 1, Height(2));
  Start();
  Write(3);
  ASSERT_TRUE(faults().WaitUntilBlocked());
  loop_->RequestStop(milliseconds(10));
  ASSERT_TRUE(observer_.WaitForReason("hung"));
  EXPECT_EQ(faults().taken(Kind::kCancelBlocks), 1);
  EXPECT_FALSE(loop_->Join(Now()));
  EXPECT_EQ(abandoned(), 1);
  EXPECT_EQ(destroyed(), 0);
}

TEST_F(SinkFaultsTest, ACancelThatBlocksAfterItsCallHasEndedDoesNotDelayTheStop) {
  settings_.stop_timeout = kShort;
  faults().Set(Kind::kCancelBlocks, 1);
  faults().Set(Kind::kStartBlocks, 1);
  Start();
  ASSERT_TRUE(faults().WaitUntilBlocked());
  loop_->RequestStop(milliseconds(10));
  ASSERT_TRUE(observer_.WaitForReason("hung"));
  EXPECT_FALSE(loop_->Join(Now()));
  EXPECT_EQ(abandoned(), 1);
  EXPECT_EQ(destroyed(), 0);
}

TEST_F(SinkFaultsTest, StoppingDrainsWhatIsInFlight) {
  world_->options.group = 100;
  settings_.max_in_flight = 100;
  Start();
  // A group that is not complete: the sink waits for more until it is drained.
  Write(7);
  ASSERT_TRUE(observer_.WaitForAvailability(SinkAvailability::kAvailable));
  ASSERT_TRUE(observer_.WaitForWatermark(Height(0)));
  EXPECT_TRUE(Stop());
  // Every height that was delivered was acked before the end.
  EXPECT_EQ(observer_.watermark(), world_->system.position().height);
}

TEST_F(SinkFaultsTest, AcksOfAnotherEpochAndOfTheFutureAreRefusedAndCounted) {
  faults().Set(Kind::kAcksOldEpoch, 1, Height(2));
  faults().Set(Kind::kAcksFuture, 1, Height(3));
  Start();
  Write(5);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(5)));
  EXPECT_EQ(loop_->status().stale_acks, 2U);
  for (const FakeObserver::Told& told : observer_.told()) EXPECT_LE(told.watermark, Height(5));
  EXPECT_TRUE(Stop());
}

TEST_F(SinkFaultsTest, FailOutsideOfACallMeansTheInstanceIsBroken) {
  faults().Set(Kind::kFailsOutside, 1, Height(2));
  Start();
  Write(4);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(4)));
  EXPECT_EQ(created(), 2);
  EXPECT_EQ(loop_->status().last_error.text, "broken outside of a call");
  EXPECT_TRUE(Stop());
  ExpectReceivedEverythingOnce(Height(4));
}

TEST_F(SinkFaultsTest, AJournalThatCannotBeReadIsTriedAgain) {
  journal_.Append(5);
  journal_.FailReads(2);
  Start();
  ASSERT_TRUE(observer_.WaitForWatermark(Height(5)));
  EXPECT_EQ(created(), 3);
  EXPECT_TRUE(Stop());
}

// --- where the sink stands ---------------------------------------------------------------------

TEST_F(SinkFaultsTest, AnotherHistoryIsDivergedAndNothingIsDelivered) {
  journal_.Append(5);
  world_->system.SetPosition(
      {false, kTestStream, Epoch(3), Height(4), journal_.at(Height(3))->digest()});
  Start();
  ASSERT_TRUE(observer_.WaitForAvailability(SinkAvailability::kGone));
  EXPECT_EQ(loop_->status().reason, "diverged");
  EXPECT_TRUE(world_->system.log().empty());
  EXPECT_EQ(world_->system.position().epoch, Epoch(3)) << "never attached";
  EXPECT_TRUE(Stop());
}

TEST_F(SinkFaultsTest, AnEpochNotBelowOursIsForeign) {
  journal_.Append(5);
  world_->system.SetPosition(
      {false, kTestStream, Epoch(100), Height(4), journal_.at(Height(4))->digest()});
  Start();
  ASSERT_TRUE(observer_.WaitForAvailability(SinkAvailability::kGone));
  EXPECT_EQ(loop_->status().reason, "foreign");
  EXPECT_TRUE(Stop());
}

TEST_F(SinkFaultsTest, WhatTheJournalHasForgottenIsAGapNeverSkipped) {
  journal_.Append(9);
  journal_.Prune(Height(6));
  world_->system.SetPosition(
      {false, kTestStream, Epoch(3), Height(4), journal_.at(Height(4))->digest()});
  Start();
  ASSERT_TRUE(observer_.WaitForAvailability(SinkAvailability::kGone));
  EXPECT_EQ(loop_->status().reason, "gap");
  EXPECT_TRUE(world_->system.log().empty());
  EXPECT_TRUE(Stop());
}

TEST_F(SinkFaultsTest, ASinkThatIsAheadWaitsUntilTheNodeReachesItsHeight) {
  FakeJournal future;
  future.Append(8);
  journal_.Append(5);
  world_->system.SetPosition(
      {false, kTestStream, Epoch(3), Height(8), future.at(Height(8))->digest()});
  Start();
  ASSERT_TRUE(observer_.WaitForAvailability(SinkAvailability::kGone));
  EXPECT_EQ(observer_.reason(), "ahead: the sink is at 8, the node at 5");
  EXPECT_EQ(loop_->status().mode, "ahead");
  Write(2);
  EXPECT_TRUE(world_->system.log().empty());
  Write(3);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(10)));
  ASSERT_TRUE(observer_.WaitForAvailability(SinkAvailability::kAvailable));
  EXPECT_EQ(world_->system.log().size(), 2U);
  EXPECT_EQ(created(), 1);
  EXPECT_TRUE(Stop());
}

TEST_F(SinkFaultsTest, ASinkThatWasAheadWithAnotherHistoryIsDiverged) {
  journal_.Append(5);
  world_->system.SetPosition(
      {false, kTestStream, Epoch(3), Height(7), journal_.at(Height(3))->digest()});
  Start();
  ASSERT_TRUE(observer_.WaitForReason("ahead"));
  Write(2);
  ASSERT_TRUE(observer_.WaitForReason("diverged"));
  EXPECT_EQ(loop_->status().reason, "diverged");
  EXPECT_TRUE(world_->system.log().empty());
  EXPECT_TRUE(Stop());
}

TEST_F(SinkFaultsTest, ANewerEpochAtTheSinkFencesThisInstance) {
  Start();
  Write(3);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(3)));
  SinkPosition position = world_->system.position();
  position.epoch = Epoch(1000);
  world_->system.SetPosition(position);
  Write();
  ASSERT_TRUE(observer_.WaitForAvailability(SinkAvailability::kGone));
  EXPECT_EQ(loop_->status().reason, "fenced");
  EXPECT_EQ(world_->system.position().height, Height(3));
  EXPECT_EQ(world_->system.fenced_count(), 1U);
  EXPECT_TRUE(Stop());
}

TEST_F(SinkFaultsTest, ABlockedSinkDoesNotDelayAnothersLoop) {
  faults().Set(Kind::kStartBlocks, 1);
  Start();
  ASSERT_TRUE(faults().WaitUntilBlocked());
  FakeObserver other_observer;
  auto other_world = std::make_shared<FakeWorld>();
  SinkSettings settings = settings_;
  settings.name = SinkName("audit");
  SinkEnvironment environment = Environment();
  environment.observer = &other_observer;
  SinkLoop other(settings, std::make_shared<FakePluginLibrary>(other_world),
                 std::move(environment));
  other.Start(std::nullopt, RecoverOnStart::kNow);
  const auto change_set = journal_.Append(size_t{8});
  other.Enqueue(change_set);
  loop_->Enqueue(change_set);
  EXPECT_TRUE(other_observer.WaitForWatermark(Height(1)));
  other.RequestStop(seconds(30));
  EXPECT_TRUE(other.Join(Now() + seconds(60)));
  EXPECT_TRUE(Stop());
}

TEST_F(SinkFaultsTest, AFilterKeepsHeightsAndDigestsAndSequenceNumbers) {
  settings_.filter.stores = {"orders"};
  Start();
  Write(3);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(3)));
  EXPECT_TRUE(Stop());
  ASSERT_EQ(world_->system.log().size(), 3U);
  for (const FakeSystem::Received& received : world_->system.log()) {
    const auto full = journal_.at(received.height);
    EXPECT_EQ(received.canonical, FilterChangeSet(*full, settings_.filter)->canonical());
  }
  EXPECT_EQ(world_->system.position().digest, journal_.at(Height(3))->digest());
}

}  // namespace
}  // namespace sluice
