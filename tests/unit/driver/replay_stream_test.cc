// SPDX-License-Identifier: Apache-2.0
//
// Sources that are streams as a file sink writes them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "driver/replay/replay_position.h"
#include "driver/replay/stream_input.h"
#include "replay_fixture.h"
#include "stream_files.h"

namespace sluice {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

class ReplayStream : public ReplayTest {
 protected:
  ReplayStream() : stream_(folder_ / "stream") {
    options_.path = stream_.folder().string();
    start_.stream_id = "demo";
    StartAt(0);
  }

  void StartAt(uint64_t height) {
    start_.height = Height(height);
    start_.digest = height == 0 ? GenesisDigest("demo") : stream_.digest(height);
  }
  // An empty home of another stream.
  void BeOfStream(const std::string& stream) {
    start_.stream_id = stream;
    start_.digest = GenesisDigest(stream);
  }
  // `per_file` heights in each of `files` files.
  void Fill(size_t files, size_t per_file) {
    for (size_t file = 0; file < files; ++file) {
      stream_.BeginFile();
      for (size_t i = 0; i < per_file; ++i) stream_.AddPlain();
    }
  }
  static std::string Text(Height height) { return std::to_string(height.value()); }
  static std::string AtByte(const std::string& file, uint64_t offset) {
    return "stream: " + file + ": at byte " + std::to_string(offset) + ": ";
  }

