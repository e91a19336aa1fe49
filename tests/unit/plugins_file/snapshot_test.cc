// SPDX-License-Identifier: Apache-2.0
//
// A copy of the state takes the place of what the folder held: whole or not at all, whatever ends
// the process, takes the power away or fills the disk in it.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "file/stream_reader.h"
#include "unit/plugins_file/faulty_system.h"
#include "unit/plugins_file/sink_driver.h"

namespace sluice_file::testing {
namespace {

constexpr uint64_t kHeights = 14;
constexpr uint64_t kHeldBefore = 5;
constexpr uint64_t kCopied = 10;

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kKilled = 9;

class SnapshotTest : public ::testing::TestWithParam<const char*> {
 protected:
  SnapshotTest() { content_.AddMany(kHeights, 8, 20); }
  ~SnapshotTest() override { FaultySystem::Stop(); }
  std::string settings() const { return GetParam(); }

  void Fill(const std::filesystem::path& home) {
    SinkDriver sink(home, settings());
    ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK) << sink.failure();
    ASSERT_TRUE(sink.DeliverAll(content_, kHeldBefore, 3)) << sink.failure();
  }

  // What is there is what was there before, or the whole snapshot; then everything goes on.
  void ExpectWholeOrBefore(const std::filesystem::path& home, uint64_t epoch) {
    SinkDriver sink(home, settings());
    ASSERT_EQ(sink.Start(epoch), SLUICE_OK) << sink.failure();
    const Where where = sink.Resume();
    ASSERT_FALSE(where.empty);
    ASSERT_TRUE(where.height == kHeldBefore || where.height == kCopied) << where.height;
    EXPECT_EQ(where.digest, content_.digest(where.height));
    if (where.height == kHeldBefore) {
      ExpectHolds(&sink, content_, 1, kHeldBefore);
      ASSERT_EQ(sink.TakeSnapshot(content_, kCopied), SLUICE_OK) << sink.failure();
    }
    ExpectHoldsFromSnapshot(&sink, content_, kCopied + 1, kCopied);
    GoOn(&sink);
  }

  void GoOn(SinkDriver* sink) {
    ASSERT_EQ(sink->Resume().height, kCopied);
    ASSERT_EQ(sink->Attach(SLUICE_ATTACH_AFTER_SNAPSHOT, kCopied, content_.digest(kCopied)),
              SLUICE_OK)
        << sink->failure();
    for (uint64_t height = kCopied + 1; height <= kHeights; ++height) {
      ASSERT_EQ(sink->Deliver(content_.at(height)), SLUICE_OK) << sink->failure();
    }
    ExpectHoldsFromSnapshot(sink, content_, kCopied + 1, kHeights);
    for (const auto& file : sink->Files()) {
      EXPECT_THAT(file.extension(), ::testing::AnyOf(".seg", ".jsonl"));
    }
  }

