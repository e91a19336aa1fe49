// SPDX-License-Identifier: Apache-2.0
//
// The operating system refuses: at each system call in turn, once or for a while. Nothing acked is
// lost, nothing is stored twice, and delivery goes on when the fault is gone.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>

#include "unit/plugins_file/faulty_system.h"
#include "unit/plugins_file/sink_driver.h"

namespace sluice_file::testing {
namespace {

using ::testing::HasSubstr;

class WriteFailureTest : public ::testing::TestWithParam<const char*> {
 protected:
  WriteFailureTest() { content_.AddMany(30, 6, 20); }
  ~WriteFailureTest() override { FaultySystem::Stop(); }
  std::string settings() const { return GetParam(); }

  TemporaryFolder home_;
  StreamContent content_;
};

INSTANTIATE_TEST_SUITE_P(Formats, WriteFailureTest,
                         ::testing::Values(R"("format":"segments")", R"("format":"jsonl")",
                                           R"("rotate_bytes":1000,"retain_blocks":12)",
                                           R"("rotate_bytes":1000,"format":"jsonl")",
                                           R"("rotate_bytes":1000,"fsync":false)"));

TEST_P(WriteFailureTest, EachSystemCallFailsOnceAndNothingIsLost) {
  for (uint64_t nth = 1;; ++nth) {
    for (const int error : {ENOSPC, EIO}) {
      SCOPED_TRACE(nth);
      TemporaryFolder home;
      SinkDriver sink(home.path(), settings());
      ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
      FaultySystem::Watch(sink.folder());
      FaultySystem::FailAt(nth, error);
      const bool delivered = sink.DeliverAll(content_, 30, 4, /*max_retries=*/1);
      const uint64_t calls = FaultySystem::calls();
      FaultySystem::Stop();
      ASSERT_TRUE(delivered) << sink.failure();
      const auto held = sink.ReadBack();
      ExpectHolds(&sink, content_, held.first_height, 30);
      sink.Destroy();
      SinkDriver again(home.path(), settings());
      ASSERT_EQ(again.Begin(2, content_), SLUICE_OK) << again.failure();
      EXPECT_EQ(again.acked(), 30u);
      EXPECT_TRUE(again.log().empty()) << "a mended stream needs no repair: " << again.log()[0];
      if (calls < nth) return;
    }
  }
}

// Every call from the nth on fails for a while: the sink says RETRY, loses nothing, and goes on.
TEST_P(WriteFailureTest, FullDiskFromAnyCallOnIsRetriedUntilThereIsSpace) {
  for (uint64_t nth = 1;; ++nth) {
    SCOPED_TRACE(nth);
    TemporaryFolder home;
    SinkDriver sink(home.path(), settings());
    ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
    FaultySystem::Watch(sink.folder());
    FaultySystem::FailAt(nth, ENOSPC, /*sticky=*/true);
    const bool delivered = sink.DeliverAll(content_, 30, 4, /*max_retries=*/3);
    FaultySystem::Stop();
    if (delivered) {
      EXPECT_EQ(sink.acked(), 30u);
      return;
    }
    EXPECT_THAT(sink.failure(), HasSubstr("disk full: cannot "));
    EXPECT_THAT(sink.failure(), HasSubstr(sink.folder().string()));
    EXPECT_THAT(sink.failure(), HasSubstr("free space"));
    ASSERT_TRUE(sink.DeliverAll(content_, 30, 4)) << sink.failure();
    ExpectHolds(&sink, content_, sink.ReadBack().first_height, 30);
  }
}

// A restart instead of a retry finds a stream that it can go on with.
TEST_P(WriteFailureTest, RestartAfterAnyFailureKeepsWhatWasAcked) {
  for (uint64_t nth = 1;; ++nth) {
    SCOPED_TRACE(nth);
    TemporaryFolder home;
    SinkDriver sink(home.path(), settings());
    ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
    FaultySystem::Watch(sink.folder());
    FaultySystem::FailAt(nth, EIO, /*sticky=*/true);
    const bool delivered = sink.DeliverAll(content_, 30, 4);
    FaultySystem::Stop();
    const uint64_t acked = sink.acked();
    sink.Destroy();
    SinkDriver again(home.path(), settings());
    ASSERT_EQ(again.Begin(2, content_), SLUICE_OK) << again.failure();
    EXPECT_GE(again.acked(), acked);
    ASSERT_TRUE(again.DeliverAll(content_, 30, 4));
    ExpectHolds(&again, content_, again.ReadBack().first_height, 30);
    if (delivered) return;
  }
}

TEST_P(WriteFailureTest, AfterAFailedFdatasyncWritingGoesOnInANewFile) {
  if (settings().find("fsync") != std::string::npos) return;  // nothing is synced
  SinkDriver sink(home_.path(), R"("rotate_bytes":0,)" + settings());
  ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
  ASSERT_EQ(sink.Deliver(content_.at(1)), SLUICE_OK);
  const size_t files = sink.Files().size();
  const uint64_t bytes = std::filesystem::file_size(sink.Files().back());
  FaultySystem::Watch(sink.folder());
  FaultySystem::Only("fdatasync");
  FaultySystem::FailAt(1, EIO);
  EXPECT_EQ(sink.Deliver(content_.at(2), 3), SLUICE_PENDING);
  EXPECT_EQ(sink.Deliver(content_.at(3), 3), SLUICE_RETRY);
  FaultySystem::Stop();
  EXPECT_EQ(sink.nacked(), std::vector<uint64_t>{2}) << "height 2 was dropped with it";
  EXPECT_EQ(std::filesystem::file_size(sink.Files()[files - 1]), bytes) << "cut back";
  ASSERT_EQ(sink.Deliver(content_.at(2), 0, 2), SLUICE_OK);
  EXPECT_EQ(sink.Files().size(), files + 1);
  EXPECT_EQ(std::filesystem::file_size(sink.Files()[files - 1]), bytes) << "not written any more";
  ExpectHolds(&sink, content_, 1, 2);
}

TEST_P(WriteFailureTest, RealLimitOfTheFileSizeIsRetried) {
  SinkDriver sink(home_.path(), R"("rotate_bytes":0,)" + settings());
  if (settings().find("rotate") != std::string::npos) return;  // rotation stays below any limit
  ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
  ASSERT_EQ(sink.Deliver(content_.at(1)), SLUICE_OK);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto old_handler = signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{std::filesystem::file_size(sink.Files()[0]) + 60, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &limit);
  bool refused = false;
  uint64_t height = 2;
  for (; !refused && height <= 30; ++height)
    refused = sink.Deliver(content_.at(height)) == SLUICE_RETRY;
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, old_handler);
  ASSERT_TRUE(refused);
  EXPECT_THAT(sink.failure(), HasSubstr("file size limit"));
  ASSERT_TRUE(sink.DeliverAll(content_, 30, 4));
  ExpectHolds(&sink, content_, 1, 30);
}

TEST_P(WriteFailureTest, FailedAttachLeavesTheStreamAsItWas) {
  for (uint64_t nth = 1;; ++nth) {
    SCOPED_TRACE(nth);
    TemporaryFolder home;
    SinkDriver sink(home.path(), settings());
    ASSERT_EQ(sink.Start(1), SLUICE_OK);
    FaultySystem::Watch(sink.folder());
    FaultySystem::FailAt(nth, ENOSPC);
    const int32_t status = sink.Attach(SLUICE_ATTACH_LATEST, 10, content_.digest(10));
    FaultySystem::Stop();
    if (status == SLUICE_OK) {
      EXPECT_GT(nth, 3u);
      return;
    }
    EXPECT_EQ(status, SLUICE_RETRY);
    EXPECT_TRUE(sink.Resume().empty);
    ASSERT_EQ(sink.Attach(SLUICE_ATTACH_LATEST, 10, content_.digest(10)), SLUICE_OK)
        << sink.failure();
    ASSERT_EQ(sink.Deliver(content_.at(11)), SLUICE_OK) << sink.failure();
    ExpectHolds(&sink, content_, 11, 11);
  }
}

}  // namespace
}  // namespace sluice_file::testing