  StreamFiles stream_;
};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_F(ReplayStream, HeightsBecomeTheBlocksThatTheyWere) {
  stream_.Add(
      [](ChangeSetBuilder* builder) {
        builder->AddSet(0, "main", "a", "1");
        builder->AddDelete(0, "orders", "b");
        builder->AddTransactionResult(0, 0);
        builder->AddTransactionResult(1, 7);
        builder->AddTransactionResult(2, 0);
        builder->AddSet(3, "main", "a", "");
        builder->AddSet(3, "main", "a", std::string_view("\0\xff", 2));
        builder->AddTransactionResult(3, 0);
      },
      -5);
  stream_.Add([](ChangeSetBuilder*) {});
  Run run = Replay();
  ASSERT_TRUE(run.status.ok()) << run.status.message();
  EXPECT_THAT(run.described(),
              ElementsAre("set main a=1; delete orders b |  |  | set main a=; set main a=" +
                              std::string("\0\xff", 2),
                          ""));
  const Block& block = run.blocks[0];
  EXPECT_EQ(block.height, Height(1));
  EXPECT_EQ(block.time_unix_nanos, -5);
  EXPECT_EQ(block.transactions[0].failed_code, 0u);
  EXPECT_EQ(block.transactions[1].failed_code, 7u);
  EXPECT_EQ(block.transactions[2].failed_code, 0u);
  EXPECT_TRUE(block.position.source.empty());
  EXPECT_EQ(block.expected_digest, stream_.digest(1));
  EXPECT_EQ(run.blocks[1].expected_digest, stream_.digest(2));
}

TEST_F(ReplayStream, FilesAreReadOneAfterAnother) {
  Fill(3, 2);
  Run run = Replay();
  ASSERT_TRUE(run.status.ok()) << run.status.message();
  EXPECT_THAT(run.described(), ElementsAre("set main h=1", "set main h=2", "set main h=3",
                                           "set main h=4", "set main h=5", "set main h=6"));
  EXPECT_EQ(run.progress.bytes_read, stream_.bytes());
  EXPECT_EQ(run.progress.bytes_total, stream_.bytes());
  EXPECT_EQ(run.progress.blocks_skipped, 0u);
}

TEST_F(ReplayStream, OneFileOfItIsReadAlone) {
  Fill(2, 2);
  options_.path = stream_.file(0);
  EXPECT_THAT(Replay().described(), ElementsAre("set main h=1", "set main h=2"));
  options_.path = stream_.file(1);
  StartAt(2);
  EXPECT_THAT(Replay().described(), ElementsAre("set main h=3", "set main h=4"));
}

TEST_F(ReplayStream, CompressedHeightsAreRead) {
  const std::string value(5000, 'x');
  stream_.Add(
      [&](ChangeSetBuilder* builder) {
        builder->AddSet(0, "main", "a", value);
        builder->AddTransactionResult(0, 0);
      },
      0, sluice_file::kFrameZstd);
  stream_.AddPlain();
  EXPECT_LT(stream_.bytes(), 1000u);
  EXPECT_THAT(Replay().described(), ElementsAre("set main a=" + value, "set main h=2"));
}

TEST_F(ReplayStream, HeightsAtOrBelowTheStartAreSkippedAndCounted) {
  Fill(3, 2);
  for (uint64_t start = 0; start <= 6; ++start) {
    StartAt(start);
    Run run = Replay();
    ASSERT_TRUE(run.status.ok()) << run.status.message();
    EXPECT_THAT(run.blocks, SizeIs(6 - start));
    EXPECT_EQ(run.progress.blocks_skipped, start);
    EXPECT_EQ(run.progress.bytes_read, stream_.bytes());
  }
  start_.height = Height(9);  // above the stream's end
  Run run = Replay();
  EXPECT_TRUE(run.status.ok()) << run.status.message();
  EXPECT_THAT(run.blocks, IsEmpty());
  EXPECT_EQ(run.progress.blocks_skipped, 6u);
}

TEST_F(ReplayStream, RunThatIsInterruptedAtAnyHeightContinuesThere) {
  Fill(3, 2);
  const std::vector<std::string> whole = Replay().described();
  for (uint64_t kill = 0; kill <= 6; ++kill) {
    StartAt(0);
    std::vector<std::string> all = Replay(kill).described();
    StartAt(kill);
    for (const std::string& block : Replay().described()) all.push_back(block);
    EXPECT_EQ(all, whole) << kill;
  }
}

TEST_F(ReplayStream, BeginningBehindTheNextHeightIsAnError) {
  Fill(2, 2);
  std::filesystem::remove(stream_.file(0));
  Run run = Replay();
  EXPECT_EQ(run.status.code(), StatusCode::kInvalid);
  EXPECT_THAT(run.status.message(), AllOf(StartsWith("stream: " + stream_.file(1) + ": at byte "),
                                          HasSubstr("height 3 where 1 is the next")));
  StartAt(2);
  EXPECT_THAT(Replay().described(), ElementsAre("set main h=3", "set main h=4"));
}

TEST_F(ReplayStream, FileThatIsMissingOrShortenedInBetweenIsAnErrorAfterTheHeightsBeforeIt) {
  Fill(3, 2);
  const std::string second = ReadFile(stream_.file(1));
  WriteTo(stream_.file(1), std::string_view(second).substr(0, second.size() - 1), std::ios::trunc);
  Run run = Replay();
  EXPECT_EQ(run.status.code(), StatusCode::kCorruption);
  EXPECT_THAT(run.status.message(), HasSubstr(stream_.file(1) + ": at byte "));
  EXPECT_THAT(run.blocks, SizeIs(3));
  std::filesystem::remove(stream_.file(1));
  run = Replay();
  EXPECT_EQ(run.status.code(), StatusCode::kCorruption);
  EXPECT_THAT(run.status.message(),
              AllOf(StartsWith("stream: " + stream_.file(2) + ": at byte "),
                    HasSubstr("begins with height 3, is missing"), HasSubstr("run again")));
  EXPECT_THAT(run.blocks, SizeIs(2));
}

TEST_F(ReplayStream, AnyFlippedByteIsFoundAndOnlyHeightsBeforeItAreGiven) {
  stream_.AddPlain();
  const uint64_t second = stream_.AddPlain();
  const uint64_t third = stream_.AddPlain(sluice_file::kFrameZstd);
  const std::string file = stream_.file(0);
  const std::string whole = ReadFile(file);
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    WriteTo(file, damaged, std::ios::trunc);
    Run run = Replay();
    EXPECT_EQ(run.status.code(), StatusCode::kCorruption) << at;
    EXPECT_THAT(run.status.message(), HasSubstr(file + ": at byte ")) << at;
    if (at >= third) {
      EXPECT_THAT(run.blocks, SizeIs(2)) << at;
    } else if (at >= second) {
      EXPECT_THAT(run.blocks, SizeIs(1)) << at;
      EXPECT_THAT(run.status.message(), StartsWith(AtByte(file, second))) << at;
    }
  }
}

TEST_F(ReplayStream, TornEndIsAnErrorAfterEveryWholeHeight) {
  Fill(1, 2);
  const std::string file = stream_.file(0);
  const std::string whole = ReadFile(file);
  stream_.AddPlain();
  const std::string longer = ReadFile(file);
  for (size_t size = whole.size() + 1; size < longer.size(); ++size) {
    WriteTo(file, std::string_view(longer).substr(0, size), std::ios::trunc);
    Run run = Replay();
    EXPECT_EQ(run.status.code(), StatusCode::kCorruption);
    EXPECT_THAT(run.status.message(),
                AllOf(StartsWith(AtByte(file, whole.size())), HasSubstr("run again"),
                      HasSubstr("cut " + file + " to " + std::to_string(whole.size()) + " bytes")));
    EXPECT_THAT(run.blocks, SizeIs(2));
  }
  std::filesystem::resize_file(file, whole.size());  // as the error says
  Run run = Replay();
  EXPECT_TRUE(run.status.ok()) << run.status.message();
  EXPECT_THAT(run.blocks, SizeIs(2));
}

