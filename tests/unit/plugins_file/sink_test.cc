// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "unit/plugins_file/faulty_system.h"
#include "unit/plugins_file/sink_driver.h"

namespace sluice_file::testing {
namespace {

using ::testing::HasSubstr;

class FileSinkTest : public ::testing::TestWithParam<const char*> {
 protected:
  FileSinkTest() { content_.AddMany(40, 1); }
  std::string settings() const { return GetParam(); }

  TemporaryFolder home_;
  StreamContent content_;
};

INSTANTIATE_TEST_SUITE_P(Formats, FileSinkTest,
                         ::testing::Values(R"("format":"segments")", R"("format":"jsonl")",
                                           R"("compression":"zstd")", R"("rotate_bytes":900)",
                                           R"("format":"jsonl","rotate_bytes":900)"));

TEST_P(FileSinkTest, WhatIsDeliveredIsReadBack) {
  SinkDriver sink(home_.path(), settings());
  ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK) << sink.failure();
  EXPECT_TRUE(sink.Resume().empty);
  for (uint64_t height = 1; height <= 40; ++height) {
    ASSERT_EQ(sink.Deliver(content_.at(height)), SLUICE_OK) << sink.failure();
  }
  ExpectHolds(&sink, content_, 1, 40);
  const SinkDriver::Readback held = sink.ReadBack();
  EXPECT_EQ(held.flags, 0u);
  EXPECT_EQ(held.first_height, 1u);
  EXPECT_EQ(held.position.height, 40u);
  EXPECT_EQ(held.position.digest, content_.digest(40));
}

TEST_P(FileSinkTest, ResumesWhereItStood) {
  for (uint64_t epoch = 1; epoch <= 8; ++epoch) {
    SinkDriver sink(home_.path(), settings());
    ASSERT_EQ(sink.Begin(epoch, content_), SLUICE_OK) << sink.failure();
    const Where where = sink.Resume();
    EXPECT_EQ(where.empty, epoch == 1);
    if (epoch > 1) {
      EXPECT_EQ(where.height, (epoch - 1) * 5);
      EXPECT_EQ(where.epoch, epoch);
      EXPECT_EQ(where.digest, content_.digest(where.height));
      EXPECT_EQ(where.stream, "demo");
    }
    ASSERT_TRUE(sink.DeliverAll(content_, epoch * 5, 3)) << sink.failure();
    if (epoch == 8) ExpectHolds(&sink, content_, 1, 40);
  }
}

TEST_P(FileSinkTest, HeightsThatWaitShareOneSyncAndOneAck) {
  SinkDriver sink(home_.path(), R"("rotate_bytes":0,)" + settings());
  ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
  if (settings().find("rotate") != std::string::npos) return;  // rotation ends groups early
  ASSERT_EQ(sink.Deliver(content_.at(1)), SLUICE_OK);
  FaultySystem::Watch(sink.folder());
  FaultySystem::Only("fdatasync");
  for (uint64_t height = 2; height < 10; ++height) {
    EXPECT_EQ(sink.Deliver(content_.at(height), 10, height), SLUICE_PENDING);
  }
  EXPECT_TRUE(sink.acks().empty());
  EXPECT_EQ(sink.Resume().height, 1u) << "what is not synced is not claimed";
  EXPECT_EQ(sink.Deliver(content_.at(10), 10, 77), SLUICE_PENDING);
  EXPECT_EQ(FaultySystem::calls(), 1u);
  FaultySystem::Stop();
  ASSERT_EQ(sink.acks().size(), 1u);
  EXPECT_EQ(sink.acks()[0].first_height, 0u);
  EXPECT_EQ(sink.acks()[0].last_height, 10u);
  EXPECT_EQ(sink.acks()[0].attempt, 77u);
  EXPECT_EQ(sink.acks()[0].level, SLUICE_LEVEL_DURABLE);
}

TEST_P(FileSinkTest, DrainSyncsAndAcksWhatWaits) {
  SinkDriver sink(home_.path(), settings());
  ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
  EXPECT_EQ(sink.Deliver(content_.at(1), 9), SLUICE_PENDING);
  EXPECT_EQ(sink.Deliver(content_.at(2), 9), SLUICE_PENDING);
  EXPECT_EQ(sink.Drain(), SLUICE_OK);
  EXPECT_EQ(sink.acked(), 2u);
  ExpectHolds(&sink, content_, 1, 2);
}

TEST_P(FileSinkTest, HeightHeldWithAnEqualDigestIsAckedNotAppended) {
  {
    SinkDriver sink(home_.path(), settings());
    ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
    ASSERT_TRUE(sink.DeliverAll(content_, 20, 4));
  }
  SinkDriver sink(home_.path(), settings());
  ASSERT_EQ(sink.Begin(2, content_), SLUICE_OK);
  for (uint64_t height = 1; height <= 20; ++height) {
    EXPECT_EQ(sink.Deliver(content_.at(height), 40), SLUICE_OK) << height;
  }
  ASSERT_EQ(sink.Deliver(content_.at(21)), SLUICE_OK);
  ExpectHolds(&sink, content_, 1, 21);
}

TEST_P(FileSinkTest, HeightHeldWithAnotherDigestHasDiverged) {
  StreamContent other;
  other.AddMany(20, 99);
  {
    SinkDriver sink(home_.path(), settings());
    ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
    ASSERT_TRUE(sink.DeliverAll(content_, 20, 4));
  }
  SinkDriver sink(home_.path(), settings());
  ASSERT_EQ(sink.Begin(2, content_), SLUICE_OK);
  EXPECT_EQ(sink.Deliver(other.at(3)), SLUICE_FATAL);
  EXPECT_THAT(sink.failure(), HasSubstr("diverged"));
  ExpectHolds(&sink, content_, 1, 20);
}

TEST_P(FileSinkTest, GapAndBrokenChainAreRefused) {
  StreamContent other;
  other.AddMany(3, 99);
  SinkDriver sink(home_.path(), settings());
  ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
  ASSERT_EQ(sink.Deliver(content_.at(1)), SLUICE_OK);
  EXPECT_EQ(sink.Deliver(content_.at(3)), SLUICE_FATAL);
  EXPECT_THAT(sink.failure(), HasSubstr("height 2 comes next, not height 3"));
  EXPECT_EQ(sink.Deliver(other.at(2)), SLUICE_FATAL);
  EXPECT_THAT(sink.failure(), HasSubstr("diverged"));
  ExpectHolds(&sink, content_, 1, 1);
}

TEST_P(FileSinkTest, WithoutFsyncTheLevelIsReceived) {
  SinkDriver sink(home_.path(), R"("fsync":false,)" + settings());
  ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
  EXPECT_EQ(sink.level(), SLUICE_LEVEL_RECEIVED);
  ASSERT_TRUE(sink.DeliverAll(content_, 30, 8));
  EXPECT_EQ(sink.acks().back().level, SLUICE_LEVEL_RECEIVED);
  ExpectHolds(&sink, content_, 1, 30);
}

TEST_P(FileSinkTest, BeginsInTheMiddleWhereTheOperatorSaysSo) {
  {
    SinkDriver sink(home_.path(), settings());
    ASSERT_EQ(sink.Start(1), SLUICE_OK);
    ASSERT_EQ(sink.Attach(SLUICE_ATTACH_LATEST, 10, content_.digest(10)), SLUICE_OK);
  }
  SinkDriver sink(home_.path(), settings());
  ASSERT_EQ(sink.Start(2), SLUICE_OK);
  EXPECT_EQ(sink.Resume().height, 10u) << "the base survives a crash before the first height";
  EXPECT_EQ(sink.Resume().digest, content_.digest(10));
  ASSERT_EQ(sink.Attach(SLUICE_ATTACH_RESUMED, 10, content_.digest(10)), SLUICE_OK);
  for (uint64_t height = 11; height <= 20; ++height) {
    ASSERT_EQ(sink.Deliver(content_.at(height)), SLUICE_OK) << sink.failure();
  }
  ExpectHolds(&sink, content_, 11, 20);
  EXPECT_EQ(sink.ReadBack().flags, SLUICE_READBACK_TRUNCATED);
  EXPECT_EQ(sink.ReadBack().first_height, 11u);
}

TEST_P(FileSinkTest, SkippedHeightsAreAGapThatReadbackDoesNotCross) {
  SinkDriver sink(home_.path(), settings());
  ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
  ASSERT_TRUE(sink.DeliverAll(content_, 5, 2));
  ASSERT_EQ(sink.Attach(SLUICE_ATTACH_GAP_SKIPPED, 15, content_.digest(15)), SLUICE_OK)
      << sink.failure();
  for (uint64_t height = 16; height <= 20; ++height) {
    ASSERT_EQ(sink.Deliver(content_.at(height)), SLUICE_OK) << sink.failure();
  }
  ExpectHolds(&sink, content_, 16, 20);
  EXPECT_EQ(sink.ReadBack().flags, SLUICE_READBACK_TRUNCATED);
  sink.Destroy();
  SinkDriver again(home_.path(), settings());
  ASSERT_EQ(again.Begin(2, content_), SLUICE_OK) << again.failure();
  EXPECT_EQ(again.acked(), 20u);
}

TEST_P(FileSinkTest, AttachRefusesABaseThatItDoesNotHold) {
  SinkDriver sink(home_.path(), settings());
  ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
  ASSERT_TRUE(sink.DeliverAll(content_, 5, 2));
  EXPECT_EQ(sink.Attach(SLUICE_ATTACH_RESUMED, 7, content_.digest(7)), SLUICE_INVALID);
  EXPECT_EQ(sink.Attach(SLUICE_ATTACH_RESUMED, 5, content_.digest(4)), SLUICE_INVALID);
  EXPECT_THAT(sink.failure(), HasSubstr("diverged"));
  EXPECT_EQ(sink.Attach(SLUICE_ATTACH_GENESIS, 0, content_.digest(0)), SLUICE_INVALID);
  EXPECT_EQ(sink.Attach(SLUICE_ATTACH_AFTER_SNAPSHOT, 9, content_.digest(9)), SLUICE_INVALID);
  ASSERT_EQ(sink.Deliver(content_.at(6)), SLUICE_OK);
}

TEST_P(FileSinkTest, KeyThatTheFilterEmptiesIsStillAHeight) {
  SinkDriver sink(home_.path(), settings());
  ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
  ASSERT_EQ(sink.Deliver(content_.at(1), 0, 1, SLUICE_BATCH_FILTERED), SLUICE_OK);
  EXPECT_EQ(sink.ReadBack().flags, SLUICE_READBACK_FILTERED);
}

TEST(FileSink, OtherFormatInTheFolderIsRefused) {
  TemporaryFolder home;
  StreamContent content;
  content.AddMany(3, 1);
  {
    SinkDriver sink(home.path());
    ASSERT_EQ(sink.Begin(1, content), SLUICE_OK);
    ASSERT_TRUE(sink.DeliverAll(content, 3, 1));
  }
  SinkDriver sink(home.path(), R"("format":"jsonl")");
  EXPECT_EQ(sink.Start(2), SLUICE_INVALID);
  EXPECT_THAT(sink.failure(), HasSubstr("set format back"));
}

TEST(FileSink, WrongSettingsAreNamed) {
  TemporaryFolder home;
  for (const char* wrong :
       {R"("path":"")", R"("format":"xml")", R"("fsync":1)", R"("rotate_bytes":-1)",
        R"("compression":"gzip")", R"("format":"jsonl","compression":"zstd")"}) {
    SinkDriver sink(home.path(), wrong);
    EXPECT_EQ(sink.Start(1), SLUICE_INVALID) << wrong;
    EXPECT_THAT(sink.failure(), HasSubstr("setting ")) << wrong;
  }
}

TEST(FileSink, LargeGroupIsSyncedBeforeTheNewestHeight) {
  TemporaryFolder home;
  StreamContent content;
  for (int i = 0; i < 10; ++i) {
    content.Add(
        {{false, "s", "k", std::string(1024 * 1024, static_cast<char>('a' + i)), false, ""}});
  }
  SinkDriver sink(home.path());
  ASSERT_EQ(sink.Begin(1, content), SLUICE_OK);
  for (uint64_t height = 1; height < 10; ++height) {
    ASSERT_EQ(sink.Deliver(content.at(height), 100), SLUICE_PENDING);
  }
  EXPECT_GE(sink.acked(), 4u);
  EXPECT_LT(sink.acked(), 9u);
  EXPECT_EQ(sink.Drain(), SLUICE_OK);
  ExpectHolds(&sink, content, 1, 9);
}

}  // namespace
}  // namespace sluice_file::testing
