// SPDX-License-Identifier: Apache-2.0
#include "lifecycle/sink_loop.h"

#include <gtest/gtest.h>

#include "sink_loop_fixture.h"

namespace sluice {
namespace {

TEST_F(SinkLoopTest, DeliversFromGenesisAndStopsInOrder) {
  Start();
  Write(100);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(100)));
  ASSERT_TRUE(observer_.WaitForAvailability(SinkAvailability::kAvailable));
  const SinkStatus status = loop_->status();
  EXPECT_EQ(status.lifecycle, "running");
  EXPECT_EQ(status.mode, "live");
  EXPECT_EQ(status.level, "durable");
  EXPECT_EQ(status.watermark, Height(100));
  EXPECT_EQ(status.lag_blocks, 0U);
  EXPECT_EQ(status.plugin, "fake");
  EXPECT_TRUE(Stop());
  EXPECT_EQ(loop_->status().lifecycle, "suspended");
  EXPECT_EQ(loop_->status().reason, "operator");
  EXPECT_EQ(created(), 1);
  EXPECT_EQ(destroyed(), 1);
  EXPECT_EQ(world_->system.position().epoch, Epoch(7));
  ExpectReceivedEverythingOnce(Height(100));
}

TEST_F(SinkLoopTest, ResumesAfterWhatTheSinkItselfHolds) {
  journal_.Append(20);
  world_->system.SetPosition(
      {false, kTestStream, Epoch(3), Height(12), journal_.at(Height(12))->digest()});
  Start();
  ASSERT_TRUE(observer_.WaitForWatermark(Height(20)));
  EXPECT_EQ(world_->system.log().front().height, Height(13));
  EXPECT_EQ(world_->system.log().size(), 8U);
  EXPECT_EQ(observer_.told().front().watermark, Height(12));
  EXPECT_TRUE(Stop());
}

TEST_F(SinkLoopTest, AcksFromTheSinksOwnThreadInGroups) {
  world_->options.group = 5;
  Start();
  Write(203);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(203)));
  EXPECT_TRUE(Stop());
  ExpectReceivedEverythingOnce(Height(203));
}

}  // namespace
}  // namespace sluice
