// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <fstream>

#include "file/stream_reader.h"
#include "unit/plugins_file/sink_driver.h"

namespace sluice_file::testing {
namespace {

class ReadbackTest : public ::testing::TestWithParam<const char*> {
 protected:
  ReadbackTest() { content_.AddMany(60, 3); }
  TemporaryFolder home_;
  StreamContent content_;
};

INSTANTIATE_TEST_SUITE_P(Formats, ReadbackTest,
                         ::testing::Values(R"("rotate_bytes":1500)",
                                           R"("rotate_bytes":1500,"format":"jsonl")"));

TEST_P(ReadbackTest, EmptyOrMissingFolderIsAnEmptySink) {
  SinkDriver sink(home_.path(), GetParam());
  const auto held = sink.ReadBack();
  EXPECT_EQ(held.status, SLUICE_OK) << sink.failure();
  EXPECT_EQ(held.first_height, 0u);
  EXPECT_TRUE(held.position.empty);
  EXPECT_TRUE(held.heights.empty());
  EXPECT_FALSE(std::filesystem::exists(sink.folder())) << "read-only";
}

TEST_P(ReadbackTest, StopsAtTheHeightAskedFor) {
  SinkDriver sink(home_.path(), GetParam());
  ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
  ASSERT_TRUE(sink.DeliverAll(content_, 60, 4));
  for (const uint64_t last : {0u, 1u, 30u, 59u, 60u, 100u}) {
    const auto held = sink.ReadBack(last);
    EXPECT_EQ(held.heights.size(), std::min<uint64_t>(last, 60));
    EXPECT_EQ(held.position.height, 60u);
  }
}

TEST_P(ReadbackTest, WorksBesideAWriterAndIgnoresItsUnfinishedTail) {
  SinkDriver writer(home_.path(), GetParam());
  ASSERT_EQ(writer.Begin(1, content_), SLUICE_OK);
  for (uint64_t height = 1; height <= 60; ++height) {
    ASSERT_EQ(writer.Deliver(content_.at(height)), SLUICE_OK);
    std::ofstream(writer.Files().back(), std::ios::app | std::ios::binary) << "{\"unfinished";
    SinkDriver reader(home_.path(), GetParam());
    const auto held = reader.ReadBack();
    ASSERT_EQ(held.status, SLUICE_OK) << reader.failure();
    ASSERT_EQ(held.heights.size(), height);
    // The writer overwrites its own tail.
    const auto file = writer.Files().back();
    std::filesystem::resize_file(file, std::filesystem::file_size(file) - 12);
  }
}

TEST_P(ReadbackTest, StreamReaderSeeksToAHeight) {
  SinkDriver sink(home_.path(), GetParam());
  ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
  ASSERT_TRUE(sink.DeliverAll(content_, 60, 4));
  for (uint64_t from = 1; from <= 60; ++from) {
    std::unique_ptr<StreamReader> reader;
    ASSERT_TRUE(StreamReader::Open(sink.folder(), from, &reader).ok());
    Entry entry;
    do {
      ASSERT_TRUE(reader->Next(&entry));
    } while (entry.kind != EntryKind::kHeight);
    EXPECT_EQ(entry.height, from);
    EXPECT_EQ(reader->stream(), "demo");
  }
}

TEST_P(ReadbackTest, SingleFileCanBeRead) {
  SinkDriver sink(home_.path(), GetParam());
  ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
  ASSERT_TRUE(sink.DeliverAll(content_, 60, 4));
  std::unique_ptr<StreamReader> reader;
  ASSERT_TRUE(StreamReader::Open(sink.Files()[1], 0, &reader).ok());
  Entry entry;
  uint64_t heights = 0;
  while (reader->Next(&entry)) heights += entry.kind == EntryKind::kHeight ? 1 : 0;
  EXPECT_TRUE(reader->fault().ok()) << reader->fault().text();
  EXPECT_EQ(heights, FirstHeightOf(sink.Files()[2]) - FirstHeightOf(sink.Files()[1]));
}

TEST(StreamReaderOpen, RefusesWhatIsNoStream) {
  TemporaryFolder home;
  std::unique_ptr<StreamReader> reader;
  EXPECT_EQ(StreamReader::Open(home.path() / "none", 0, &reader).kind(), FaultKind::kInvalid);
  std::ofstream(home.path() / "notes.txt") << "x";
  ASSERT_TRUE(StreamReader::Open(home.path() / "notes.txt", 0, &reader).ok());
  Entry entry;
  EXPECT_FALSE(reader->Next(&entry));
  EXPECT_EQ(reader->fault().kind(), FaultKind::kInvalid);
  ASSERT_TRUE(StreamReader::Open(home.path(), 0, &reader).ok()) << "an empty stream";
  EXPECT_FALSE(reader->Next(&entry));
  EXPECT_TRUE(reader->fault().ok());
}

}  // namespace
}  // namespace sluice_file::testing
