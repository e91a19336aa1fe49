// SPDX-License-Identifier: Apache-2.0
//
// Commands, records and restarts, with the loop itself: what is on record survives the loop, as it
// survives a node.
#include <gtest/gtest.h>

#include "sink_loop_fixture.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

class SinkCommandsTest : public SinkLoopTest {
 protected:
  Faults& faults() { return world_->faults; }
  SinkRecord Recorded() { return records_.Get(settings_.name).value(); }
  // The node ends and starts again.
  void Again(RecoverOnStart recover = RecoverOnStart::kNow) {
    ASSERT_TRUE(Stop());
    loop_.reset();
    Start(recover);
  }
};

TEST_F(SinkCommandsTest, SuspendDrainsAndStaysOverRestartsUntilResumed) {
  Start();
  Write(5);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(5)));
  ASSERT_EQ(Do(SinkCommand::kSuspend), Status::Ok());
  EXPECT_TRUE(Recorded().suspended_by_operator);
  ASSERT_TRUE(WaitForLifecycle("suspended"));
  EXPECT_EQ(loop_->status().reason, "operator");
  EXPECT_EQ(destroyed(), 1);
  Write(5);
  Again();
  ASSERT_TRUE(WaitForLifecycle("suspended"));
  EXPECT_EQ(created(), 1);
  EXPECT_EQ(Do(SinkCommand::kSuspend), Status::Ok()) << "again is no error";
  ASSERT_EQ(Do(SinkCommand::kResume), Status::Ok());
  EXPECT_FALSE(Recorded().suspended_by_operator);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(10)));
  EXPECT_EQ(created(), 2);
  EXPECT_TRUE(Stop());
  ExpectReceivedEverythingOnce(Height(10));
}

TEST_F(SinkCommandsTest, AResumeDuringTheDrainBeginsAnewOnceItHasEnded) {
  faults().Set(Kind::kDrainBlocks, 1);
  settings_.drain_timeout = std::chrono::hours(1);
  Start();
  Write(2);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(2)));
  ASSERT_EQ(Do(SinkCommand::kSuspend), Status::Ok());
  ASSERT_TRUE(faults().WaitUntilBlocked());
  ASSERT_EQ(Do(SinkCommand::kResume), Status::Ok());
  EXPECT_EQ(loop_->status().lifecycle, "suspending");
  faults().Release();
  Write(1);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(3)));
  EXPECT_EQ(created(), 2);
  EXPECT_TRUE(Stop());
}

TEST_F(SinkCommandsTest, RestartMakesANewInstanceInOrderAndIsNoWayToBeGone) {
  Start();
  Write(3);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(3)));
  ASSERT_EQ(Do(SinkCommand::kRestart), Status::Ok());
  // Answered when it is on record; until it is drained the old instance may still take some.
  Write(3);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(6)));
  const TimePoint give_up_at = Now() + kPatience;
  while (created() < 2 && Now() < give_up_at) std::this_thread::yield();
  EXPECT_EQ(created(), 2);
  for (SinkAvailability told : observer_.availabilities()) {
    EXPECT_NE(told, SinkAvailability::kGone);
  }
  EXPECT_TRUE(Stop());
  ExpectReceivedEverythingOnce(Height(6));
}

TEST_F(SinkCommandsTest, RepairIsHeardAtOnceHoweverLongTheBackoff) {
  settings_.retry.initial = std::chrono::hours(1);
  settings_.retry.max = std::chrono::hours(1);
  faults().Set(Kind::kStartFails, 1);
  Start();
  Write(2);
  ASSERT_TRUE(WaitForLifecycle("repairing"));
  ASSERT_EQ(Do(SinkCommand::kRepair), Status::Ok());
  ASSERT_TRUE(observer_.WaitForWatermark(Height(2)));
  EXPECT_EQ(created(), 2);
  EXPECT_TRUE(Stop());
}

TEST_F(SinkCommandsTest, RepairTriesAgainWhatIsNeverRetriedByItself) {
  journal_.Append(5);
  world_->system.SetPosition(
      {false, kTestStream, Epoch(3), Height(4), journal_.at(Height(3))->digest()});
  Start();
  ASSERT_TRUE(observer_.WaitForAvailability(SinkAvailability::kGone));
  EXPECT_EQ(Recorded().reason, SuspendReason::kDiverged);
  ASSERT_EQ(Do(SinkCommand::kRepair), Status::Ok());
  ASSERT_TRUE(WaitForLifecycle("suspended"));
  world_->system.SetPosition(
      {false, kTestStream, Epoch(3), Height(4), journal_.at(Height(4))->digest()});
  ASSERT_EQ(Do(SinkCommand::kRepair), Status::Ok());
  ASSERT_TRUE(observer_.WaitForWatermark(Height(5)));
  EXPECT_TRUE(Stop());
}

