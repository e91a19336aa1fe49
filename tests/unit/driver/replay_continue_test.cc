// SPDX-License-Identifier: Apache-2.0
//
// Sources without heights: the position is the lines consumed and their running hash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "driver/replay/replay_position.h"
#include "replay_fixture.h"
#include "support/seed.h"

namespace sluice {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST_F(ReplayTest, PositionIsLinesConsumedAndTheirHash) {
  options_.block_txs = 1;
  std::string a = SetLine("a"), b = SetLine("b");
  Run run = ReplayText(a + "\r\n" + b);
  ASSERT_THAT(run.blocks, SizeIs(2));
  EXPECT_EQ(run.blocks[0].position.source, "in.jsonl");
  auto first = DecodeReplayPosition(run.blocks[0].position.state);
  ASSERT_TRUE(first);
  EXPECT_EQ(*first, (ReplayPosition{SourceKind::kLines, 1, Sha256(a)}));
  auto second = DecodeReplayPosition(run.blocks[1].position.state);
  ASSERT_TRUE(second);
  EXPECT_EQ(*second, (ReplayPosition{SourceKind::kLines, 3, Sha256(a + "\n" + b)}));
}

TEST_F(ReplayTest, ContinuationSkipsWhatWasConsumed) {
  options_.block_txs = 1;
  Write(SetLine("a") + SetLine("b") + SetLine("c"));
  for (const Block& block : Replay(2).blocks) Commit(block);
  Run run = Replay();
  ASSERT_TRUE(run.status.ok()) << run.status.message();
  EXPECT_THAT(run.described(), ElementsAre("set main c=v"));
  EXPECT_EQ(run.progress.lines_read, 3u);
}

TEST_F(ReplayTest, GrownSourceContinuesBehindItsOldEnd) {
  Write(SetLine("a"));
  Commit(Replay().blocks.at(0));
  EXPECT_THAT(Replay().blocks, IsEmpty());
  Append(SetLine("b"));
  EXPECT_THAT(Replay().described(), ElementsAre("set main b=v"));
}

TEST_F(ReplayTest, LineFeedThatComesLaterChangesNothing) {
  std::string a = SetLine("a");
  Write(a.substr(0, a.size() - 1));
  Commit(Replay().blocks.at(0));
  Write(a + SetLine("b"));
  EXPECT_THAT(Replay().described(), ElementsAre("set main b=v"));
}

TEST_F(ReplayTest, LineEndingsAndByteOrderMarkAreNoPartOfTheHash) {
  std::string a = SetLine("a");
  Write(a);
  Commit(Replay().blocks.at(0));
  Write("\xef\xbb\xbf" + a.substr(0, a.size() - 1) + "\r\n" + SetLine("b"));
  EXPECT_THAT(Replay().described(), ElementsAre("set main b=v"));
}

TEST_F(ReplayTest, ChangedSourceIsAnErrorThatSaysWhatToDo) {
  Write(SetLine("a") + SetLine("b"));
  Commit(Replay().blocks.at(0));
  auto is_changed = AllOf(StartsWith("cannot continue source \"in.jsonl\""),
                          HasSubstr(options_.path), HasSubstr("--source"));
  Run run = ReplayText(SetLine("a") + SetLine("c") + SetLine("d"));
  EXPECT_EQ(run.status.code(), StatusCode::kInvalid);
  EXPECT_THAT(run.status.message(), AllOf(is_changed, HasSubstr("first 2 lines have changed")));
  EXPECT_THAT(run.blocks, IsEmpty());
  run = ReplayText(SetLine("a"));
  EXPECT_THAT(run.status.message(),
              AllOf(is_changed, HasSubstr("it has 1 lines, but 2 of it were consumed")));
  run = ReplayText(BlockLine(1) + BlockLine(2));
  EXPECT_THAT(run.status.message(), is_changed);
  // Blank lines count: where a line stands is part of what was consumed.
  EXPECT_THAT(ReplayText("\n" + SetLine("a") + SetLine("b")).status.message(), is_changed);
}

TEST_F(ReplayTest, EachSourceNameHasAPositionOfItsOwn) {
  Write(SetLine("a"));
  Commit(Replay().blocks.at(0));
  options_.source = "again";
  EXPECT_THAT(Replay().described(), ElementsAre("set main a=v"));
  Commit(Replay().blocks.at(0));
  EXPECT_THAT(Replay().blocks, IsEmpty());
  options_.source = "";
  EXPECT_THAT(Replay().blocks, IsEmpty());
}

TEST_F(ReplayTest, KindsOfLinesMayNotBeMixedAcrossAContinuation) {
  Write(SetLine("a"));
  Commit(Replay().blocks.at(0));
  Append("{\"txs\":[]}\n");
  EXPECT_THAT(Replay().status.message(), StartsWith(At("2:1") + "a block after lines"));

  options_.source = "blocks";
  Write("{\"txs\":[]}\n");
  Commit(Replay().blocks.at(0));
  Append(BlockLine(3));
  EXPECT_THAT(Replay().status.message(), StartsWith(At("2:11") + "a block with a height"));
}

TEST_F(ReplayTest, PositionOfAnotherVersionIsAnError) {
  Write(SetLine("a"));
  positions_.push_back({"in.jsonl", "\x02 something"});
  Run run = Replay();
  EXPECT_EQ(run.status.code(), StatusCode::kInvalid);
  EXPECT_THAT(run.status.message(), HasSubstr("--source"));
}

TEST_F(ReplayTest, PositionThatCannotBeReadIsTheErrorOfTheStore) {
  Write(SetLine("a"));
  start_.find_position = [](std::string_view) -> Result<std::optional<DriverPosition>> {
    return Error(StatusCode::kCorruption, "damaged");
  };
  EXPECT_EQ(Replay().status.code(), StatusCode::kCorruption);
}

TEST(ReplayPosition, IsVersionedCompactAndReadStrictly) {
  ReplayPosition position{SourceKind::kBlocks, 0x0102, Sha256("x")};
  std::string state = EncodeReplayPosition(position);
  EXPECT_EQ(ToHex(state),
            "0101"
            "0000000000000102" +
                Sha256("x").ToHex());
  EXPECT_EQ(DecodeReplayPosition(state), position);
  EXPECT_EQ(DecodeReplayPosition(state + "x"), std::nullopt);
  EXPECT_EQ(DecodeReplayPosition(state.substr(1)), std::nullopt);
  EXPECT_EQ(DecodeReplayPosition(""), std::nullopt);
  state[1] = 3;
  EXPECT_EQ(DecodeReplayPosition(state), std::nullopt);
}

TEST(StreamPosition, IsVersionedCompactAndReadStrictly) {
  StreamPosition position{Height(0x0102), Sha256("x"), "demo"};
  std::string state = EncodeStreamPosition(position);
  EXPECT_EQ(ToHex(state),
            "0103"
            "0000000000000102" +
                Sha256("x").ToHex() + ToHex("demo"));
  EXPECT_EQ(DecodeStreamPosition(state), position);
  EXPECT_EQ(DecodeStreamPosition(state.substr(0, state.size() - 4)), std::nullopt);
  EXPECT_EQ(DecodeStreamPosition(""), std::nullopt);
  EXPECT_EQ(DecodeReplayPosition(state), std::nullopt);
  EXPECT_EQ(DecodeReplayPosition(state.substr(0, state.size() - 4)), std::nullopt);
  state[1] = 2;
  EXPECT_EQ(DecodeStreamPosition(state), std::nullopt);
}

// Wherever a run is cut off, and however often, the blocks of all runs together are those of one
// run.
TEST_F(ReplayTest, RunsThatAreInterruptedAnywhereGiveTheBlocksOfOneRun) {
  std::mt19937_64 random(testing_support::Seed());
  for (int round = 0; round < 60; ++round) {
    std::string text = random() % 4 == 0 ? "\xef\xbb\xbf" : "";
    bool blocks = random() % 3 == 0;
    uint64_t lines = random() % 60;
    for (uint64_t i = 0; i < lines; ++i) {
      while (random() % 5 == 0) text += random() % 2 == 0 ? "\n" : " \r\n";
      std::string line = SetLine(std::to_string(i), std::string(random() % 50, 'x'));
      line.pop_back();
      if (blocks) line = "{\"txs\":[{\"ops\":[" + line + "]}]}";
      text += line + (random() % 2 == 0 ? "\n" : "\r\n");
    }
    if (random() % 2 == 0 && text.ends_with("\n")) text.pop_back();
    options_.source = "round " + std::to_string(round);
    options_.block_txs = 1 + random() % 7;
    start_.height = Height(0);
    Run whole = ReplayText(text);
    ASSERT_TRUE(whole.status.ok()) << whole.status.message();

    std::vector<Block> all;
    for (bool more = true; more;) {
      Run part = Replay(1 + random() % 6);
      ASSERT_TRUE(part.status.ok()) << part.status.message();
      // What was handed over and not committed comes again.
      size_t committed = part.blocks.empty() ? 0 : random() % (part.blocks.size() + 1);
      for (size_t i = 0; i < committed; ++i) {
        Commit(part.blocks[i]);
        all.push_back(part.blocks[i]);
      }
      more = !part.blocks.empty();
    }
    ASSERT_EQ(all.size(), whole.blocks.size());
    for (size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(Describe(all[i]), Describe(whole.blocks[i]));
      EXPECT_EQ(all[i].position.state, whole.blocks[i].position.state);
    }
  }
}

}  // namespace
}  // namespace sluice
