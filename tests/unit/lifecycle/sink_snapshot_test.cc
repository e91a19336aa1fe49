// SPDX-License-Identifier: Apache-2.0
//
// A sink that is filled with a copy of the state: new, with a gap, or because an operator says so.
#include <gtest/gtest.h>

#include <string>

#include "sink_loop_fixture.h"

namespace sluice {
namespace {

class SinkSnapshotTest : public SinkLoopTest {
 protected:
  // Rows as of the height of the copy, then each height once, up to the last journaled one.
  void ExpectRowsThenHeights() {
    ASSERT_TRUE(observer_.WaitForWatermark(journaled()));
    const std::vector<FakeSystem::Received> log = world_->system.log();
    const Height copied = log.empty() ? world_->system.position().height : log.front().height - 1;
    EXPECT_EQ(world_->system.rows(), RowsOf(journal_, copied, settings_.filter));
    Height next = copied + 1;
    for (const FakeSystem::Received& received : log) {
      if (received.height < next) continue;  // again, after an ack that was lost
      ASSERT_EQ(received.height, next);
      ++next;
    }
    EXPECT_EQ(next, journaled() + 1);
    EXPECT_EQ(world_->system.gap_count(), 0U);
  }
  bool WaitForRecord(bool snapshot) {
    const TimePoint give_up_at = Now() + kPatience;
    for (;;) {
      const std::optional<SinkRecord> record = records_.Get(settings_.name);
      if (record && record->snapshot == snapshot) return true;
      if (Now() > give_up_at) return false;
      std::this_thread::yield();
    }
  }
};

TEST_F(SinkSnapshotTest, ANewSinkGetsTheStateAndThenTheHeights) {
  journal_.Append(20);
  settings_.start = SinkStart::kSnapshot;
  Start();
  Write(5);
  ExpectRowsThenHeights();
  EXPECT_EQ(world_->system.snapshots_begun(), 1);
  ASSERT_TRUE(WaitForRecord(false));
  EXPECT_FALSE(observer_.copying()) << "its watermark says now what the journal is kept for";
  EXPECT_EQ(loop_->status().mode, "live");
}

TEST_F(SinkSnapshotTest, ItsFilterLeavesRowsOut) {
  journal_.Append(20);
  settings_.start = SinkStart::kSnapshot;
  settings_.filter.stores = {"orders"};
  Start();
  Write(2);
  ExpectRowsThenHeights();
  for (const auto& [key, value] : world_->system.rows()) EXPECT_EQ(key.first, "orders");
}

TEST_F(SinkSnapshotTest, WhileItCopiesItIsOnRecordAndHoldsTheJournalAndJoins) {
  journal_.Append(20);
  settings_.start = SinkStart::kSnapshot;
  world_->faults.Set(Kind::kSnapshotPartBlocks, 1, Height(2));
  Start();
  ASSERT_TRUE(world_->faults.WaitUntilBlocked());
  EXPECT_TRUE(records_.Get(settings_.name)->snapshot);
  EXPECT_EQ(observer_.copying(), Height(20));
  EXPECT_EQ(observer_.copied_rows(), 6U);
  ASSERT_TRUE(observer_.WaitForReason("copying the state at height 20"));
  EXPECT_TRUE(observer_.WaitForAvailability(SinkAvailability::kJoining));
  const SinkStatus status = loop_->status();
  EXPECT_EQ(status.mode, "snapshot");
  EXPECT_EQ(status.reason, "copying the state at height 20: 6 of about 27 rows");
  ASSERT_TRUE(status.snapshot);
  EXPECT_EQ(status.snapshot->rows, 6U);
  Write(10);
  world_->faults.Release();
  ExpectRowsThenHeights();
}

TEST_F(SinkSnapshotTest, OneThatIsInterruptedBeginsAnewWhateverTheSinkSays) {
  journal_.Append(20);
  settings_.start = SinkStart::kSnapshot;
  world_->faults.Set(Kind::kSnapshotPartBlocks, 1, Height(2));
  Start();
  ASSERT_TRUE(world_->faults.WaitUntilBlocked());
  ASSERT_TRUE(Stop(Duration::zero()));
  EXPECT_TRUE(world_->system.position().empty);
  // The node has a record of heights that it acked once: without the wish this would be a gap.
  journal_.SetStoredWatermark(Height(7));
  journal_.Prune(Height(15));
  settings_.start = SinkStart::kResume;
  Write(3);
  Start();
  ExpectRowsThenHeights();
  EXPECT_EQ(world_->system.snapshots_begun(), 2);
  ASSERT_TRUE(WaitForRecord(false));
}

TEST_F(SinkSnapshotTest, WhatFailsInItIsTriedAgainFromTheBeginning) {
  journal_.Append(20);
  settings_.start = SinkStart::kSnapshot;
  world_->faults.Set(Kind::kSnapshotBeginFails, 1);
  world_->faults.Set(Kind::kSnapshotPartFails, 2, Height(3));
  world_->faults.Set(Kind::kSnapshotEndFails, 1);
  Start();
  ExpectRowsThenHeights();
  EXPECT_EQ(world_->system.snapshots_begun(), 4);
  EXPECT_EQ(world_->Get(world_->created), 5);
}

TEST_F(SinkSnapshotTest, APartThatHangsIsCancelledAndTriedAgain) {
  journal_.Append(20);
  settings_.start = SinkStart::kSnapshot;
  settings_.start_timeout = std::chrono::milliseconds(500);
  world_->faults.Set(Kind::kSnapshotPartBlocks, 1, Height(1));
  Start();
  ExpectRowsThenHeights();
  EXPECT_NE(loop_->status().last_error.text.find("snapshot has not returned within"),
            std::string::npos)
      << loop_->status().last_error.text;
}

TEST_F(SinkSnapshotTest, APartThatNeverReturnsLeavesTheSinkHungAndTheJournalFree) {
  journal_.Append(20);
  settings_.start = SinkStart::kSnapshot;
  settings_.start_timeout = settings_.stop_timeout = std::chrono::milliseconds(500);
  world_->faults.Set(Kind::kSnapshotPartBlocks, 1, Height(1));
  world_->faults.Set(Kind::kIgnoreCancel, 1);
  Start();
  ASSERT_TRUE(WaitForLifecycle("suspended"));
  EXPECT_EQ(loop_->status().reason, "hung");
  EXPECT_FALSE(observer_.copying());
  EXPECT_TRUE(records_.Get(settings_.name)->snapshot) << "another process begins it anew";
}

TEST_F(SinkSnapshotTest, AGapIsFilledWhereTheOperatorSaysSo) {
  journal_.Append(20);
  journal_.Prune(Height(15));
  settings_.on_gap = OnGap::kSnapshot;
  world_->system.SetPosition(
      {false, kTestStream, Epoch(1), Height(3), journal_.at(Height(3))->digest()});
  Start();
  Write(3);
  ExpectRowsThenHeights();
  EXPECT_EQ(world_->system.snapshots_begun(), 1);
}

TEST_F(SinkSnapshotTest, ACommandFillsARunningSinkAnew) {
  Start();
  Write(20);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(20)));
  ASSERT_TRUE(Do(SinkCommand::kSnapshot).ok());
  Write(5);
  ASSERT_TRUE(WaitForRecord(false));
  ExpectRowsThenHeights();
  EXPECT_EQ(world_->system.snapshots_begun(), 1);
}

