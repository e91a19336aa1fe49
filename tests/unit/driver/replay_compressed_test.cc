// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "replay_fixture.h"

namespace sluice {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

std::string Gzip(std::string_view text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  size_t size = ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3);
  EXPECT_EQ(ZSTD_isError(size), 0u);
  out.resize(size);
  return out;
}

// Many blocks' worth of lines that do not compress to nothing.
std::string ManyLines(int first, int count) {
  std::string text;
  uint32_t noise = 1;
  for (int i = first; i < first + count; ++i) {
    noise = noise * 1664525 + 1013904223 + static_cast<uint32_t>(i);
    text += SetLine(std::to_string(i), std::to_string(noise));
  }
  return text;
}

struct Compression {
  const char* name;
  const char* ending;
  std::string (*compress)(std::string_view);
};

class ReplayCompressed : public ReplayTest, public ::testing::WithParamInterface<Compression> {
 protected:
  static std::string Compress(std::string_view text) { return GetParam().compress(text); }
};
INSTANTIATE_TEST_SUITE_P(, ReplayCompressed,
                         ::testing::Values(Compression{"Gzip", ".gz", &Gzip},
                                           Compression{"Zstd", ".zst", &Zstd}),
                         [](const auto& info) { return info.param.name; });

TEST_P(ReplayCompressed, IsReadAsItsText) {
  std::string text = ManyLines(0, 50'000);
  Run plain = ReplayText(text);
  std::string compressed = Compress(text);
  // By its first bytes: the name says nothing.
  Run run = ReplayText(compressed);
  ASSERT_TRUE(run.status.ok()) << run.status.message();
  EXPECT_EQ(run.described(), plain.described());
  EXPECT_EQ(run.progress.bytes_read, compressed.size());
  EXPECT_EQ(run.progress.bytes_total, compressed.size());
  ASSERT_THAT(run.blocks, SizeIs(500));
  EXPECT_EQ(run.blocks.back().position.state, plain.blocks.back().position.state);
}

TEST_P(ReplayCompressed, ConcatenatedPartsAreOneText) {
  std::string line = SetLine("split");
  std::string text = Compress(ManyLines(0, 300) + line.substr(0, 10)) + Compress("") +
                     Compress(line.substr(10) + ManyLines(301, 99));
  Run run = ReplayText(text);
  ASSERT_TRUE(run.status.ok()) << run.status.message();
  EXPECT_THAT(run.blocks, SizeIs(4));
}

TEST_P(ReplayCompressed, EmptyTextHasNoBlocks) {
  Run run = ReplayText(Compress(""));
  EXPECT_TRUE(run.status.ok()) << run.status.message();
  EXPECT_THAT(run.blocks, SizeIs(0));
}

TEST_P(ReplayCompressed, PositionOfALineIsThatInTheText) {
  Run run = ReplayText(Compress(SetLine("a") + "{\"x\":1}\n"));
  EXPECT_THAT(run.status.message(), StartsWith(At("2:2") + "unknown field"));
}

TEST_P(ReplayCompressed, TruncatedInputNamesFileAndOffsetAndBlocksBeforeItAreHandedOver) {
  std::string first = Compress(ManyLines(0, 1000));
  std::string second = Compress(ManyLines(1000, 1000));
  for (size_t cut : {size_t{1}, second.size() / 2, second.size() - 1}) {
    Run run = ReplayText(first + second.substr(0, cut));
    EXPECT_EQ(run.status.code(), StatusCode::kInvalid);
    EXPECT_THAT(
        run.status.message(),
        AllOf(HasSubstr(options_.path),
              HasSubstr("offset " + std::to_string(first.size() + cut) + ": it ends too early")))
        << cut;
    EXPECT_GE(run.blocks.size(), 10u) << cut;
    EXPECT_LE(run.blocks.size(), 20u) << cut;
  }
}

TEST_P(ReplayCompressed, EveryTruncationOfASmallFileIsAnError) {
  std::string whole = Compress(SetLine("a"));
  // The shortest are no magic; the ending of the name says what they should be.
  options_.path += GetParam().ending;
  for (size_t cut = 0; cut < whole.size(); ++cut) {
    Run run = ReplayText(std::string_view(whole).substr(0, cut));
    EXPECT_FALSE(run.status.ok()) << cut;
  }
  EXPECT_TRUE(ReplayText(whole).status.ok());
}

TEST_P(ReplayCompressed, DamageNamesFileAndOffsetAndBlocksBeforeItAreHandedOver) {
  std::string first = Compress(ManyLines(0, 1000));
  Run run = ReplayText(first + "this is no compressed text, however long");
  EXPECT_EQ(run.status.code(), StatusCode::kInvalid);
  EXPECT_THAT(run.status.message(),
              AllOf(HasSubstr(options_.path), HasSubstr("offset "), HasSubstr("this is not")));
  EXPECT_THAT(run.blocks, SizeIs(10));

  std::string damaged = first + Compress(ManyLines(1000, 30'000));
  damaged[damaged.size() - 20] = static_cast<char>(~damaged[damaged.size() - 20]);
  damaged[damaged.size() / 2] = static_cast<char>(~damaged[damaged.size() / 2]);
  EXPECT_FALSE(ReplayText(damaged).status.ok());
}

TEST_P(ReplayCompressed, NameThatPromisesCompressionIsHeldToIt) {
  options_.path += GetParam().ending;
  Run run = ReplayText(SetLine("a"));
  EXPECT_EQ(run.status.code(), StatusCode::kInvalid);
  EXPECT_THAT(run.status.message(), HasSubstr("this is not"));
}

TEST_P(ReplayCompressed, ContinuesAsThePlainTextWould) {
  options_.source = "s";
  std::string text = ManyLines(0, 250);
  Write(text);
  Commit(Replay(1).blocks.at(0));
  Run plain = Replay();
  Run run = ReplayText(Compress(text));
  ASSERT_TRUE(run.status.ok()) << run.status.message();
  EXPECT_EQ(run.described(), plain.described());
}

TEST_P(ReplayCompressed, FollowedFileMayGrowPartByPartFromNothing) {
  options_.follow = true;
  options_.follow_quiet = std::chrono::milliseconds(1);
  std::string part = Compress(BlockLine(1));
  Write("");
  ReplayDriver driver(options_);
  ASSERT_TRUE(driver.Begin(start_).ok());
  Append(part.substr(0, 1));
  Append(part.substr(1));
  EXPECT_EQ((*driver.Next())->height, Height(1));
  Append(Compress(BlockLine(2)));
  EXPECT_EQ((*driver.Next())->height, Height(2));
}

TEST_F(ReplayTest, ZstdMayBeginWithASkippableFrame) {
  std::string skippable("\x53\x2a\x4d\x18\x03\x00\x00\x00xyz", 11);
  Run run = ReplayText(skippable + Zstd(SetLine("a")));
  ASSERT_TRUE(run.status.ok()) << run.status.message();
  EXPECT_THAT(run.blocks, SizeIs(1));
}

TEST_F(ReplayTest, FlightsOfTheDemoAreRead) {
  options_.path = SLUICE_SOURCE_DIR "/data/flights/flights.jsonl.zst";
  start_.stores = {"flights", "airports"};
  Run run = Replay();
  ASSERT_TRUE(run.status.ok()) << run.status.message();
  EXPECT_GE(run.blocks.size(), 1000u);
}

}  // namespace
}  // namespace sluice
