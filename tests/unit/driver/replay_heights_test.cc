// SPDX-License-Identifier: Apache-2.0
//
// Sources whose blocks carry heights: the height is the position.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "replay_fixture.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

std::string BlockLines(const std::vector<uint64_t>& heights) {
  std::string text;
  for (uint64_t height : heights) text += BlockLine(height);
  return text;
}

TEST_F(ReplayTest, HeightsAreGivenToTheNodeAndNoPositionIsRecorded) {
  Run run = ReplayText(BlockLines({1, 2}));
  ASSERT_TRUE(run.status.ok()) << run.status.message();
  ASSERT_THAT(run.blocks, SizeIs(2));
  EXPECT_EQ(run.blocks[0].height, Height(1));
  EXPECT_EQ(run.blocks[1].height, Height(2));
  EXPECT_TRUE(run.blocks[0].position.source.empty());
  EXPECT_TRUE(run.blocks[0].position.state.empty());
}

TEST_F(ReplayTest, HeightsAtOrBelowTheStartAreSkippedAndCounted) {
  start_.height = Height(3);
  Run run = ReplayText(BlockLines({1, 2, 3, 4, 5}));
  ASSERT_TRUE(run.status.ok()) << run.status.message();
  EXPECT_THAT(run.described(), ElementsAre("set main h=4", "set main h=5"));
  EXPECT_EQ(run.progress.blocks_skipped, 3u);
}

TEST_F(ReplayTest, EverythingMayBeSkipped) {
  start_.height = Height(9);
  Run run = ReplayText(BlockLines({1, 2, 3}));
  EXPECT_TRUE(run.status.ok());
  EXPECT_THAT(run.blocks, IsEmpty());
  EXPECT_EQ(run.progress.blocks_skipped, 3u);
}

TEST_F(ReplayTest, SourceMayBeginBehindTheStart) {
  start_.height = Height(3);
  EXPECT_THAT(ReplayText(BlockLines({3, 4})).described(), ElementsAre("set main h=4"));
  EXPECT_THAT(ReplayText(BlockLines({4})).described(), ElementsAre("set main h=4"));
}

TEST_F(ReplayTest, GapIsAnErrorAndBlocksBeforeItAreHandedOver) {
  Run run = ReplayText(BlockLines({1, 2, 4}));
  EXPECT_EQ(run.status.code(), StatusCode::kInvalid);
  EXPECT_THAT(run.status.message(), StartsWith(At("3:11") + "height 4 where 3 is the next"));
  EXPECT_THAT(run.blocks, SizeIs(2));
  start_.height = Height(5);
  EXPECT_THAT(ReplayText(BlockLines({7})).status.message(),
              StartsWith(At("1:11") + "height 7 where 6 is the next"));
}

TEST_F(ReplayTest, RepeatedHeightIsAnError) {
  Run run = ReplayText(BlockLines({1, 2, 2}));
  EXPECT_THAT(run.status.message(), StartsWith(At("3:11") + "height 2 stands here again"));
  EXPECT_THAT(run.blocks, SizeIs(2));
  start_.height = Height(1);
  run = ReplayText(BlockLines({1, 2, 1}));
  EXPECT_THAT(run.status.message(), StartsWith(At("3:11") + "height 1 stands here again"));
}

TEST_F(ReplayTest, BlocksWithAndWithoutHeightsInOneSourceAreAnError) {
  Run run = ReplayText(BlockLine(1) + "{\"txs\":[]}\n");
  EXPECT_THAT(run.status.message(), StartsWith(At("2:1") + "a block without a height"));
  EXPECT_THAT(run.blocks, SizeIs(1));
  run = ReplayText("{\"txs\":[]}\n" + BlockLine(2));
  EXPECT_THAT(run.status.message(), StartsWith(At("2:11") + "a block with a height"));
  EXPECT_THAT(run.blocks, SizeIs(1));
}

TEST_F(ReplayTest, RunThatIsInterruptedAtAnyHeightContinuesThere) {
  std::string text = BlockLines({1, 2, 3, 4, 5, 6});
  std::vector<std::string> whole = ReplayText(text).described();
  for (size_t kill = 0; kill <= 6; ++kill) {
    start_.height = Height(0);
    std::vector<std::string> all;
    Run first = Replay(kill);
    for (const Block& block : first.blocks) {
      Commit(block);
      all.push_back(Describe(block));
    }
    Run second = Replay();
    for (const Block& block : second.blocks) all.push_back(Describe(block));
    EXPECT_EQ(all, whole) << kill;
    EXPECT_EQ(second.progress.blocks_skipped, kill);
  }
}

}  // namespace
}  // namespace sluice