TEST_F(ReplayStream, LastFileOfWhichNothingIsWholeIsToBeRemoved) {
  Fill(1, 2);
  stream_.BeginFile();
  const std::string file = stream_.file(1);
  const std::string whole = ReadFile(file);
  for (size_t size = 1; size < whole.size(); ++size) {
    WriteTo(file, std::string_view(whole).substr(0, size), std::ios::trunc);
    Run run = Replay();
    EXPECT_EQ(run.status.code(), StatusCode::kCorruption);
    EXPECT_THAT(run.status.message(),
                AllOf(StartsWith(AtByte(file, 0)), HasSubstr("remove " + file)));
    EXPECT_THAT(run.blocks, SizeIs(2));
  }
  std::filesystem::remove(file);
  EXPECT_TRUE(Replay().status.ok());
}

TEST_F(ReplayStream, FilteredStreamIsRefused) {
  stream_.AddPlain(sluice_file::kFrameFiltered);
  Run run = Replay();
  EXPECT_EQ(run.status.code(), StatusCode::kInvalid);
  EXPECT_THAT(run.status.message(), HasSubstr("the filter of sink audit"));
  EXPECT_THAT(run.blocks, IsEmpty());
}

TEST_F(ReplayStream, UnknownStoreIsNamed) {
  stream_.AddPlain();
  const uint64_t offset = stream_.Add([](ChangeSetBuilder* builder) {
    builder->AddSet(0, "main", "a", "1");
    builder->AddSet(0, "people", "p", "1");
    builder->AddTransactionResult(0, 0);
  });
  Run run = Replay();
  EXPECT_EQ(run.status.code(), StatusCode::kInvalid);
  EXPECT_THAT(run.status.message(),
              StartsWith(AtByte(stream_.file(0), offset) + "height 2 changes store 'people'"));
  EXPECT_THAT(run.blocks, SizeIs(1));
}

TEST_F(ReplayStream, ForAHomeOfAnotherStreamAPositionIsRecordedAndNoDigestExpected) {
  Fill(2, 2);
  BeOfStream("other");
  Run run = Replay();
  ASSERT_TRUE(run.status.ok()) << run.status.message();
  ASSERT_THAT(run.blocks, SizeIs(4));
  for (uint64_t height = 1; height <= 4; ++height) {
    const Block& block = run.blocks[height - 1];
    EXPECT_FALSE(block.expected_digest);
    EXPECT_EQ(block.position.source, "stream");
    EXPECT_EQ(DecodeStreamPosition(block.position.state),
              (StreamPosition{Height(height), stream_.digest(height), "demo"}));
  }
}

TEST_F(ReplayStream, HomeOfAnotherStreamThatIsInterruptedAtAnyHeightContinuesThere) {
  Fill(3, 2);
  BeOfStream("other");
  const std::vector<std::string> whole = Replay().described();
  for (size_t kill = 0; kill <= 6; ++kill) {
    StartAt(0);
    BeOfStream("other");
    positions_.clear();
    Run first = Replay(kill);
    std::vector<std::string> all = first.described();
    for (const Block& block : first.blocks) Commit(block);
    Run second = Replay();
    ASSERT_TRUE(second.status.ok()) << kill << ": " << second.status.message();
    EXPECT_EQ(second.progress.blocks_skipped, kill);
    for (const std::string& block : second.described()) all.push_back(block);
    EXPECT_EQ(all, whole) << kill;
  }
}

TEST_F(ReplayStream, HomeOfAnotherStreamThatStandsByOtherBlocksIsRefused) {
  Fill(2, 2);
  BeOfStream("other");
  const auto refused = [&](const std::string& why) {
    Run run = Replay();
    EXPECT_EQ(run.status.code(), StatusCode::kInvalid) << why;
    EXPECT_THAT(run.status.message(),
                AllOf(StartsWith("stream: "), HasSubstr("at height " + Text(start_.height) +
                                                        " by other blocks; use an empty home")))
        << why;
    EXPECT_THAT(run.blocks, IsEmpty()) << why;
  };
  for (uint64_t height = 1; height <= 5; ++height) {
    start_.height = Height(height);
    positions_.clear();
    refused("no position");
    positions_ = {{"stream", EncodeReplayPosition({SourceKind::kLines, height, Digest()})}};
    refused("a position in lines");
    const auto at = [&](uint64_t taken, const std::string& stream) {
      return EncodeStreamPosition(
          {Height(taken), stream_.digest(std::min(taken, stream_.height())), stream});
    };
    positions_ = {{"stream", at(height - 1, "demo")}};
    refused("another block on top");
    positions_ = {{"stream", at(height, "third")}};
    refused("a position in another stream");
    positions_ = {{"another name", at(height, "demo")}};
    refused("another source");
  }
  options_.source = "another name";
  start_.height = Height(2);
  positions_ = {{"another name", EncodeStreamPosition({Height(2), stream_.digest(2), "demo"})}};
  EXPECT_THAT(Replay().described(), ElementsAre("set main h=3", "set main h=4"));
}