  StreamContent content_;
};

INSTANTIATE_TEST_SUITE_P(Formats, SnapshotTest,
                         ::testing::Values(R"("rotate_bytes":700)",
                                           R"("rotate_bytes":700,"format":"jsonl")",
                                           R"("compression":"zstd")"));

TEST_P(SnapshotTest, ReplacesWhatWasHeldAndIsFoundAgain) {
  TemporaryFolder home;
  Fill(home.path());
  {
    SinkDriver sink(home.path(), settings());
    ASSERT_EQ(sink.Start(2), SLUICE_OK) << sink.failure();
    ASSERT_EQ(sink.TakeSnapshot(content_, kCopied), SLUICE_OK) << sink.failure();
    GoOn(&sink);
  }
  SinkDriver sink(home.path(), settings());
  ASSERT_EQ(sink.Begin(3, content_), SLUICE_OK) << sink.failure();
  EXPECT_EQ(sink.acked(), kHeights);
  ExpectHoldsFromSnapshot(&sink, content_, kCopied + 1, kHeights);
}

TEST_P(SnapshotTest, TheProcessKilledAroundEachSystemCall) {
  for (const bool after : {false, true}) {
    for (uint64_t nth = 1;; ++nth) {
      SCOPED_TRACE(std::to_string(nth) + (after ? " after" : " before"));
      TemporaryFolder home;
      Fill(home.path());
      const pid_t child = fork();
      if (child == 0) {
        SinkDriver sink(home.path(), settings());
        if (sink.Start(2) != SLUICE_OK) _exit(kFailed);
        FaultySystem::Watch(sink.folder());
        FaultySystem::DoAt(nth, after, [] { _exit(kKilled); });
        _exit(sink.TakeSnapshot(content_, kCopied) == SLUICE_OK ? kDone : kFailed);
      }
      int status = 0;
      ASSERT_EQ(waitpid(child, &status, 0), child);
      ASSERT_TRUE(WIFEXITED(status));
      ASSERT_NE(WEXITSTATUS(status), kFailed);
      ExpectWholeOrBefore(home.path(), 3);
      if (HasFatalFailure() || WEXITSTATUS(status) == kDone) break;
    }
  }
}

TEST_P(SnapshotTest, ThePowerCutAroundEachSystemCall) {
  for (uint64_t round = 0; round < 6; ++round) {
    const bool after = round % 2 == 1;
    const uint64_t lucky = round < 2 ? 0 : 20260131 + round;
    for (uint64_t nth = 1;; ++nth) {
      SCOPED_TRACE(std::to_string(nth) + (after ? " after" : " before"));
      TemporaryFolder home;
      TemporaryFolder survived;
      bool cut = false;
      SinkDriver sink(home.path(), settings());
      std::filesystem::create_directories(sink.folder());
      FaultySystem::Watch(sink.folder());
      ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
      ASSERT_TRUE(sink.DeliverAll(content_, kHeldBefore, 3));
      sink.Destroy();
      SinkDriver copying(home.path(), settings());
      ASSERT_EQ(copying.Start(2), SLUICE_OK);
      FaultySystem::DoAt(FaultySystem::calls() + nth, after, [&] {
        cut = true;
        FaultySystem::WriteSurvivors(survived.path() / "sink", lucky == 0 ? 0 : lucky + nth);
      });
      ASSERT_EQ(copying.TakeSnapshot(content_, kCopied), SLUICE_OK) << copying.failure();
      FaultySystem::Stop();
      if (!cut) break;
      ExpectWholeOrBefore(survived.path(), 3);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(SnapshotTest, EachSystemCallFails) {
  for (uint64_t nth = 1;; ++nth) {
    SCOPED_TRACE(nth);
    TemporaryFolder home;
    Fill(home.path());
    bool failed = false;
    {
      SinkDriver sink(home.path(), settings());
      ASSERT_EQ(sink.Start(2), SLUICE_OK);
      FaultySystem::Watch(sink.folder());
      FaultySystem::FailAt(nth, ENOSPC);
      const int32_t status = sink.TakeSnapshot(content_, kCopied);
      failed = FaultySystem::calls() >= nth;
      FaultySystem::Stop();
      if (!failed) {
        ASSERT_EQ(status, SLUICE_OK);
      }
      // The one call that may fail without harm deletes what is unfinished.
      if (status != SLUICE_OK) {
        EXPECT_EQ(status, SLUICE_RETRY) << sink.failure();
      }
    }
    ExpectWholeOrBefore(home.path(), 3);
    if (HasFatalFailure() || !failed) break;
  }
}

TEST_P(SnapshotTest, AnUnfinishedOneIsDeletedAndBeginsAnew) {
  TemporaryFolder home;
  Fill(home.path());
  {
    SinkDriver sink(home.path(), settings());
    ASSERT_EQ(sink.Start(2), SLUICE_OK);
    ASSERT_EQ(sink.TakeSnapshot(content_, kCopied, 3, 1), SLUICE_OK);
  }
  // As a process that was killed leaves it.
  const auto unfinished = home.path() / "sink" / "00000000000000000010.seg.building";
  std::ofstream(unfinished) << "half of it";
  ExpectWholeOrBefore(home.path(), 3);
  EXPECT_FALSE(std::filesystem::exists(unfinished));
}

TEST_P(SnapshotTest, EveryFlippedByteIsDamageAndNothingIsCut) {
  if (settings().find("jsonl") != std::string::npos) GTEST_SKIP() << "lines have no checksums";
  TemporaryFolder home;
  Fill(home.path());
  std::filesystem::path file;
  {
    SinkDriver sink(home.path(), settings());
    ASSERT_EQ(sink.Start(2), SLUICE_OK);
    ASSERT_EQ(sink.TakeSnapshot(content_, kCopied), SLUICE_OK);
    ASSERT_EQ(sink.Files().size(), 1U);
    file = sink.Files().front();
  }
  std::ifstream in(file, std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(in)), {});
  for (size_t at = 0; at < good.size(); ++at) {
    SCOPED_TRACE(at);
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x40);
    std::ofstream(file, std::ios::binary) << bad;
    SinkDriver sink(home.path(), settings());
    ASSERT_NE(sink.Start(3), SLUICE_OK);
    ASSERT_EQ(std::filesystem::file_size(file), good.size());
  }
  for (size_t size = 0; size < good.size(); size += 7) {
    SCOPED_TRACE(size);
    std::ofstream(file, std::ios::binary) << good.substr(0, size);
    std::unique_ptr<StreamReader> reader;
    ASSERT_TRUE(StreamReader::Open(home.path() / "sink", 0, &reader).ok());
    Entry entry;
    bool ended = false;
    while (reader->Next(&entry)) ended = ended || entry.kind == EntryKind::kSnapshotEnd;
    EXPECT_FALSE(ended);
  }
}

}  // namespace
}  // namespace sluice_file::testing
