// SPDX-License-Identifier: Apache-2.0
#include "driver/replay/replay_driver.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "replay_fixture.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST_F(ReplayTest, LinesThatAreNoBlocksArePutTogetherInTheOrderOfTheFile) {
  options_.block_txs = 2;
  Run run = ReplayText(SetLine("a") + R"({"ops":[{"op":"delete","store":"main","key":"b"},)" +
                       R"({"op":"require","store":"orders","key":"c","value":null}]})" + "\n" +
                       SetLine("d"));
  ASSERT_TRUE(run.status.ok()) << run.status.message();
  EXPECT_THAT(run.described(),
              ElementsAre("set main a=v | delete main b; require orders c", "set main d=v"));
  EXPECT_EQ(run.blocks[0].height, std::nullopt);
  EXPECT_EQ(run.blocks[0].time_unix_nanos, 0);
  EXPECT_EQ(run.progress.lines_read, 3u);
}

TEST_F(ReplayTest, BlocksHaveAHundredTransactionsByDefault) {
  std::string text;
  for (int i = 0; i < 250; ++i) text += SetLine("k" + std::to_string(i));
  Run run = ReplayText(text);
  ASSERT_THAT(run.blocks, SizeIs(3));
  EXPECT_THAT(run.blocks[0].transactions, SizeIs(100));
  EXPECT_THAT(run.blocks[1].transactions, SizeIs(100));
  EXPECT_THAT(run.blocks[2].transactions, SizeIs(50));
}

TEST_F(ReplayTest, BlockOfLinesEndsBeforeItsLinesExceedBlockMaxBytes) {
  std::string line = SetLine("a");
  options_.block_max_bytes = 2 * (line.size() - 1);
  Run run = ReplayText(line + line + line);
  ASSERT_THAT(run.blocks, SizeIs(2));
  EXPECT_THAT(run.blocks[0].transactions, SizeIs(2));
  EXPECT_THAT(run.blocks[1].transactions, SizeIs(1));
}