TEST_F(ReplayStream, AnotherHistoryOfTheStreamThatAHomeOfAnotherTookIsRefused) {
  Fill(2, 2);
  BeOfStream("other");
  for (uint64_t height = 1; height <= 4; ++height) {
    start_.height = Height(height);
    positions_ = {{"stream", EncodeStreamPosition({Height(height), Sha256("another"), "demo"})}};
    Run run = Replay();
    EXPECT_EQ(run.status.code(), StatusCode::kInvalid) << height;
    EXPECT_THAT(run.status.message(), HasSubstr("two histories of stream demo"));
    EXPECT_THAT(run.blocks, IsEmpty());
  }
}

TEST_F(ReplayStream, OneFileAndThenTheFolderAreOneSource) {
  Fill(2, 2);
  BeOfStream("other");
  options_.path = stream_.file(0);
  for (const Block& block : Replay().blocks) Commit(block);
  options_.path = stream_.folder().string() + "/";
  EXPECT_THAT(Replay().described(), ElementsAre("set main h=3", "set main h=4"));
}

TEST_F(ReplayStream, PositionThatCannotBeReadIsTheErrorOfTheStore) {
  Fill(1, 2);
  StartAt(1);
  start_.find_position = [](std::string_view) -> Result<std::optional<DriverPosition>> {
    return Error(StatusCode::kCorruption, "damaged");
  };
  EXPECT_EQ(Replay().status.message(), "damaged");
}

TEST_F(ReplayStream, AnotherHistoryOfTheSameStreamIsRefused) {
  Fill(2, 2);
  for (uint64_t height = 0; height <= 4; ++height) {
    StartAt(height);
    start_.digest = Sha256("another history");
    Run run = Replay();
    EXPECT_EQ(run.status.code(), StatusCode::kInvalid) << height;
    EXPECT_THAT(run.status.message(), HasSubstr("two histories of stream demo"));
    EXPECT_THAT(run.blocks, IsEmpty());
  }
}

TEST_F(ReplayStream, FollowingIsRefused) {
  Fill(1, 1);
  options_.follow = true;
  Run run = Replay();
  EXPECT_EQ(run.status.code(), StatusCode::kConfiguration);
  EXPECT_THAT(run.status.message(), StartsWith("driver.replay.follow: " + options_.path + ": "));
}

TEST_F(ReplayStream, FolderWithoutSegmentsIsRefused) {
  EXPECT_EQ(Replay().status.code(), StatusCode::kNotFound);
  WriteTo((stream_.folder() / "00000000000000000001.jsonl").string(), "", std::ios::trunc);
  Run run = Replay();
  EXPECT_EQ(run.status.code(), StatusCode::kInvalid);
  EXPECT_THAT(run.status.message(), HasSubstr("its format is jsonl"));
}

TEST_F(ReplayStream, SegmentIsRecognisedUnderAnyNameAndInAPipe) {
  Fill(1, 2);
  const std::string bytes = ReadFile(stream_.file(0));
  options_.path = (folder_ / "in.jsonl").string();
  Run run = ReplayText(bytes);
  EXPECT_EQ(run.status.code(), StatusCode::kInvalid);
  EXPECT_THAT(run.status.message(), HasSubstr("give it its name back"));
  // Where it cannot be looked at before it is read, its first line says what it is.
  std::filesystem::remove(options_.path);
  ASSERT_EQ(::mkfifo(options_.path.c_str(), 0600), 0);
  std::thread writer([&] { WriteTo(options_.path, bytes + "\n", std::ios::out); });
  run = Replay();
  writer.join();
  EXPECT_EQ(run.status.code(), StatusCode::kInvalid);
  EXPECT_THAT(run.status.message(), StartsWith(At("1:1") + "this is a segment of a stream"));
}

TEST_F(ReplayStream, FolderCalledLikeStandardInputIsNotTakenForIt) {
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::create_directory(folder_ / "-");
  std::filesystem::current_path(folder_);
  EXPECT_FALSE(IsStoredStream("-"));
  EXPECT_TRUE(IsStoredStream("./-"));
  std::filesystem::current_path(before);
}

TEST_F(ReplayStream, StopEndsItWithoutAnError) {
  Fill(1, 2);
  ReplayDriver driver(options_);
  ASSERT_TRUE(driver.Begin(start_).ok());
  driver.Stop();
  Result<std::optional<Block>> block = driver.Next();
  ASSERT_TRUE(block) << block.error().message();
  EXPECT_FALSE(*block);
}

}  // namespace
}  // namespace sluice
