// SPDX-License-Identifier: Apache-2.0
//
// Writes that a power cut left unfinished in RocksDB's log: cut where they were never synced,
// refused where they were.
#include <gtest/gtest.h>

#include <algorithm>

#include "raw_rocks.h"
#include "store/log_tail.h"
#include "store_fixture.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;
using test::FilesEnding;
using test::FlipByte;
using test::Noise;
using test::Set;

constexpr uint64_t kPage = 4096;

class DatabaseLogTailTest : public test::DatabaseTest {
 protected:
  struct Span {
    uint64_t from;
    uint64_t to;
  };

  fs::path NewestLog() const {
    fs::path newest;
    for (const auto& entry : fs::directory_iterator(options_.path)) {
      if (entry.path().extension() == ".log") newest = std::max(newest, entry.path());
    }
    return newest;
  }
  // Commits one height; where its bytes stand in the log.
  Span CommitOf(const std::string& value, bool sync, DriverPosition position = {}) {
    const uint64_t from = fs::file_size(NewestLog());
    const SealedBlock block = Execute({Set("x", "value", value)}, std::move(position));
    WriteGroup group = GroupOf({block}, {block});
    group.sync = sync;
    EXPECT_EQ(Write(group), Status::Ok());
    return {from, fs::file_size(NewestLog())};
  }
  // A page of these bytes that never reached the disk, other than their first and last.
  static void LosePage(const fs::path& log, Span span) {
    const uint64_t page = (span.from / kPage + 2) * kPage;
    ASSERT_LT(page + kPage, span.to);
    std::fstream stream(log, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(static_cast<std::streamoff>(page));
    stream << std::string(kPage, '\0');
    ASSERT_TRUE(stream.good());
  }
  void ExpectHeightOnceCut(Height height) {
    options_.read_only = true;
    auto reader = Database::Open(options_);
    ASSERT_TRUE(reader) << reader.error().ToString();
    EXPECT_EQ((*reader)->committed().height, height);
    reader->reset();
    options_.read_only = false;
    ASSERT_TRUE(Open()) << status_.ToString();
    EXPECT_EQ(database_->committed().height, height);
    EXPECT_EQ(database_->journaled_height(), height);
    Commit({Set("x", "value", "after")});
    ASSERT_TRUE(Open()) << status_.ToString();
    EXPECT_EQ(database_->committed().height, height + 1);
    EXPECT_EQ(Get("x", "value"), "after");
    EXPECT_TRUE(database_->VerifyJournal({}).ok());
    const auto found = ExamineLogs(options_.path, 0);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->kind, LogsFound::Kind::kWhole) << found->file << ": " << found->what;
  }
  void ExpectDamageIn(const fs::path& log) {
    for (const bool read_only : {true, false}) {
      options_.read_only = read_only;
      ASSERT_FALSE(Open());
      EXPECT_EQ(status_.code(), StatusCode::kCorruption) << status_.ToString();
      EXPECT_NE(status_.message().find(log.filename()), std::string::npos) << status_.ToString();
      EXPECT_NE(status_.message().find("nothing was changed"), std::string::npos);
    }
  }
};

TEST_F(DatabaseLogTailTest, EveryBatchSaysWhatIsDurable) {
  CommitOf("1", true);
  CommitOf("2", false);
  CommitOf("3", true);
  ASSERT_TRUE(database_->PutRecord("a", "b").ok());
  const auto found = ExamineLogs(options_.path, 0);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->kind, LogsFound::Kind::kWhole) << found->what;
  EXPECT_EQ(DurableOf("no batch"), std::nullopt);
}

TEST_F(DatabaseLogTailTest, MissingPageOfAnUnsyncedWriteIsCut) {
  CommitOf("1", true);
  const Span torn = CommitOf(Noise(20000), false);
  Crash();
  LosePage(NewestLog(), torn);
  ExpectHeightOnceCut(Height(1));
}

TEST_F(DatabaseLogTailTest, WholeUnsyncedWriteAfterATornOneIsCutToo) {
  CommitOf("1", true);
  const Span torn = CommitOf(Noise(20000), false);
  CommitOf(Noise(50000), false);
  Crash();
  LosePage(NewestLog(), torn);
  ExpectHeightOnceCut(Height(1));
}

