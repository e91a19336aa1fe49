// SPDX-License-Identifier: Apache-2.0
#include "file/retention.h"

#include <gmock/gmock.h>

#include <thread>

#include "unit/plugins_file/faulty_system.h"
#include "unit/plugins_file/sink_driver.h"

namespace sluice_file::testing {
namespace {

std::vector<StreamFile> Files(std::vector<std::pair<uint64_t, uint64_t>> first_and_bytes) {
  std::vector<StreamFile> files;
  for (const auto& file : first_and_bytes) files.push_back({"", file.first, file.second});
  return files;
}

TEST(FilesToDelete, FollowsTheTable) {
  const auto files = Files({{1, 100}, {11, 100}, {21, 100}, {31, 50}});
  EXPECT_EQ(FilesToDelete(files, 35, 0, 0), 0u) << "no limit";
  EXPECT_EQ(FilesToDelete(files, 35, 350, 0), 0u) << "just as large as allowed";
  EXPECT_EQ(FilesToDelete(files, 35, 349, 0), 1u);
  EXPECT_EQ(FilesToDelete(files, 35, 150, 0), 2u);
  EXPECT_EQ(FilesToDelete(files, 35, 1, 0), 3u) << "never the last";
  EXPECT_EQ(FilesToDelete(files, 35, 0, 25), 1u) << "25 heights remain without the first";
  EXPECT_EQ(FilesToDelete(files, 35, 0, 26), 0u);
  EXPECT_EQ(FilesToDelete(files, 35, 0, 1), 3u);
  EXPECT_EQ(FilesToDelete(files, 30, 0, 1), 2u) << "the last file holds no height yet";
  EXPECT_EQ(FilesToDelete({}, 0, 1, 1), 0u);
}

class RetentionTest : public ::testing::TestWithParam<const char*> {
 protected:
  RetentionTest() { content_.AddMany(200, 1); }
  TemporaryFolder home_;
  StreamContent content_;
};

INSTANTIATE_TEST_SUITE_P(Formats, RetentionTest,
                         ::testing::Values(R"("format":"segments")", R"("format":"jsonl")"));

TEST_P(RetentionTest, FilesAreNamedByTheirFirstHeightAndNeverLargerThanAsked) {
  SinkDriver sink(home_.path(), std::string(R"("rotate_bytes":3000,)") + GetParam());
  ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
  ASSERT_TRUE(sink.DeliverAll(content_, 200, 1)) << sink.failure();
  EXPECT_GT(sink.Files().size(), 8u);
  EXPECT_EQ(sink.Files()[0].stem(), "00000000000000000001");
  for (const auto& file : sink.Files()) EXPECT_LE(std::filesystem::file_size(file), 4000u);
  ExpectHolds(&sink, content_, 1, 200);
}

TEST_P(RetentionTest, BlocksAreKeptAcrossRestartsAndReadbackSaysTruncated) {
  const std::string settings =
      std::string(R"("rotate_bytes":2000,"retain_blocks":50,)") + GetParam();
  for (uint64_t epoch = 1; epoch <= 4; ++epoch) {
    SinkDriver sink(home_.path(), settings);
    ASSERT_EQ(sink.Begin(epoch, content_), SLUICE_OK) << sink.failure();
    ASSERT_TRUE(sink.DeliverAll(content_, epoch * 50, 3)) << sink.failure();
  }
  SinkDriver sink(home_.path(), settings);
  const auto held = sink.ReadBack();
  EXPECT_EQ(held.status, SLUICE_OK) << sink.failure();
  EXPECT_EQ(held.flags, SLUICE_READBACK_TRUNCATED);
  EXPECT_GE(held.heights.size(), 50u);
  EXPECT_LE(held.heights.size(), 90u);
  EXPECT_EQ(held.first_height, held.heights.begin()->first);
  ExpectHolds(&sink, content_, held.first_height, 200);
}

TEST_P(RetentionTest, BytesAreKept) {
  SinkDriver sink(home_.path(),
                  std::string(R"("rotate_bytes":2000,"retain_bytes":9000,)") + GetParam());
  ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
  ASSERT_TRUE(sink.DeliverAll(content_, 200, 1)) << sink.failure();
  uint64_t bytes = 0;
  for (const auto& file : sink.Files()) bytes += std::filesystem::file_size(file);
  EXPECT_GT(bytes, 5000u);
  EXPECT_LE(bytes, 11000u);
}

TEST_P(RetentionTest, HeightBelowTheBeginningIsAckedAgain) {
  SinkDriver sink(home_.path(),
                  std::string(R"("rotate_bytes":2000,"retain_blocks":10,)") + GetParam());
  ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
  ASSERT_TRUE(sink.DeliverAll(content_, 200, 1));
  sink.Destroy();
  SinkDriver again(home_.path(),
                   std::string(R"("rotate_bytes":2000,"retain_blocks":10,)") + GetParam());
  ASSERT_EQ(again.Begin(2, content_), SLUICE_OK);
  EXPECT_EQ(again.Deliver(content_.at(1)), SLUICE_OK);
}

TEST_P(RetentionTest, FileThatCannotBeDeletedDoesNotStopDelivery) {
  SinkDriver sink(home_.path(),
                  std::string(R"("rotate_bytes":2000,"retain_blocks":10,)") + GetParam());
  ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
  FaultySystem::Watch(sink.folder());
  FaultySystem::Only("unlink");
  FaultySystem::FailAt(1, EPERM, /*sticky=*/true);
  ASSERT_TRUE(sink.DeliverAll(content_, 100, 1));
  FaultySystem::Stop();
  EXPECT_THAT(sink.log().back(), ::testing::HasSubstr("retention waits"));
  ASSERT_TRUE(sink.DeliverAll(content_, 200, 1));
  EXPECT_LE(sink.Files().size(), 3u);
}

TEST_P(RetentionTest, OldFileIsRotatedByAge) {
  SinkDriver sink(home_.path(), std::string(R"("rotate_interval":1,)") + GetParam());
  ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
  ASSERT_EQ(sink.Deliver(content_.at(1)), SLUICE_OK);
  std::this_thread::sleep_for(std::chrono::milliseconds(2));  // the age is the subject
  ASSERT_EQ(sink.Deliver(content_.at(2)), SLUICE_OK);
  EXPECT_EQ(sink.Files().size(), 2u);
  ExpectHolds(&sink, content_, 1, 2);
}

}  // namespace
}  // namespace sluice_file::testing