TEST_F(ReplayTest, EveryBlockLineIsABlock) {
  Run run = ReplayText(R"({"txs":[]})"
                       "\n"
                       R"({"time":"1970-01-01T00:00:01Z","txs":[{"ops":[]},{"ops":[]}]})"
                       "\n");
  ASSERT_TRUE(run.status.ok());
  ASSERT_THAT(run.blocks, SizeIs(2));
  EXPECT_THAT(run.blocks[0].transactions, IsEmpty());
  EXPECT_THAT(run.blocks[1].transactions, SizeIs(2));
  EXPECT_EQ(run.blocks[1].time_unix_nanos, 1'000'000'000);
}

TEST_F(ReplayTest, EmptyInputHasNoBlocks) {
  EXPECT_THAT(ReplayText("").blocks, IsEmpty());
  EXPECT_THAT(ReplayText("\n \t\r\n\n").blocks, IsEmpty());
  EXPECT_THAT(ReplayText("\xef\xbb\xbf").blocks, IsEmpty());
}

TEST_F(ReplayTest, BlankLinesCrLfAndByteOrderMarkAreTaken) {
  std::string line = SetLine("a");
  line.pop_back();
  Run run = ReplayText("\xef\xbb\xbf" + line + "\r\n\r\n  \n\t\n" + line + "\r\n" + line);
  ASSERT_TRUE(run.status.ok()) << run.status.message();
  EXPECT_THAT(run.described(), ElementsAre("set main a=v | set main a=v | set main a=v"));
}

TEST_F(ReplayTest, ByteOrderMarkElsewhereIsAnError) {
  Run run = ReplayText(SetLine("a") + "\xef\xbb\xbf" + SetLine("b"));
  EXPECT_THAT(run.status.message(), StartsWith(At("2:1")));
}

TEST_F(ReplayTest, ColumnsAreCountedBehindTheByteOrderMark) {
  Run run = ReplayText("\xef\xbb\xbf{\"x\":1}\n");
  EXPECT_THAT(run.status.message(), StartsWith(At("1:2") + "unknown field \"x\""));
}

TEST_F(ReplayTest, BadLineNamesFileLineAndColumnAndNothingOfItsBlockIsHandedOver) {
  options_.block_txs = 2;
  Run run = ReplayText(SetLine("a") + SetLine("b") + SetLine("c") + "\n{\"op\":\"put\"}\n" +
                       SetLine("d"));
  EXPECT_EQ(run.status.code(), StatusCode::kInvalid);
  EXPECT_THAT(run.status.message(), StartsWith(At("5:7") + "unknown op \"put\""));
  EXPECT_THAT(run.described(), ElementsAre("set main a=v | set main b=v"));
}

TEST_F(ReplayTest, ErrorIsGivenAgainByEveryFurtherCall) {
  Write("{}\n");
  ReplayDriver driver(options_);
  ASSERT_TRUE(driver.Begin(start_).ok());
  EXPECT_FALSE(driver.Next().has_value());
  EXPECT_FALSE(driver.Next().has_value());
}

TEST_F(ReplayTest, BlocksAndOtherLinesInOneSourceAreAnError) {
  Run run = ReplayText(SetLine("a") + "\n {\"txs\":[]}\n");
  EXPECT_THAT(run.status.message(), StartsWith(At("3:2") + "a block after lines"));
  EXPECT_THAT(run.blocks, IsEmpty());

  run = ReplayText("{\"txs\":[]}\n" + SetLine("a"));
  EXPECT_THAT(run.status.message(), StartsWith(At("2:1") + "a line that is no block after blocks"));
  EXPECT_THAT(run.blocks, SizeIs(1));
}

TEST_F(ReplayTest, LineOfBlockMaxBytesIsTakenAndALongerOneIsAnError) {
  std::string line = SetLine("k", std::string(3 << 20, 'x'));  // longer than one read
  options_.block_max_bytes = line.size() - 1;
  EXPECT_THAT(ReplayText(SetLine("a") + line).blocks, SizeIs(2));
  std::string crlf = line.substr(0, line.size() - 1) + "\r\n";
  EXPECT_THAT(ReplayText("\xef\xbb\xbf" + crlf).blocks, SizeIs(1));
  EXPECT_THAT(ReplayText(line.substr(0, line.size() - 1)).blocks, SizeIs(1));

  options_.block_max_bytes = line.size() - 2;
  std::string where = At("2:" + std::to_string(line.size() - 1)) + "the line is longer than";
  options_.block_txs = 1;
  Run run = ReplayText(SetLine("a") + line + SetLine("b"));
  EXPECT_THAT(run.status.message(), StartsWith(where));
  EXPECT_EQ(run.status.code(), StatusCode::kInvalid);
  EXPECT_THAT(run.blocks, SizeIs(1));
  EXPECT_THAT(ReplayText(SetLine("a") + line.substr(0, line.size() - 1)).status.message(),
              StartsWith(where));
  // Found before the line has come to its end.
  EXPECT_THAT(ReplayText(SetLine("a") + std::string(20 << 20, 'x')).status.message(),
              StartsWith(where));
}

TEST_F(ReplayTest, LinesOfEverySizeAroundTheReadBufferAreWhole) {
  std::vector<std::string> values;
  std::string text;
  for (size_t size :
       {0, 1, 63, 64, 65, 1 << 19, (1 << 20) - 1, 1 << 20, (1 << 21) + 7, 3, 5 << 20}) {
    values.emplace_back(size, static_cast<char>('a' + values.size()));
    text += SetLine("k", values.back());
  }
  options_.block_txs = 1;
  Run run = ReplayText(text);
  ASSERT_TRUE(run.status.ok()) << run.status.message();
  ASSERT_EQ(run.blocks.size(), values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_TRUE(run.blocks[i].transactions[0].operations[0].value == values[i]) << i;
  }
}

TEST_F(ReplayTest, MissingFileIsNotFoundNorIsAFolderWithoutAStream) {
  Run run = Replay();
  EXPECT_EQ(run.status.code(), StatusCode::kNotFound);
  EXPECT_THAT(run.status.message(), HasSubstr(options_.path));
  options_.path = folder_.string();
  EXPECT_EQ(Replay().status.code(), StatusCode::kNotFound);
}

TEST_F(ReplayTest, OptionsOutOfRangeAreAnErrorOfTheConfiguration) {
  Write("");
  options_.block_txs = 0;
  EXPECT_EQ(Replay().status.code(), StatusCode::kConfiguration);
}

TEST_F(ReplayTest, SourceIsNamedAfterTheFileUnlessItIsGivenAName) {
  EXPECT_EQ(ReplayDriver(options_).source(), "in.jsonl");
  options_.source = "flights";
  EXPECT_EQ(ReplayDriver(options_).source(), "flights");
  options_ = ReplayOptions();
  options_.path = "-";
  EXPECT_EQ(ReplayDriver(options_).source(), "-");
  // A stream has one name, however its folder is given, and for each file of it.
  for (const char* path : {"/data/audit", "/data/audit/", "/data/audit/.", "/data/old/../audit",
                           "/data/audit/00000000000000000001.seg"}) {
    options_.path = path;
    EXPECT_EQ(ReplayDriver(options_).source(), "audit") << path;
  }
}

TEST_F(ReplayTest, QueueIsBoundedByBlocksAndByBytesYetTakesOneBlockOfAnySize) {
  std::string text;
  for (int i = 0; i < 50; ++i) text += SetLine("k" + std::to_string(i), std::string(1000, 'x'));
  Write(text);
  options_.block_txs = 1;
  options_.queue_bytes = 10;
  EXPECT_THAT(Replay().blocks, SizeIs(50));
  options_.queue_bytes = 1 << 20;
  options_.queue_blocks = 1;
  EXPECT_THAT(Replay().blocks, SizeIs(50));
}

TEST_F(ReplayTest, ProgressCountsBytesAndLines) {
  std::string text = SetLine("a") + SetLine("b");
  Run run = ReplayText(text);
  EXPECT_EQ(run.progress.bytes_read, text.size());
  EXPECT_EQ(run.progress.bytes_total, text.size());
  EXPECT_EQ(run.progress.lines_read, 2u);
}

TEST_F(ReplayTest, NextGivesNothingAfterStop) {
  Write(SetLine("a"));
  ReplayDriver driver(options_);
  ASSERT_TRUE(driver.Begin(start_).ok());
  driver.Stop();
  auto block = driver.Next();
  ASSERT_TRUE(block.has_value());
  EXPECT_FALSE(block->has_value());
}

TEST_F(ReplayTest, DestructorEndsAReaderThatWaitsForRoom) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += SetLine("k");
  Write(text);
  options_.block_txs = 1;
  options_.queue_blocks = 2;
  ReplayDriver driver(options_);
  ASSERT_TRUE(driver.Begin(start_).ok());
  ASSERT_TRUE(driver.Next()->has_value());
}