TEST_F(DatabaseLogTailTest, SyncedWriteThatWasUnderWayIsCut) {
  CommitOf("1", true);
  CommitOf("2", false);
  const Span torn = CommitOf(Noise(20000), true);
  Crash();
  LosePage(NewestLog(), torn);
  ExpectHeightOnceCut(Height(2));
}

TEST_F(DatabaseLogTailTest, EndThatWasAllocatedButNotWrittenIsCut) {
  CommitOf("1", true);
  const Span torn = CommitOf(Noise(500), false);
  Crash();
  fs::resize_file(NewestLog(), torn.to - 100);
  fs::resize_file(NewestLog(), torn.to + 10000);
  ExpectHeightOnceCut(Height(1));
}

TEST_F(DatabaseLogTailTest, MissingPageOfWhatWasSyncedIsDamage) {
  CommitOf("1", true);
  const Span lost = CommitOf(Noise(20000), true);
  CommitOf("3", false);
  Crash();
  LosePage(NewestLog(), lost);
  ExpectDamageIn(NewestLog());
}

TEST_F(DatabaseLogTailTest, MissingPageOfWhatALaterSyncCoveredIsDamage) {
  const Span lost = CommitOf(Noise(20000), false);
  CommitOf("2", false);
  ASSERT_TRUE(database_->SyncNow().ok());
  ASSERT_TRUE(database_->PutRecord("a", "b").ok());
  Crash();
  LosePage(NewestLog(), lost);
  ExpectDamageIn(NewestLog());
}

TEST_F(DatabaseLogTailTest, MissingPageOfWhatARecordsSyncCoveredIsDamage) {
  CommitOf("1", true);
  const Span lost = CommitOf(Noise(20000), false);
  ASSERT_TRUE(database_->PutRecord("a", "b").ok());
  ASSERT_TRUE(database_->RaiseEpoch(Epoch(1)));
  Crash();
  LosePage(NewestLog(), lost);
  ExpectDamageIn(NewestLog());
}

TEST_F(DatabaseLogTailTest, FlippedByteIsDamageWhateverFollows) {
  CommitOf("1", true);
  const Span flipped = CommitOf(Noise(5000), true);
  CommitOf(Noise(300), false);
  Crash();
  FlipByte(NewestLog(), flipped.from + 1000);
  ExpectDamageIn(NewestLog());
}

TEST_F(DatabaseLogTailTest, FlippedByteInAnUnsyncedWriteIsNoTornTail) {
  CommitOf("1", true);
  const Span flipped = CommitOf(Noise(5000), false);
  Crash();
  FlipByte(NewestLog(), flipped.from + 1000);
  ExpectDamageIn(NewestLog());
}

TEST_F(DatabaseLogTailTest, FlippedLengthThatReachesPastTheEndIsDamage) {
  CommitOf("1", true);
  const Span flipped = CommitOf("2", true);
  CommitOf("3", true);
  Crash();
  FlipByte(NewestLog(), flipped.from + 5);
  ExpectDamageIn(NewestLog());
}

// Memtables that are written out all the time, so that there are several logs beside them.
class DatabaseLogsTest : public DatabaseLogTailTest {
 protected:
  void SetUp() override { CommitMany(false); }

  void CommitMany(bool sync) {
    options_.options_file = folder_.path() + "/OPTIONS";
    std::ofstream(options_.options_file)
        << "[Version]\n  rocksdb_version=7.8.3\n  options_file_version=1.1\n[DBOptions]\n"
        << "[CFOptions \"default\"]\n  write_buffer_size=65536\n"
        << "[CFOptions \"journal\"]\n  write_buffer_size=" << journal_memtable_bytes_ << "\n";
    DatabaseLogTailTest::SetUp();
    for (int i = 0; i < 30; ++i) {
      CommitOf(Noise(20000), sync, {"source", Noise(position_bytes_)});
      if (i == 1) obsolete_ = CopyOfTheOnlyLog();
    }
    Close();  // waits for what is being written out; what is only in logs stays there
    logs_ = FilesEnding(options_.path, ".log");
    std::sort(logs_.begin(), logs_.end());
    ASSERT_GT(logs_.size(), 1u);
    ASSERT_FALSE(FilesEnding(options_.path, ".sst").empty());
  }

