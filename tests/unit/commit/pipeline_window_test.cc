// SPDX-License-Identifier: Apache-2.0
//
// How many blocks are executed and not committed, and what shares a write.
#include <algorithm>

#include "unit/commit/pipeline_fixture.h"

namespace sluice {
namespace {

using testing::ElementsAre;

class PipelineWindow : public PipelineTest {
 protected:
  // Feeds blocks as fast as they are taken and commits them one by one, only once all that fit into
  // the window are delivered: at each moment as many are on their way as the window lets in.
  void RunFull(uint64_t window) {
    constexpr uint64_t kBlocks = 60;
    settings_.window = window;
    Start("all", {"a"});
    database_.set_before_write([&](const WriteGroup& group) {
      if (group.journal.empty()) return;
      const Height committed = database_.committed().height + group.commits.size();
      EXPECT_LE(group.journal.back().change_set->height() - committed, window);
    });
    TakeBeside(kBlocks);
    for (uint64_t height = 1; height <= kBlocks; ++height) {
      const uint64_t last = std::min(kBlocks, height + window - 1);
      ASSERT_TRUE(trace_.WaitFor(fmt::format("delivered {}", last)));
      EXPECT_FALSE(trace_.Has(fmt::format("delivered {}", last + 1)));
      Ack("a", height);
    }
    EXPECT_EQ(JoinIntake(), Status::Ok());
    ASSERT_EQ(WaitUntilIdle(), Status::Ok());
    ExpectCommittedThrough(kBlocks);
    ExpectDeliveredThrough(kBlocks);
  }
};

TEST_F(PipelineWindow, OneBlockIsTakenOnlyAfterTheOneBeforeIsCommitted) { RunFull(1); }

TEST_F(PipelineWindow, NeverMoreThanTheWindowAreExecutedAndUncommitted) { RunFull(8); }

TEST_F(PipelineWindow, BlocksThatAreNotJournaledYetCountToo) {
  settings_.window = 2;
  Start("fire-and-forget", {});
  database_.HoldWrites();
  TakeBeside(40);
  ASSERT_TRUE(database_.WaitUntilHeld());
  database_.LetWritesGo();
  EXPECT_EQ(JoinIntake(), Status::Ok());
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  for (const WriteGroup& group : database_.journal_writes()) EXPECT_LE(group.journal.size(), 2U);
  ExpectCommittedThrough(40);
}

TEST_F(PipelineWindow, HeightsThatWaitForTheJournalShareAWrite) {
  Start("all", {"a"});
  database_.HoldWrites();
  Submit(1);
  ASSERT_TRUE(database_.WaitUntilHeld());
  Submit(6);
  database_.LetWritesGo();
  ASSERT_TRUE(trace_.WaitFor("delivered 7"));
  EXPECT_THAT(Written(), ElementsAre("J1", "J2..7"));
}

TEST_F(PipelineWindow, HeightsThatOneAckLetsThroughShareAWrite) {
  Start("all", {"a", "b"});
  Submit(8);
  ASSERT_TRUE(trace_.WaitFor("delivered 8"));
  Ack("a", 8);
  Ack("b", 8);
  ASSERT_TRUE(trace_.WaitFor("answered 8"));
  EXPECT_EQ(Written().back(), "C1..8");
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(8);
}

TEST_F(PipelineWindow, CommitsAndJournalRecordsShareAWrite) {
  Start("all", {"a"});
  Submit(2);
  ASSERT_TRUE(trace_.WaitFor("delivered 2"));
  const size_t before = database_.writes().size();
  database_.HoldWrites();
  Submit(1);
  ASSERT_TRUE(database_.WaitUntilHeld());
  Ack("a", 2);
  Submit(2);
  database_.LetWritesGo();
  ASSERT_TRUE(trace_.WaitFor("delivered 5"));
  Lines written = Written();
  written.erase(written.begin(), written.begin() + static_cast<std::ptrdiff_t>(before));
  EXPECT_THAT(written, ElementsAre("J3", "J4..5 C1..2"));
  Ack("a", 5);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(5);
}

TEST_F(PipelineWindow, OnlyAWriteThatJournalsIsSynced) {
  Start("all", {"a"});
  Submit(2);
  ASSERT_TRUE(trace_.WaitFor("delivered 2"));
  Ack("a", 2);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  for (const WriteGroup& group : database_.journal_writes()) EXPECT_TRUE(group.sync);
  // What a power cut takes of it is redone from the journal: one fsync a height, not two.
  for (const WriteGroup& group : database_.commit_writes()) {
    EXPECT_EQ(group.sync, !group.journal.empty());
    EXPECT_FALSE(group.force_sync);
  }
}

}  // namespace
}  // namespace sluice