TEST_F(SinkCommandsTest, TakeOverRaisesTheEpochAboveTheOneThatTheSinkHasSeen) {
  journal_.Append(5);
  world_->system.SetPosition(
      {false, kTestStream, Epoch(100), Height(4), journal_.at(Height(4))->digest()});
  Start();
  ASSERT_TRUE(WaitForLifecycle("suspended"));
  EXPECT_EQ(loop_->status().reason, "foreign");
  ASSERT_EQ(Do(SinkCommand::kRepair), Status::Ok());
  ASSERT_TRUE(WaitForLifecycle("suspended"));
  EXPECT_EQ(world_->system.position().epoch, Epoch(100)) << "a plain repair takes nothing over";
  ASSERT_EQ(Do(SinkCommand::kTakeOver), Status::Ok());
  ASSERT_TRUE(observer_.WaitForWatermark(Height(5)));
  EXPECT_EQ(world_->system.position().epoch, Epoch(101));
  EXPECT_TRUE(Stop());
}

TEST_F(SinkCommandsTest, HoweverOftenItIsTriedOnlyATakeOverPassesTheSinksEpoch) {
  journal_.Append(5);
  world_->system.SetPosition(
      {false, kTestStream, Epoch(10), Height(4), journal_.at(Height(4))->digest()});
  Start();
  ASSERT_TRUE(WaitForLifecycle("suspended"));
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(Do(SinkCommand::kRepair), Status::Ok());
    ASSERT_TRUE(WaitForLifecycle("suspended"));
    ASSERT_EQ(loop_->status().reason, "foreign");
  }
  Again();
  ASSERT_TRUE(WaitForLifecycle("suspended"));
  EXPECT_GT(epoch_.load(), 10U) << "ours is larger by now";
  EXPECT_EQ(world_->system.position().epoch, Epoch(10));
  ASSERT_EQ(Do(SinkCommand::kTakeOver), Status::Ok());
  ASSERT_TRUE(observer_.WaitForWatermark(Height(5)));
  ASSERT_TRUE(WaitForLifecycle("running"));
  ASSERT_EQ(Do(SinkCommand::kResume), Status::Ok());  // that it runs is on record
  EXPECT_EQ(Recorded().refused_epoch, Epoch());
  EXPECT_TRUE(Stop());
}

TEST_F(SinkCommandsTest, ANewerNodeThatFencedItIsNotPassedByARepair) {
  Start();
  Write(3);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(3)));
  SinkPosition taken = world_->system.position();
  taken.epoch = Epoch(9);
  world_->system.SetPosition(taken);
  Write(1);
  ASSERT_TRUE(WaitForLifecycle("suspended"));
  EXPECT_EQ(loop_->status().reason, "fenced");
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(Do(SinkCommand::kRepair), Status::Ok());
    ASSERT_TRUE(WaitForLifecycle("suspended"));
  }
  EXPECT_EQ(world_->system.position().epoch, Epoch(9));
  ASSERT_EQ(Do(SinkCommand::kTakeOver), Status::Ok());
  ASSERT_TRUE(observer_.WaitForWatermark(Height(4)));
  EXPECT_TRUE(Stop());
}

TEST_F(SinkCommandsTest, AnotherStreamIsNotTakenOver) {
  journal_.Append(5);
  world_->system.SetPosition(
      {false, "another", Epoch(100), Height(4), journal_.at(Height(4))->digest()});
  Start();
  ASSERT_TRUE(WaitForLifecycle("suspended"));
  ASSERT_EQ(Do(SinkCommand::kTakeOver), Status::Ok());
  ASSERT_TRUE(WaitForLifecycle("suspended"));
  EXPECT_EQ(loop_->status().reason, "foreign");
  EXPECT_TRUE(world_->system.log().empty());
  EXPECT_TRUE(Stop());
}