TEST_F(SinkSnapshotTest, ACommandMendsADivergedSinkAndOneThatIsAhead) {
  journal_.Append(20);
  for (const Height at : {Height(12), Height(50)}) {
    world_->system.SetPosition({false, kTestStream, Epoch(1), at, Sha256("another history")});
    Start();
    if (at == Height(12)) {
      ASSERT_TRUE(WaitForLifecycle("suspended"));
      EXPECT_EQ(loop_->status().reason, "diverged");
    } else {
      ASSERT_TRUE(observer_.WaitForReason("ahead"));
    }
    ASSERT_TRUE(Do(SinkCommand::kSnapshot).ok());
    ASSERT_TRUE(WaitForRecord(false));
    ExpectRowsThenHeights();
    ASSERT_TRUE(Stop());
  }
}

TEST_F(SinkSnapshotTest, AForeignSinkIsNotReplaced) {
  journal_.Append(20);
  world_->system.SetPosition({false, "another-stream", Epoch(1), Height(3), Digest()});
  Start();
  ASSERT_TRUE(WaitForLifecycle("suspended"));
  ASSERT_TRUE(Do(SinkCommand::kSnapshot).ok());
  ASSERT_TRUE(WaitForLifecycle("suspended"));
  EXPECT_EQ(loop_->status().reason, "foreign");
  EXPECT_EQ(world_->system.snapshots_begun(), 0);
}

