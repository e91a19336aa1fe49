// SPDX-License-Identifier: Apache-2.0
//
// A sink that takes heights side by side: several calls of deliver at once, and what becomes of all
// of them when one fails, blocks, or never returns. Heights 1 to 7 of the fake journal share no
// key; each later one shares a key with the seventh before it.
#include <gtest/gtest.h>

#include "sink_loop_fixture.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

class ParallelSinkTest : public SinkLoopTest {
 protected:
  ParallelSinkTest() {
    world_->options.parallel = true;
    settings_.workers = 4;
  }
  Faults& faults() { return world_->faults; }
};

TEST_F(ParallelSinkTest, HeightsThatShareNoKeyAreDeliveredAtOnce) {
  faults().Set(Kind::kDeliverBlocks, 3);
  Start();
  Write(6);
  ASSERT_TRUE(faults().WaitUntilBlocked(3));
  // The fourth worker has the other three to itself.
  while (world_->system.log().size() < 3) std::this_thread::yield();
  EXPECT_EQ(observer_.watermark(), Height());  // none of them moves it
  faults().Release();
  ASSERT_TRUE(observer_.WaitForWatermark(Height(6)));
  EXPECT_GT(world_->system.above_gap_count(), 0U);
  EXPECT_TRUE(Stop());
  ExpectReceivedEverythingInTheOrderOfKeys(Height(6));
}

TEST_F(ParallelSinkTest, AHeightWaitsForTheOneWithTheSameKeyAndNoOther) {
  faults().Set(Kind::kDeliverBlocks, 1);  // of height 1, the only one there is
  Start();
  Write(1);
  ASSERT_TRUE(faults().WaitUntilBlocked());
  Write(9);  // 8 shares a key with 1; 9 and 10 with 2 and 3
  while (world_->system.log().size() < 8) std::this_thread::yield();
  for (const FakeSystem::Received& received : world_->system.log()) {
    EXPECT_NE(received.height, Height(8));
  }
  faults().Release();
  ASSERT_TRUE(observer_.WaitForWatermark(Height(10)));
  EXPECT_TRUE(Stop());
  ExpectReceivedEverythingInTheOrderOfKeys(Height(10));
}

TEST_F(ParallelSinkTest, OneWorkerDeliversOneHeightAfterAnother) {
  settings_.workers = 1;
  Start();
  Write(50);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(50)));
  EXPECT_EQ(world_->system.above_gap_count(), 0U);
  EXPECT_TRUE(Stop());
}

TEST_F(ParallelSinkTest, ABacklogIsReadBackOnceAndLearned) {
  journal_.Append(300);
  Start();
  ASSERT_TRUE(observer_.WaitForWatermark(Height(300)));
  EXPECT_EQ(journal_.read_count(), 300U);
  EXPECT_TRUE(Stop());
  ExpectReceivedEverythingInTheOrderOfKeys(Height(300));
}

TEST_F(ParallelSinkTest, ABacklogDrainsInLittleMemory) {
  settings_.queue_bytes = 2000;  // a few heights
  journal_.Append(300);
  Start();
  ASSERT_TRUE(observer_.WaitForWatermark(Height(300)));
  EXPECT_TRUE(Stop());
  ExpectReceivedEverythingInTheOrderOfKeys(Height(300));
}

TEST_F(ParallelSinkTest, AFailedHeightIsDeliveredAgainAndNoOtherIs) {
  faults().Set(Kind::kDeliverRetries, 1, Height(2));
  Start();
  Write(7);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(7)));
  EXPECT_EQ(world_->system.log().size(), 7U);
  EXPECT_EQ(loop_->status().retries, 1U);
  EXPECT_EQ(created(), 1);
  EXPECT_TRUE(Stop());
}