  uint64_t journal_memtable_bytes_ = 16 << 20;
  size_t position_bytes_ = 10;

  fs::path CopyOfTheOnlyLog() const {
    const fs::path log = NewestLog();
    const fs::path copy = fs::path(folder_.path()) / log.filename();
    fs::copy_file(log, copy);
    return copy;
  }

  std::vector<fs::path> logs_;
  fs::path obsolete_;  // of the first heights
};

// RocksDB removes the logs that it needs no more one by one, the newest first, and a crash may fall
// between two. The store y, never written, still says that it needs them all.
class DatabaseObsoleteLogTest : public DatabaseLogsTest,
                                public ::testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    options_.sync = GetParam();
    // The other families that are written are written out, too.
    journal_memtable_bytes_ = 65536;
    position_bytes_ = 60000;
    CommitMany(GetParam());
  }
};

TEST_P(DatabaseObsoleteLogTest, ObsoleteLogWithAGapAfterItIsPassedOver) {
  fs::copy_file(obsolete_, fs::path(options_.path) / obsolete_.filename());
  const auto found = ExamineLogs(options_.path, 0);
  ASSERT_TRUE(found);
  ASSERT_NE(found->kind, LogsFound::Kind::kWhole);
  ExpectHeightOnceCut(Height(30));
}

TEST_P(DatabaseObsoleteLogTest, DamageInAnObsoleteLogIsPassedOver) {
  FlipByte(obsolete_, fs::file_size(obsolete_) / 2);
  fs::copy_file(obsolete_, fs::path(options_.path) / obsolete_.filename());
  ExpectHeightOnceCut(Height(30));
}

TEST_P(DatabaseObsoleteLogTest, NeededLogIsStillCut) {
  fs::copy_file(obsolete_, fs::path(options_.path) / obsolete_.filename());
  const uint64_t end = fs::file_size(logs_.back());
  LosePage(logs_.back(), {end - 20000, end});
  ExpectHeightOnceCut(Height(29));
}

INSTANTIATE_TEST_SUITE_P(Sync, DatabaseObsoleteLogTest, ::testing::Bool());

// Without its SST files no opening succeeds; the failure says so, and not that a log is damaged.
TEST_F(DatabaseLogsTest, DatabaseThatCannotBeOpenedToLookIsRefused) {
  const uint64_t end = fs::file_size(logs_.back());
  LosePage(logs_.back(), {end - 20000, end});
  for (const fs::path& file : FilesEnding(options_.path, ".sst")) fs::remove(file);
  ASSERT_FALSE(Open());
  EXPECT_NE(status_.message().find(".sst"), std::string::npos) << status_.ToString();
}

TEST_F(DatabaseLogsTest, WholeLogsAreAllReplayed) { ExpectHeightOnceCut(Height(30)); }

TEST_F(DatabaseLogsTest, TornEndOfTheNewestLogIsCut) {
  const uint64_t end = fs::file_size(logs_.back());
  LosePage(logs_.back(), {end - 20000, end});
  ExpectHeightOnceCut(Height(29));
}

// RocksDB keeps in its MANIFEST how long a log was when it was synced.
TEST_F(DatabaseLogsTest, MissingEndOfAnOlderSyncedLogIsDamage) {
  const fs::path older = logs_[logs_.size() - 2];
  fs::resize_file(older, fs::file_size(older) - 5000);
  ASSERT_FALSE(Open());
  EXPECT_EQ(status_.code(), StatusCode::kCorruption) << status_.ToString();
}

TEST_F(DatabaseLogsTest, FlippedByteInAnOlderLogIsDamage) {
  const fs::path older = logs_[logs_.size() - 2];
  FlipByte(older, fs::file_size(older) / 2);
  ExpectDamageIn(older);
}

}  // namespace
}  // namespace sluice
