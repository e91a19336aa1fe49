// SPDX-License-Identifier: Apache-2.0
#include "file/reset.h"

#include <gmock/gmock.h>

#include <fstream>

#include "file/fence.h"
#include "unit/plugins_file/sink_driver.h"

namespace sluice_file::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class ResetTest : public ::testing::Test {
 protected:
  ResetTest() { content_.AddMany(20, 1); }
  // Holds heights 1 to `last`, in files of a few heights each, under `epoch`.
  void Fill(uint64_t epoch, uint64_t last, const std::string& settings = "") {
    SinkDriver sink(home_.path(), settings);
    ASSERT_EQ(sink.Begin(epoch, content_), SLUICE_OK) << sink.failure();
    ASSERT_TRUE(sink.DeliverAll(content_, last, 1)) << sink.failure();
  }
  TemporaryFolder home_;
  StreamContent content_;
};

TEST_F(ResetTest, TheSameInstanceStartsEmptyAfterwards) {
  Fill(5, 12, "\"rotate_bytes\":1024");
  SinkDriver sink(home_.path());
  ASSERT_GT(sink.Files().size(), 1U);
  std::ofstream(sink.folder() / "notes.txt") << "the operator's";
  ASSERT_EQ(sink.Reset(6), SLUICE_OK) << sink.failure();
  EXPECT_THAT(sink.Files(), ElementsAre(sink.folder() / "notes.txt"));
  ASSERT_EQ(sink.Start(6), SLUICE_OK) << sink.failure();
  EXPECT_TRUE(sink.Resume().empty);
  sink.Destroy();
  Fill(7, 20);
  SinkDriver reader(home_.path());
  ExpectHolds(&reader, content_, 1, 20);
}

TEST_F(ResetTest, AnOlderInstanceIsRefusedFromThenOn) {
  Fill(5, 3);
  SinkDriver(home_.path()).Reset(9);
  for (const uint64_t epoch : {6u, 9u}) {
    SinkDriver older(home_.path());
    EXPECT_EQ(older.Start(epoch), SLUICE_FENCED);
  }
}

TEST_F(ResetTest, NothingIsDeletedUnderAnOldEpochOrOfAnotherStreamOrSink) {
  Fill(5, 3);
  SinkDriver old(home_.path());
  EXPECT_EQ(old.Reset(5), SLUICE_FENCED);
  EXPECT_THAT(old.failure(), HasSubstr("nothing was deleted"));
  EXPECT_EQ(SinkDriver(home_.path(), "", "other").Reset(6), SLUICE_INVALID);
  EXPECT_EQ(SinkDriver(home_.path(), "", "demo", "other").Reset(6), SLUICE_INVALID);
  // Without a FENCE the files say whose they are.
  std::filesystem::remove(old.folder() / "FENCE");
  EXPECT_EQ(SinkDriver(home_.path(), "", "other").Reset(6), SLUICE_INVALID);
  SinkDriver reader(home_.path());
  ExpectHolds(&reader, content_, 1, 3);
}

TEST_F(ResetTest, WhatIsDamagedAndWhatIsOfTheOtherFormatGoesToo) {
  Fill(5, 3);
  SinkDriver sink(home_.path());
  const auto file = sink.Files().front();
  std::filesystem::resize_file(file, 60);
  std::ofstream(sink.folder() / "00000000000000000001.jsonl") << "{}";
  ASSERT_EQ(sink.Reset(6), SLUICE_OK) << sink.failure();
  EXPECT_THAT(sink.Files(), SizeIs(0));
  EXPECT_EQ(sink.Start(6), SLUICE_OK) << sink.failure();
}

TEST_F(ResetTest, WhatAnInterruptedSnapshotHasLeftGoesToo) {
  Fill(5, 3);
  SinkDriver sink(home_.path());
  const auto file = sink.Files().front();
  std::filesystem::copy_file(file, sink.folder() / "00000000000000000003.seg.done");
  std::filesystem::copy_file(file, sink.folder() / "00000000000000000009.seg.building");
  ASSERT_EQ(sink.Reset(6), SLUICE_OK) << sink.failure();
  EXPECT_THAT(sink.Files(), SizeIs(0));
  ASSERT_EQ(sink.Start(6), SLUICE_OK) << sink.failure();
  EXPECT_TRUE(sink.Resume().empty);
}

TEST_F(ResetTest, AFolderThatIsNotThereIsEmpty) {
  SinkDriver sink(home_.path());
  EXPECT_EQ(sink.Reset(1), SLUICE_OK) << sink.failure();
  EXPECT_EQ(sink.Reset(2), SLUICE_OK) << "again, as after a crash";
}

}  // namespace
}  // namespace sluice_file::testing
