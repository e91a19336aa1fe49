// SPDX-License-Identifier: Apache-2.0
#include "file/fence.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "unit/plugins_file/sink_driver.h"

namespace sluice_file::testing {
namespace {

using ::testing::HasSubstr;

std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class FenceTest : public ::testing::Test {
 protected:
  FenceTest() { content_.AddMany(10, 1); }
  TemporaryFolder home_;
  StreamContent content_;
};

TEST_F(FenceTest, OlderOrEqualEpochIsRefusedBeforeAnythingIsChanged) {
  {
    SinkDriver sink(home_.path());
    ASSERT_EQ(sink.Begin(5, content_), SLUICE_OK);
    ASSERT_TRUE(sink.DeliverAll(content_, 3, 1));
  }
  SinkDriver probe(home_.path());
  const auto file = probe.Files().front();
  std::ofstream(file, std::ios::app | std::ios::binary) << "torn";
  const std::string before = ReadAll(file);
  for (const uint64_t epoch : {4u, 5u}) {
    SinkDriver sink(home_.path());
    EXPECT_EQ(sink.Start(epoch), SLUICE_FENCED);
    EXPECT_THAT(sink.failure(), HasSubstr("FENCE holds epoch 5"));
    EXPECT_EQ(ReadAll(file), before) << "nothing is cut";
  }
  SinkDriver sink(home_.path());
  EXPECT_EQ(sink.Begin(6, content_), SLUICE_OK);
}

TEST_F(FenceTest, AttachRaisesTheEpochNotStart) {
  {
    SinkDriver sink(home_.path());
    ASSERT_EQ(sink.Start(9), SLUICE_OK);
  }
  SinkDriver sink(home_.path());
  EXPECT_EQ(sink.Begin(3, content_), SLUICE_OK);
  sink.Destroy();
  SinkDriver older(home_.path());
  EXPECT_EQ(older.Start(3), SLUICE_FENCED);
}

TEST_F(FenceTest, SecondInstanceWaitsForTheLock) {
  SinkDriver first(home_.path());
  ASSERT_EQ(first.Begin(1, content_), SLUICE_OK);
  SinkDriver second(home_.path());
  EXPECT_EQ(second.Start(2), SLUICE_RETRY);
  EXPECT_THAT(second.failure(), HasSubstr("is in use"));
  ASSERT_EQ(first.Deliver(content_.at(1)), SLUICE_OK);
  first.Destroy();
  SinkDriver third(home_.path());
  EXPECT_EQ(third.Begin(2, content_), SLUICE_OK);
}

TEST_F(FenceTest, AnotherProcessIsKeptOutWhileThisOneWrites) {
  SinkDriver first(home_.path());
  ASSERT_EQ(first.Begin(1, content_), SLUICE_OK);
  const pid_t child = fork();
  if (child == 0) {
    Fence fence;
    _exit(fence.Take(first.folder()).kind() == FaultKind::kLocked ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_F(FenceTest, BatchOfAnotherEpochIsRefused) {
  SinkDriver sink(home_.path());
  ASSERT_EQ(sink.Begin(7, content_), SLUICE_OK);
  sluice_batch batch{};
  batch.struct_size = sizeof(batch);
  batch.epoch = 6;
  batch.height = batch.newest_height = 1;
  batch.last_part = 1;
  batch.change_stride = sizeof(sluice_change);
  EXPECT_EQ(sink.DeliverRaw(batch), SLUICE_FENCED);
}

TEST_F(FenceTest, OtherStreamIsToldAndNothingIsTouched) {
  {
    SinkDriver sink(home_.path());
    ASSERT_EQ(sink.Begin(50, content_), SLUICE_OK);
    ASSERT_TRUE(sink.DeliverAll(content_, 3, 1));
  }
  SinkDriver sink(home_.path(), "", "another");
  ASSERT_EQ(sink.Start(1), SLUICE_OK) << sink.failure();
  EXPECT_EQ(sink.Resume().stream, "demo");
  EXPECT_EQ(sink.Resume().height, 3u);
  EXPECT_EQ(sink.Attach(SLUICE_ATTACH_GENESIS, 0, GenesisDigest("another")), SLUICE_INVALID);
  EXPECT_THAT(sink.failure(), HasSubstr("holds stream demo"));
}

TEST_F(FenceTest, OtherSinkOfTheSameStreamIsRefused) {
  {
    SinkDriver sink(home_.path());
    ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
  }
  SinkDriver sink(home_.path(), "", "demo", "other");
  EXPECT_EQ(sink.Start(2), SLUICE_INVALID);
  EXPECT_THAT(sink.failure(), HasSubstr("belongs to sink audit"));
}

TEST_F(FenceTest, TornSlotLeavesTheOtherOne) {
  const auto path = home_.path() / "FENCE";
  {
    Fence fence;
    ASSERT_TRUE(fence.Take(home_.path()).ok());
    ASSERT_TRUE(fence.Raise(4, "demo", "audit").ok());
    ASSERT_TRUE(fence.Raise(5, "demo", "audit").ok());
  }
  const std::string good = ReadAll(path);
  for (size_t at = 0; at < 49; ++at) {  // the first slot holds the second raise
    std::string torn = good;
    torn[at] = static_cast<char>(torn[at] ^ 0x40);
    std::ofstream(path, std::ios::binary) << torn;
    Fence fence;
    ASSERT_TRUE(fence.Take(home_.path()).ok());
    EXPECT_EQ(fence.epoch(), 4u) << at;
    EXPECT_EQ(fence.damage(), "");
  }
}

TEST_F(FenceTest, DamagedFenceIsFatalWhereThereAreHeights) {
  {
    SinkDriver sink(home_.path());
    ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
    ASSERT_TRUE(sink.DeliverAll(content_, 3, 1));
  }
  std::ofstream(home_.path() / "sink" / "FENCE", std::ios::binary) << std::string(1024, 'x');
  SinkDriver sink(home_.path());
  EXPECT_EQ(sink.Start(2), SLUICE_FATAL);
  EXPECT_THAT(sink.failure(), HasSubstr("FENCE: neither of its two slots"));
}

TEST_F(FenceTest, LostFenceIsMadeGoodByTheEpochOfTheLastHeight) {
  {
    SinkDriver sink(home_.path());
    ASSERT_EQ(sink.Begin(5, content_), SLUICE_OK);
    ASSERT_TRUE(sink.DeliverAll(content_, 3, 1));
  }
  std::filesystem::remove(home_.path() / "sink" / "FENCE");
  SinkDriver older(home_.path());
  EXPECT_EQ(older.Start(4), SLUICE_FENCED);
  older.Destroy();
  SinkDriver sink(home_.path());
  EXPECT_EQ(sink.Begin(6, content_), SLUICE_OK);
}

}  // namespace
}  // namespace sluice_file::testing
