// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>

#include "raw_rocks.h"
#include "store/records.h"
#include "store_fixture.h"

namespace sluice {
namespace {

using records::JournalKey;
using test::RawRocks;
using test::Set;

class DatabaseJournalTest : public test::DatabaseTest {
 protected:
  void CommitBlocks(int count, size_t value_bytes = 10) {
    for (int i = 0; i < count; ++i) Commit({Set("x", "k", std::string(value_bytes, 'v'))});
  }
  Status Prune(uint64_t through) {
    WriteGroup group;
    group.prune_through = Height(through);
    return database_->Write(group);
  }
  void ExpectRefusedAt(uint64_t height) {
    ASSERT_FALSE(Open());
    EXPECT_EQ(status_.code(), StatusCode::kCorruption) << status_.ToString();
    EXPECT_NE(status_.message().find("journal record " + std::to_string(height)), std::string::npos)
        << status_.ToString();
    EXPECT_NE(status_.message().find("nothing was cut"), std::string::npos) << status_.ToString();
  }
};

TEST_F(DatabaseJournalTest, ReadsOutsideAreNotFound) {
  CommitBlocks(2);
  EXPECT_EQ(database_->ReadJournal(Height(0)).error().code(), StatusCode::kNotFound);
  EXPECT_EQ(database_->ReadJournal(Height(3)).error().code(), StatusCode::kNotFound);
  EXPECT_EQ(database_->JournalDigest(Height(3)).error().code(), StatusCode::kNotFound);
  EXPECT_EQ(database_->JournalRecordBytes(Height(3)).error().code(), StatusCode::kNotFound);
}

TEST_F(DatabaseJournalTest, RecordBytesAreThoseStored) {
  CommitBlocks(1, 1000);
  CommitBlocks(1, 9000);
  const uint64_t small = *database_->JournalRecordBytes(Height(1));
  const uint64_t large = *database_->JournalRecordBytes(Height(2));
  EXPECT_GT(small, 1000u);
  EXPECT_GE(large, small + 8000);
  EXPECT_EQ(database_->journal_bytes(), small + large);
}

TEST_F(DatabaseJournalTest, PruningForgetsOnDemandAndStays) {
  CommitBlocks(10);
  const Digest third = *database_->JournalDigest(Height(3));
  ASSERT_TRUE(Prune(3).ok());
  ASSERT_TRUE(Prune(2).ok());
  for (int opening = 0; opening < 2; ++opening) {
    EXPECT_EQ(database_->journal_first(), Height(4));
    EXPECT_EQ(database_->ReadJournal(Height(3)).error().code(), StatusCode::kNotFound);
    EXPECT_TRUE(database_->ReadJournal(Height(4)));
    EXPECT_EQ(*database_->JournalDigest(Height(3)), third);
    EXPECT_TRUE(database_->VerifyJournal({}).ok());
    ASSERT_TRUE(Open());
  }
}

TEST_F(DatabaseJournalTest, JournalPrunedEmptyStillKnowsItsDigest) {
  CommitBlocks(4);
  const CommittedState committed = database_->committed();
  ASSERT_TRUE(Prune(4).ok());
  for (int opening = 0; opening < 2; ++opening) {
    EXPECT_EQ(database_->journal_first(), Height(5));
    EXPECT_EQ(database_->journaled_height(), Height(4));
    EXPECT_EQ(*database_->JournalDigest(Height(4)), committed.digest);
    EXPECT_EQ(database_->journal_bytes(), 0u);
    EXPECT_TRUE(database_->VerifyJournal({}).ok());
    ASSERT_TRUE(Open());
  }
  CommitBlocks(1);
  EXPECT_EQ(database_->journaled_height(), Height(5));
}

TEST_F(DatabaseJournalTest, PruningBesideOtherWritesWaitsUntilItIsWorthIt) {
  auto commit_pruning = [&](uint64_t through) {
    const SealedBlock block = Execute({Set("x", "k", "v")});
    WriteGroup group = GroupOf({block}, {block});
    group.prune_through = Height(through);
    EXPECT_TRUE(Write(group).ok());
  };
  CommitBlocks(100);
  commit_pruning(63);
  EXPECT_EQ(database_->journal_first(), Height(1));
  commit_pruning(64);
  EXPECT_EQ(database_->journal_first(), Height(65));
}

TEST_F(DatabaseJournalTest, FilesOfPrunedRecordsAreRemoved) {
  // Incompressible, or the files would be small.
  uint64_t state = 88172645463325252u;
  for (int i = 0; i < 24; ++i) {
    std::string value(4 << 20, '\0');
    for (size_t b = 0; b + 8 <= value.size(); b += 8) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      std::memcpy(&value[b], &state, 8);
    }
    Commit({Set("x", "k", value)});
  }
  ASSERT_TRUE(Open());
  auto blob_bytes = [&] {
    uint64_t bytes = 0;
    for (const auto& file : test::FilesEnding(options_.path, ".blob")) {
      bytes += std::filesystem::file_size(file);
    }
    return bytes;
  };
  EXPECT_GT(blob_bytes(), uint64_t{90} << 20);
  WriteGroup group;
  group.prune_through = Height(23);
  group.sync = true;
  ASSERT_TRUE(database_->Write(group).ok());
  EXPECT_LT(database_->journal_bytes(), uint64_t{8} << 20);
  ASSERT_TRUE(Open());
  // What shares a file with the record that is left stays until compaction.
  EXPECT_LT(blob_bytes(), uint64_t{60} << 20);
  EXPECT_EQ(database_->journal_first(), Height(24));
  EXPECT_TRUE(database_->VerifyJournal({}).ok());
}

TEST_F(DatabaseJournalTest, MissingRecordAboveTheCommittedHeightStopsTheStart) {
  CommitBlocks(2);
  for (int i = 0; i < 3; ++i) Journal({Set("x", "k", "v")});
  Close();
  RawRocks(options_.path).Delete("journal", JournalKey(Height(4)));
  ExpectRefusedAt(4);
}

TEST_F(DatabaseJournalTest, DamagedRecordAboveTheCommittedHeightStopsTheStart) {
  CommitBlocks(2);
  Journal({Set("x", "k", "v")});
  Close();
  {
    RawRocks raw(options_.path);
    std::string record = raw.Get("journal", JournalKey(Height(3)));
    record[record.size() / 2] ^= 1;
    raw.Put("journal", JournalKey(Height(3)), record);
  }
  ASSERT_FALSE(Open());
  EXPECT_EQ(status_.code(), StatusCode::kCorruption);
  EXPECT_NE(status_.message().find("journal record of height 3"), std::string::npos)
      << status_.ToString();
}

TEST_F(DatabaseJournalTest, RecordOfAnotherHistoryStopsTheStart) {
  CommitBlocks(2);
  Journal({Set("x", "k", "v")});
  // A well-formed height 3 that does not continue our height 2.
  ChangeSetBuilder builder("test", Height(3), 0);
  const auto foreign = std::move(builder).Seal(GenesisDigest("other"));
  const EncodedJournalRecord encoded = EncodeJournalRecord({foreign, {}});
  Close();
  RawRocks(options_.path)
      .Put("journal", JournalKey(Height(3)),
           encoded.head + std::string(encoded.canonical) + encoded.tail);
  ExpectRefusedAt(3);
}

TEST_F(DatabaseJournalTest, MissingEndOfTheJournalStopsTheStart) {
  CommitBlocks(2);
  Journal({Set("x", "k", "v")});
  Journal({Set("x", "k", "v")});
  Close();
  RawRocks(options_.path).Delete("journal", JournalKey(Height(4)));
  ExpectRefusedAt(4);
}

TEST_F(DatabaseJournalTest, VerifyNamesTheFirstMissingRecordBelowTheCommittedHeight) {
  CommitBlocks(5);
  Close();
  RawRocks(options_.path).Delete("journal", JournalKey(Height(3)));
  ASSERT_TRUE(Open()) << status_.ToString();
  std::vector<uint64_t> seen;
  const Status status = database_->VerifyJournal([&](Height h) { seen.push_back(h.value()); });
  EXPECT_EQ(status.code(), StatusCode::kCorruption);
  EXPECT_NE(status.message().find("journal record 3"), std::string::npos) << status.ToString();
  EXPECT_EQ(seen, (std::vector<uint64_t>{1, 2}));
}

}  // namespace
}  // namespace sluice