TEST_F(SinkCommandsTest, RemoveDrainsAndForgets) {
  Start();
  Write(5);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(5)));
  ASSERT_EQ(Do(SinkCommand::kRemove), Status::Ok());
  ASSERT_TRUE(WaitForLifecycle("deleted"));
  EXPECT_EQ(destroyed(), 1);
  EXPECT_EQ(records_.forgotten(), 1);
  EXPECT_EQ(records_.Get(settings_.name), std::nullopt);
  EXPECT_TRUE(loop_->Join(Now() + kPatience));
}

TEST_F(SinkCommandsTest, ARemovalThatWasCutShortIsFinishedAtTheNextStart) {
  Start();
  Write(5);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(5)));
  ASSERT_TRUE(Stop());
  SinkRecord record = Recorded();
  record.state = LifecycleState::kDeleting;
  record.deleted = true;
  records_.Set(record);
  loop_.reset();
  Start();
  ASSERT_TRUE(WaitForLifecycle("deleted"));
  EXPECT_EQ(created(), 1) << "what is to be removed is not begun once more";
  EXPECT_EQ(records_.forgotten(), 1);
}

// --- records ------------------------------------------------------------------------------------

TEST_F(SinkCommandsTest, IdleRoundsWriteNothing) {
  Start();
  Write(5);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(5)));
  ASSERT_TRUE(WaitForLifecycle("running"));
  ASSERT_EQ(Do(SinkCommand::kResume), Status::Ok());  // the loop has come to rest
  const int before = records_.writes();
  const uint64_t rounds = loop_->counters().loop_time.totals().count;
  while (loop_->counters().loop_time.totals().count < rounds + 100) {
    loop_->Use();  // wakes it
    std::this_thread::yield();
  }
  EXPECT_EQ(records_.writes(), before);
  EXPECT_EQ(records_.States(), (std::vector<std::string>{"initializing", "running"}));
  Write(50);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(55)));
  EXPECT_EQ(records_.writes(), before) << "heights are no news of a sink";
  EXPECT_TRUE(Stop());
  EXPECT_EQ(records_.writes(), before) << "nor is the end of the node";
  EXPECT_EQ(Recorded().state, LifecycleState::kRunning);
}

TEST_F(SinkCommandsTest, RepairingSurvivesARestartWithItsAttempts) {
  settings_.retry.initial = std::chrono::hours(1);
  settings_.retry.max = std::chrono::hours(2);
  faults().Set(Kind::kStartFails, 1);
  Start();
  ASSERT_TRUE(WaitForLifecycle("repairing"));
  Again();
  ASSERT_TRUE(WaitForLifecycle("repairing"));
  EXPECT_EQ(created(), 1) << "its time has not come";
  EXPECT_EQ(loop_->status().attempt, 1U);
  EXPECT_EQ(loop_->status().reason, "start failed: no route to the host");
  EXPECT_GT(loop_->status().next_retry_at_unix_nanos, WallNanos());
  EXPECT_TRUE(Stop());
}

TEST_F(SinkCommandsTest, NothingIsBegunThatIsNotOnRecord) {
  records_.SetFull(true);
  Start();
  Write(2);
  const TimePoint give_up_at = Now() + kPatience;
  while (loop_->status().reason.find("record") == std::string::npos && Now() < give_up_at) {
    std::this_thread::yield();
  }
  EXPECT_NE(loop_->status().reason.find("the disk is full"), std::string::npos);
  EXPECT_EQ(created(), 0);
  const Status refused = Do(SinkCommand::kSuspend);
  EXPECT_EQ(refused.code(), StatusCode::kNoSpace);
  records_.SetFull(false);
  ASSERT_TRUE(WaitForLifecycle("suspended"));
  EXPECT_TRUE(Recorded().suspended_by_operator);
  ASSERT_EQ(Do(SinkCommand::kResume), Status::Ok());
  ASSERT_TRUE(observer_.WaitForWatermark(Height(2)));
  EXPECT_TRUE(Stop());
}