TEST_F(SinkSnapshotTest, ItIsNotOlderThanWhatTheSinkHasAcked) {
  Start();
  Write(20);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(20)));
  // Acked by this sink, and not by others.
  journal_.SetCommitted(Height(15));
  ASSERT_TRUE(Do(SinkCommand::kSnapshot).ok());
  ASSERT_TRUE(WaitForRecord(true));
  ASSERT_TRUE(WaitForLifecycle("initializing"));
  EXPECT_EQ(world_->system.snapshots_begun(), 0);
  journal_.SetCommitted(Height(22));
  Write(5);
  ASSERT_TRUE(WaitForRecord(false));
  ExpectRowsThenHeights();
  EXPECT_GE(world_->system.log().front().height, Height(21));
}

TEST_F(SinkSnapshotTest, ThatTheSinkForgetsItIsNotTriedForEver) {
  journal_.Append(20);
  settings_.start = SinkStart::kSnapshot;
  world_->faults.Set(Kind::kSnapshotEndForgets, 1);
  Start();
  ASSERT_TRUE(WaitForLifecycle("suspended"));
  EXPECT_NE(loop_->status().last_error.text.find("does not keep what the extension promises"),
            std::string::npos);
  // An operator who knows better.
  ASSERT_TRUE(Do(SinkCommand::kRepair).ok());
  ExpectRowsThenHeights();
}

TEST_F(SinkSnapshotTest, WhereTheJournalIsPrunedAllTheSameTheCopyEndsAndSaysWhy) {
  journal_.Append(20);
  settings_.start = SinkStart::kSnapshot;
  world_->faults.Set(Kind::kSnapshotPartBlocks, 1, Height(1));
  Start();
  ASSERT_TRUE(world_->faults.WaitUntilBlocked());
  Write(10);
  journal_.Prune(Height(25));
  world_->faults.Release();
  ASSERT_TRUE(WaitForLifecycle("suspended"));
  EXPECT_EQ(loop_->status().reason, "gap");
  EXPECT_NE(loop_->status().last_error.text.find("the journal's cap was reached"),
            std::string::npos);
  ASSERT_TRUE(Do(SinkCommand::kSnapshot).ok());
  ExpectRowsThenHeights();
}

TEST_F(SinkSnapshotTest, APluginThatTakesNoneIsSaidToBeSo) {
  journal_.Append(20);
  settings_.start = SinkStart::kSnapshot;
  world_->options.can_take_snapshot = false;
  Start();
  ASSERT_TRUE(WaitForLifecycle("suspended"));
  EXPECT_NE(loop_->status().last_error.text.find("plugin fake takes none"), std::string::npos);
}

TEST_F(SinkSnapshotTest, WhatWasPartialIsWholeAgain) {
  journal_.Append(20);
  settings_.start = SinkStart::kLatest;
  Start();
  Write(2);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(22)));
  ASSERT_TRUE(WaitForLifecycle("running"));
  EXPECT_EQ(loop_->status().mode, "partial");
  ASSERT_TRUE(Do(SinkCommand::kSnapshot).ok());
  ASSERT_TRUE(WaitForRecord(false));
  ExpectRowsThenHeights();
  EXPECT_EQ(loop_->status().mode, "live");
  EXPECT_EQ(records_.Get(settings_.name)->partial_after, Height());
}

}  // namespace
}  // namespace sluice
