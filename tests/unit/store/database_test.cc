// SPDX-License-Identifier: Apache-2.0
#include "store/database.h"

#include <gtest/gtest.h>

#include <thread>

#include "store_fixture.h"

namespace sluice {
namespace {

using test::Delete;
using test::Pairs;
using test::Set;

class DatabaseWriteTest : public test::DatabaseTest {};

TEST_F(DatabaseWriteTest, NewHomeStandsAtGenesis) {
  EXPECT_EQ(database_->committed().height, Height(0));
  EXPECT_EQ(database_->committed().digest, GenesisDigest("test"));
  EXPECT_EQ(database_->journaled_height(), Height(0));
  EXPECT_EQ(database_->journal_first(), Height(1));
  EXPECT_EQ(*database_->JournalDigest(Height(0)), GenesisDigest("test"));
  EXPECT_EQ(database_->epoch(), Epoch(0));
  EXPECT_EQ(database_->stores(), options_.stores);
}

TEST_F(DatabaseWriteTest, WhatWasWrittenIsThereAfterReopening) {
  Commit({Set("x", "a", "1"), Set("y", "a", "2"), Set("x", "gone", "1")});
  const SealedBlock second = Commit({Delete("x", "gone"), Set("x", "b", "")});
  const SealedBlock third = Journal({Set("x", "c", "3")});
  const SealedBlock fourth = Journal({Set("x", "d", "4")});
  for (int opening = 0; opening < 3; ++opening) {
    EXPECT_EQ(database_->committed().height, Height(2));
    EXPECT_EQ(database_->committed().digest, second.change_set->digest());
    EXPECT_EQ(database_->committed().epoch, Epoch(1));
    EXPECT_EQ(database_->journal_first(), Height(1));
    EXPECT_EQ(database_->journaled_height(), Height(4));
    EXPECT_EQ(database_->journaled_digest(), fourth.change_set->digest());
    EXPECT_GT(database_->journal_bytes(), 0u);
    EXPECT_EQ(All("x"), (Pairs{{"a", "1"}, {"b", ""}}));
    EXPECT_EQ(All("y"), (Pairs{{"a", "2"}}));
    auto record = database_->ReadJournal(Height(3));
    ASSERT_TRUE(record) << record.error().ToString();
    EXPECT_EQ(record->change_set->canonical(), third.change_set->canonical());
    EXPECT_EQ(*database_->JournalDigest(Height(3)), third.change_set->digest());
    EXPECT_EQ(*database_->JournalDigest(Height(2)), second.change_set->digest());
    EXPECT_EQ(*database_->JournalDigest(Height(0)), GenesisDigest("test"));
    EXPECT_TRUE(database_->VerifyJournal({}).ok());
    ASSERT_TRUE(opening == 1 ? database_->Reopen().ok() : Open()) << status_.ToString();
  }
}

TEST_F(DatabaseWriteTest, OneGroupCommitsSeveralHeightsAndJournalsMore) {
  std::vector<SealedBlock> blocks;
  for (int i = 0; i < 4; ++i) {
    blocks.push_back(Execute({Set("x", "k", std::to_string(i)), Set("x", std::to_string(i), "v")}));
  }
  WriteGroup group = GroupOf(blocks, {blocks[0], blocks[1], blocks[2]});
  ASSERT_TRUE(Write(group).ok());
  EXPECT_EQ(database_->committed().height, Height(3));
  EXPECT_EQ(database_->journaled_height(), Height(4));
  EXPECT_EQ(Get("x", "k"), "2");
  EXPECT_EQ(All("x").size(), 4u);
}

TEST_F(DatabaseWriteTest, HeightsOutOfOrderEndTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const SealedBlock first = Execute({});
  const SealedBlock second = Execute({});
  EXPECT_DEATH((void)database_->Write(GroupOf({second}, {})), "in order");
  EXPECT_DEATH((void)database_->Write(GroupOf({}, {first})), "journaled");
}

TEST_F(DatabaseWriteTest, PositionsAreKeptOneASource) {
  Commit({}, {"a.jsonl", "line 1"});
  Commit({}, {"b.jsonl", "line 9"});
  std::vector<SealedBlock> blocks;
  blocks.push_back(Execute({}, {"a.jsonl", "line 2"}));
  blocks.push_back(Execute({}, {"a.jsonl", "line 3"}));
  blocks.push_back(Execute({}, {"", ""}));
  ASSERT_TRUE(Write(GroupOf(blocks, blocks)).ok());
  Journal({}, {"b.jsonl", "line 10"});
  ASSERT_TRUE(Open());
  EXPECT_EQ((*database_->ReadPosition("a.jsonl"))->state, "line 3");
  EXPECT_EQ((*database_->ReadPosition("b.jsonl"))->state, "line 9");
  EXPECT_EQ(*database_->ReadPosition("c.jsonl"), std::nullopt);
  EXPECT_EQ(database_->ReadJournal(Height(6))->position.state, "line 10");
}

TEST_F(DatabaseWriteTest, UnackedRangesAreReplacedByTheirFirstHeight) {
  WriteGroup group;
  group.unacked = {UnackedRange{Height(3), Height(4), false, 17, {"audit", "search"}}};
  ASSERT_TRUE(database_->Write(group).ok());
  group.unacked[0].last = Height(300);
  group.unacked[0].healed = true;
  ASSERT_TRUE(database_->Write(group).ok());
  group.unacked = {UnackedRange{Height(1000), Height(1000), false, -5, {}}};
  group.force_sync = true;
  ASSERT_TRUE(database_->Write(group).ok());
  ASSERT_TRUE(Open());
  auto ranges = database_->UnackedRanges();
  ASSERT_TRUE(ranges);
  ASSERT_EQ(ranges->size(), 2u);
  EXPECT_EQ((*ranges)[0].first, Height(3));
  EXPECT_EQ((*ranges)[0].last, Height(300));
  EXPECT_TRUE((*ranges)[0].healed);
  EXPECT_EQ((*ranges)[0].since_unix_nanos, 17);
  EXPECT_EQ((*ranges)[0].sinks, (std::vector<std::string>{"audit", "search"}));
  EXPECT_EQ((*ranges)[1].first, Height(1000));
  EXPECT_EQ((*ranges)[1].since_unix_nanos, -5);
}

TEST_F(DatabaseWriteTest, WatermarksRideInTheBatch) {
  WriteGroup group;
  group.watermarks = {{SinkName("audit"), Height(7)}, {SinkName("search"), Height(8)}};
  ASSERT_TRUE(database_->Write(group).ok());
  ASSERT_TRUE(Open());
  EXPECT_EQ(*database_->SinkWatermark(SinkName("audit")), Height(7));
  EXPECT_EQ(*database_->SinkWatermark(SinkName("search")), Height(8));
  EXPECT_EQ(*database_->SinkWatermark(SinkName("other")), std::nullopt);
}

TEST_F(DatabaseWriteTest, EpochRisesAndStays) {
  EXPECT_EQ(*database_->RaiseEpoch(), Epoch(1));
  EXPECT_EQ(*database_->RaiseEpoch(), Epoch(2));
  EXPECT_EQ(*database_->RaiseEpoch(Epoch(40)), Epoch(41));
  EXPECT_EQ(*database_->RaiseEpoch(Epoch(3)), Epoch(42));
  ASSERT_TRUE(Open());
  EXPECT_EQ(database_->epoch(), Epoch(42));
  ASSERT_TRUE(database_->Reopen().ok());
  EXPECT_EQ(database_->epoch(), Epoch(42));
}

TEST_F(DatabaseWriteTest, EpochsOfThreadsDiffer) {
  std::vector<Epoch> one;
  std::vector<Epoch> two;
  std::thread other([&] {
    for (int i = 0; i < 20; ++i) one.push_back(*database_->RaiseEpoch());
  });
  for (int i = 0; i < 20; ++i) two.push_back(*database_->RaiseEpoch());
  other.join();
  one.insert(one.end(), two.begin(), two.end());
  std::sort(one.begin(), one.end());
  EXPECT_EQ(std::unique(one.begin(), one.end()), one.end());
  EXPECT_EQ(database_->epoch(), Epoch(40));
}

TEST_F(DatabaseWriteTest, NamedRecordsAreKeptListedAndRemoved) {
  ASSERT_TRUE(database_->PutRecord("sink/audit", std::string("a\0b", 3)).ok());
  ASSERT_TRUE(database_->PutRecord("sink/search", "s").ok());
  ASSERT_TRUE(database_->PutRecord("last_halt", "h").ok());
  ASSERT_TRUE(database_->DeleteRecord("sink/search").ok());
  ASSERT_TRUE(database_->DeleteRecord("never there").ok());
  ASSERT_TRUE(Open());
  EXPECT_EQ(*database_->GetRecord("sink/audit"), std::string("a\0b", 3));
  EXPECT_EQ(*database_->GetRecord("sink/search"), std::nullopt);
  EXPECT_EQ(*database_->ListRecords("sink/"), (Pairs{{"sink/audit", std::string("a\0b", 3)}}));
  EXPECT_EQ(database_->ListRecords("")->size(), 2u);
}

TEST_F(DatabaseWriteTest, AForgottenSinkLeavesNothing) {
  WriteGroup group;
  group.watermarks = {{SinkName("audit"), Height(3)}, {SinkName("search"), Height(4)}};
  ASSERT_TRUE(database_->Write(group).ok());
  ASSERT_TRUE(database_->PutRecord("sink/audit", "a").ok());
  ASSERT_TRUE(database_->PutRecord("sink/search", "s").ok());
  ASSERT_TRUE(database_->ForgetSink(SinkName("audit"), "sink/audit").ok());
  ASSERT_TRUE(database_->ForgetSink(SinkName("never-there"), "sink/never-there").ok());
  ASSERT_TRUE(Open());
  EXPECT_EQ(*database_->SinkWatermark(SinkName("audit")), std::nullopt);
  EXPECT_EQ(*database_->GetRecord("sink/audit"), std::nullopt);
  EXPECT_EQ(*database_->SinkWatermark(SinkName("search")), Height(4));
  EXPECT_EQ(*database_->GetRecord("sink/search"), "s");
}

TEST_F(DatabaseWriteTest, FreeDiskBytesAreThoseOfItsFileSystem) {
  EXPECT_EQ(*database_->FreeDiskBytes(), std::filesystem::space(options_.path).available);
}

}  // namespace
}  // namespace sluice