TEST_F(SinkCommandsTest, WhatWasFoundBrokenIsTriedByTheSetting) {
  settings_.retry.max_attempts = 2;
  faults().Set(Kind::kStartFails, 1000);
  Start();
  ASSERT_TRUE(observer_.WaitForAvailability(SinkAvailability::kGone));
  EXPECT_EQ(created(), 2);

  Again(RecoverOnStart::kNever);
  ASSERT_TRUE(WaitForLifecycle("suspended"));
  EXPECT_EQ(loop_->status().reason, "exhausted");
  EXPECT_EQ(created(), 2);

  Again(RecoverOnStart::kNow);
  ASSERT_TRUE(WaitForLifecycle("suspended"));
  EXPECT_EQ(created(), 4);

  Again(RecoverOnStart::kOnFirstUse);
  ASSERT_EQ(loop_->status().lifecycle, "initializing");
  EXPECT_EQ(loop_->status().reason, "begins with its first change");
  EXPECT_EQ(created(), 4);
  faults().Clear();
  Write(1);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(1)));
  EXPECT_EQ(created(), 5);
  EXPECT_TRUE(Stop());
}

TEST_F(SinkCommandsTest, AWaitForItsAckIsAUseToo) {
  settings_.retry.max_attempts = 1;
  faults().Set(Kind::kStartFails, 1);
  Start();
  ASSERT_TRUE(observer_.WaitForAvailability(SinkAvailability::kGone));
  Again(RecoverOnStart::kOnFirstUse);
  EXPECT_EQ(created(), 1);
  loop_->Use();
  ASSERT_TRUE(WaitForLifecycle("running"));
  EXPECT_EQ(created(), 2);
  EXPECT_TRUE(Stop());
}

TEST_F(SinkCommandsTest, ALazySinkBeginsWithTheFirstChangeThatItWouldGet) {
  settings_.lazy = true;
  settings_.filter.key_prefixes = {"order5"};
  journal_.Append(3);
  Start();
  Write(1);
  EXPECT_EQ(loop_->status().lifecycle, "initializing");
  EXPECT_EQ(created(), 0);
  Write(1);  // order5
  ASSERT_TRUE(observer_.WaitForWatermark(Height(5)));
  EXPECT_EQ(created(), 1);
  EXPECT_EQ(world_->system.log().size(), 5U) << "the empty heights before it come first";
  EXPECT_TRUE(Stop());
}

// --- other settings -----------------------------------------------------------------------------

TEST_F(SinkCommandsTest, OtherSettingsReplaceTheInstanceEqualOnesDoNot) {
  Start();
  Write(3);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(3)));
  auto library = std::make_shared<FakePluginLibrary>(world_);
  loop_->Reconfigure(settings_, library);
  ASSERT_EQ(Do(SinkCommand::kResume), Status::Ok());  // a round has passed
  EXPECT_EQ(created(), 1);
  settings_.configuration = "other";
  loop_->Reconfigure(settings_, library);
  Write(3);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(6)));
  const TimePoint give_up_at = Now() + kPatience;
  while (created() < 2 && Now() < give_up_at) std::this_thread::yield();
  EXPECT_EQ(created(), 2);
  ASSERT_TRUE(WaitForLifecycle("running"));
  EXPECT_EQ(Recorded().configuration, "other");
  EXPECT_TRUE(Stop());
  ExpectReceivedEverythingOnce(Height(6));
}

TEST_F(SinkCommandsTest, OtherSettingsAreANewTryForASinkThatAFaultHasSuspended) {
  settings_.retry.max_attempts = 1;
  faults().Set(Kind::kStartFails, 1);
  Start();
  ASSERT_TRUE(observer_.WaitForAvailability(SinkAvailability::kGone));
  settings_.configuration = "other";
  loop_->Reconfigure(settings_, std::make_shared<FakePluginLibrary>(world_));
  ASSERT_TRUE(WaitForLifecycle("running"));
  EXPECT_EQ(created(), 2);
  EXPECT_TRUE(Stop());
}

TEST_F(SinkCommandsTest, ASinkIsDisabledAndEnabledByItsSettings) {
  Start();
  Write(3);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(3)));
  auto library = std::make_shared<FakePluginLibrary>(world_);
  settings_.enabled = false;
  loop_->Reconfigure(settings_, library);
  ASSERT_TRUE(WaitForLifecycle("suspended"));
  EXPECT_EQ(loop_->status().reason, "disabled");
  EXPECT_EQ(Do(SinkCommand::kResume).code(), StatusCode::kInvalid);
  Write(2);
  settings_.enabled = true;
  loop_->Reconfigure(settings_, library);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(5)));
  EXPECT_TRUE(Stop());
  ExpectReceivedEverythingOnce(Height(5));
}

}  // namespace
}  // namespace sluice