TEST_F(ParallelSinkTest, ALostAckIsNoticedAmongOthersThatCome) {
  settings_.ack_timeout = milliseconds(50);
  faults().Set(Kind::kDeliverLosesAck, 1, Height(2));
  Start();
  Write(2);
  ASSERT_TRUE(faults().WaitUntilTaken(Kind::kDeliverLosesAck, 1));
  // Others go on being acked all the time.
  const TimePoint give_up = Now() + kPatience;
  while (created() < 2 && Now() < give_up) {
    Write(1);
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_EQ(created(), 2);
  ASSERT_TRUE(observer_.WaitForWatermark(journaled()));
  EXPECT_EQ(loop_->status().last_error.code, "TIMEOUT");
  EXPECT_TRUE(Stop());
  ExpectReceivedEverythingInTheOrderOfKeys(journaled());
}

TEST_F(ParallelSinkTest, CallsThatBlockAreCancelledTogether) {
  settings_.ack_timeout = milliseconds(50);
  faults().Set(Kind::kDeliverBlocks, 4);
  Start();
  Write(7);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(7)));
  EXPECT_EQ(created(), 2);
  EXPECT_EQ(destroyed(), 1);
  EXPECT_EQ(abandoned(), 0);
  EXPECT_TRUE(Stop());
  ExpectReceivedEverythingInTheOrderOfKeys(Height(7));
}

TEST_F(ParallelSinkTest, OneCallThatIgnoresCancelLeavesTheInstanceAbandoned) {
  settings_.ack_timeout = milliseconds(30);
  settings_.stop_timeout = milliseconds(30);
  faults().Set(Kind::kIgnoreCancel, 1);
  faults().Set(Kind::kDeliverBlocks, 1);
  Start();
  Write(7);
  ASSERT_TRUE(observer_.WaitForAvailability(SinkAvailability::kGone));
  EXPECT_EQ(loop_->status().reason, "hung");
  EXPECT_EQ(abandoned(), 1);
  EXPECT_EQ(destroyed(), 0);
  const size_t told = observer_.told().size();
  EXPECT_FALSE(Stop());
  loop_.reset();
  // The late return touches nothing.
  faults().Release();
  ASSERT_TRUE(faults().WaitUntilNobodyIsBlocked());
  EXPECT_EQ(observer_.told().size(), told);
}

TEST_F(ParallelSinkTest, ANackThatComesBeforeItsDeliverReturnsDeliversTheHeightOnceAtATime) {
  faults().Set(Kind::kDeliverBlocks, 1, Height(1));
  Start();
  Write(1);
  ASSERT_TRUE(faults().WaitUntilBlocked());
  InstanceListener* listener = nullptr;
  {
    std::lock_guard lock(world_->mutex);
    listener = world_->newest_listener;
  }
  listener->OnNack(
      {Epoch(epoch_), Attempt(1), Height(1), StatusCode::kRetry, Duration::zero(), ""});
  Write(1);
  while (loop_->status().retries == 0) std::this_thread::yield();
  // Both calls would be there now, were they made.
  EXPECT_TRUE(world_->system.log().empty() || world_->system.log().front().height == Height(2));
  faults().Release();
  ASSERT_TRUE(observer_.WaitForWatermark(Height(2)));
  EXPECT_TRUE(Stop());
}

TEST_F(ParallelSinkTest, BusyHoldsAllWorkersUntilReady) {
  faults().Set(Kind::kDeliverBusy, 1);
  Start();
  Write(5);
  ASSERT_TRUE(faults().WaitUntilTaken(Kind::kDeliverBusy, 1));
  InstanceListener* listener = nullptr;
  {
    std::lock_guard lock(world_->mutex);
    listener = world_->newest_listener;
  }
  listener->OnReady();
  ASSERT_TRUE(observer_.WaitForWatermark(Height(5)));
  EXPECT_EQ(loop_->status().retries, 0U);
  EXPECT_TRUE(Stop());
}

TEST_F(ParallelSinkTest, StoppingWaitsForAllCallsAndDrainsWhatIsPending) {
  world_->options.group = 1;
  Start();
  Write(40);
  EXPECT_TRUE(Stop());
  EXPECT_EQ(destroyed(), created());
  EXPECT_EQ(observer_.watermark(), world_->system.position().height);
}

}  // namespace
}  // namespace sluice
