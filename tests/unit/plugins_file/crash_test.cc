// SPDX-License-Identifier: Apache-2.0
//
// The process ends, or the power goes, right before and right after each system call that changes
// the folder. Then a new start goes on: whatever was acked is there, and the finished stream equals
// one that was never interrupted.
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "unit/plugins_file/faulty_system.h"
#include "unit/plugins_file/sink_driver.h"

namespace sluice_file::testing {
namespace {

constexpr uint64_t kHeights = 14;

// How a child process ends.
constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kKilled = 9;  // at the system call that was chosen

// kDone or kKilled; anything else is reported as a failure of the test and ends the caller's loop.
int WaitFor(pid_t child) {
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : kFailed;
  EXPECT_TRUE(code == kDone || code == kKilled) << "exit code " << code;
  return code == kKilled ? kKilled : kDone;
}

uint64_t Seed() {
  const char* given = std::getenv("SLUICE_TEST_SEED");
  return given == nullptr ? 20260131 : std::strtoull(given, nullptr, 10);
}

class CrashTest : public ::testing::TestWithParam<const char*> {
 protected:
  CrashTest() {
    content_.AddMany(kHeights, 8, 20);
    acked_ = static_cast<uint64_t*>(
        mmap(nullptr, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  }
  ~CrashTest() override {
    FaultySystem::Stop();
    munmap(acked_, sizeof(uint64_t));
  }
  std::string settings() const { return GetParam(); }

  static void Note(uint64_t height) { *acked_ = height; }

  // A child's whole life, where nothing ends it before.
  [[noreturn]] void DeliverAndExit(SinkDriver* sink) {
    const bool done =
        sink->Begin(1, content_) == SLUICE_OK && sink->DeliverAll(content_, kHeights, 3);
    _exit(done ? kDone : kFailed);
  }

  // Continues under a new epoch to the end; what was acked is there.
  void ExpectContinues(const std::filesystem::path& home, uint64_t epoch, uint64_t acked) {
    SinkDriver sink(home, settings());
    ASSERT_EQ(sink.Begin(epoch, content_), SLUICE_OK) << sink.failure();
    EXPECT_GE(sink.acked(), acked);
    ASSERT_TRUE(sink.DeliverAll(content_, kHeights, 3)) << sink.failure();
    const auto held = sink.ReadBack();
    ExpectHolds(&sink, content_, held.first_height, kHeights);
  }

  StreamContent content_;
  static uint64_t* acked_;  // shared with the child
};

uint64_t* CrashTest::acked_ = nullptr;

INSTANTIATE_TEST_SUITE_P(Formats, CrashTest,
                         ::testing::Values(R"("rotate_bytes":700,"retain_blocks":6)",
                                           R"("rotate_bytes":700,"format":"jsonl")",
                                           R"("compression":"zstd")"));

TEST_P(CrashTest, ProcessKilledAroundEachSystemCallLosesNothingAcked) {
  for (const bool after : {false, true}) {
    for (uint64_t nth = 1;; ++nth) {
      SCOPED_TRACE(std::to_string(nth) + (after ? " after" : " before"));
      TemporaryFolder home;
      *acked_ = 0;
      const pid_t child = fork();
      if (child == 0) {
        SinkDriver sink(home.path(), settings());
        sink.set_ack_observer(&Note);
        FaultySystem::Watch(sink.folder());
        FaultySystem::DoAt(nth, after, [] { _exit(kKilled); });
        DeliverAndExit(&sink);
      }
      const int ended = WaitFor(child);
      ExpectContinues(home.path(), 2, *acked_);
      if (ended == kDone) break;
    }
  }
}

// The same within the start that repairs: it is interrupted at each of its own steps.
TEST_P(CrashTest, RecoveryKilledAroundEachSystemCallIsRepeatable) {
  for (uint64_t nth = 1;; ++nth) {
    SCOPED_TRACE(nth);
    TemporaryFolder home;
    uint64_t acked = 0;
    {
      SinkDriver sink(home.path(), settings());
      ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
      ASSERT_TRUE(sink.DeliverAll(content_, 7, 1));
      acked = sink.acked();
      // A torn tail for recovery to cut.
      const auto last = sink.Files().back();
      sink.Destroy();
      std::filesystem::resize_file(last, std::filesystem::file_size(last) + 5);
    }
    const pid_t child = fork();
    if (child == 0) {
      SinkDriver sink(home.path(), settings());
      FaultySystem::Watch(sink.folder());
      FaultySystem::DoAt((nth + 1) / 2, nth % 2 == 0, [] { _exit(kKilled); });
      _exit(sink.Begin(2, content_) == SLUICE_OK ? kDone : kFailed);
    }
    const int ended = WaitFor(child);
    ExpectContinues(home.path(), 3, acked);
    if (ended == kDone) break;
  }
}

TEST_P(CrashTest, PowerCutAroundEachSystemCallLosesNothingAcked) {
  const uint64_t seed = Seed();
  RecordProperty("seed", std::to_string(seed));
  SCOPED_TRACE("SLUICE_TEST_SEED=" + std::to_string(seed));
  for (uint64_t round = 0; round < 6; ++round) {
    const bool after = round % 2 == 1;
    const uint64_t lucky = round < 2 ? 0 : seed + round;  // 0: nothing that was not synced survives
    for (uint64_t nth = 1;; ++nth) {
      SCOPED_TRACE(std::to_string(nth) + (after ? " after" : " before"));
      TemporaryFolder home;
      TemporaryFolder survived;
      uint64_t acked = 0;
      bool cut = false;
      SinkDriver sink(home.path(), settings());
      std::filesystem::create_directories(sink.folder());
      FaultySystem::Watch(sink.folder());
      FaultySystem::DoAt(nth, after, [&] {
        cut = true;
        acked = sink.acked();
        FaultySystem::WriteSurvivors(survived.path() / "sink", lucky == 0 ? 0 : lucky + nth);
      });
      ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
      ASSERT_TRUE(sink.DeliverAll(content_, kHeights, 3));
      FaultySystem::Stop();
      if (!cut) break;
      ExpectContinues(survived.path(), 2, acked);
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

// A start may not call durable what the killed process had only written: the node believes it.
TEST_P(CrashTest, PowerCutAfterARestartLosesNothingThatTheRestartReported) {
  for (const bool after : {false, true}) {
    for (uint64_t nth = 1;; ++nth) {
      SCOPED_TRACE(std::to_string(nth) + (after ? " after" : " before"));
      TemporaryFolder home;
      TemporaryFolder survived;
      const pid_t child = fork();
      if (child == 0) {
        SinkDriver sink(home.path(), settings());
        std::filesystem::create_directories(sink.folder());
        FaultySystem::Watch(sink.folder());
        FaultySystem::DoAt(nth, after, [&] {
          // What the end of a process does to its files: no lock is left, nothing is synced.
          close_range(3, ~0U, 0);
          FaultySystem::SetWatching(true);
          SinkDriver restarted(home.path(), settings());
          const int32_t begun = restarted.Begin(2, content_);
          const uint64_t reported = restarted.acked();
          FaultySystem::WriteSurvivors(survived.path() / "sink", 0);
          FaultySystem::SetWatching(false);
          EXPECT_EQ(begun, SLUICE_OK) << restarted.failure();
          ExpectContinues(survived.path(), 3, reported);
          _exit(HasFailure() ? kFailed : kKilled);
        });
        DeliverAndExit(&sink);
      }
      if (WaitFor(child) == kDone) break;
    }
  }
}

TEST_P(CrashTest, StartFailsWhereWhatItFoundCannotBeSynced) {
  for (const char* call : {"fdatasync", "fsync"}) {
    SCOPED_TRACE(call);
    TemporaryFolder home;
    {
      SinkDriver sink(home.path(), settings());
      ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
      ASSERT_TRUE(sink.DeliverAll(content_, 7, 1));
    }
    {
      SinkDriver sink(home.path(), settings());
      FaultySystem::Watch(sink.folder());
      FaultySystem::Only(call);
      FaultySystem::FailAt(1, EIO);
      EXPECT_EQ(sink.Start(2), SLUICE_RETRY);
      EXPECT_THAT(sink.failure(), ::testing::HasSubstr(call));
      FaultySystem::Stop();
    }
    ExpectContinues(home.path(), 2, 7);
  }
}

}  // namespace
}  // namespace sluice_file::testing