// Standard input of this process becomes `fd` for the length of a test.
class StandardInput {
 public:
  explicit StandardInput(int fd) : saved_(::dup(STDIN_FILENO)) { ::dup2(fd, STDIN_FILENO); }
  ~StandardInput() {
    ::dup2(saved_, STDIN_FILENO);
    ::close(saved_);
  }

 private:
  int saved_;
};

TEST_F(ReplayTest, StandardInputIsReadToItsEnd) {
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  StandardInput input(pipe_ends[0]);
  options_.path = "-";
  std::thread writer([end = pipe_ends[1]] {
    // In pieces, so that the reader meets lines that are not whole yet.
    std::string text = SetLine("a") + "{\"x\":1}\n";
    for (char c : text) EXPECT_EQ(::write(end, &c, 1), 1);
    ::close(end);
  });
  options_.block_txs = 1;
  Run run = Replay();
  writer.join();
  ::close(pipe_ends[0]);
  EXPECT_THAT(run.described(), ElementsAre("set main a=v"));
  EXPECT_THAT(run.status.message(), StartsWith("<stdin>:2:2: unknown field"));
  EXPECT_EQ(run.progress.bytes_total, 0u);
  EXPECT_EQ(run.blocks[0].position.source, "-");
}

TEST_F(ReplayTest, StopEndsAWaitForStandardInput) {
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  StandardInput input(pipe_ends[0]);
  options_.path = "-";
  {
    ReplayDriver driver(options_);
    ASSERT_TRUE(driver.Begin(start_).ok());
    std::thread stopper([&] { driver.Stop(); });
    auto block = driver.Next();
    EXPECT_TRUE(block.has_value() && !block->has_value());
    stopper.join();
  }
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);
}

}  // namespace
}  // namespace sluice
