// SPDX-License-Identifier: Apache-2.0
//
// A disk that is full, and one that breaks.
#include "unit/commit/pipeline_fixture.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class PipelineSpace : public PipelineTest {
 protected:
  bool Blocked() {
    return Eventually([this] { return !pipeline_->status().blocked.empty(); });
  }
};

TEST_F(PipelineSpace, JournalIsWrittenAgainFromTheSameBytesAndDeliveredOnlyThen) {
  Start("all", {"a"});
  database_.FailWrite(StatusCode::kNoSpace, Left::kNothing);
  Submit(1);
  ASSERT_TRUE(trace_.WaitFor("delivered 1"));
  Ack("a", 1);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  EXPECT_THAT(trace_.lines(), ElementsAre("write failed", "reopened", "journaled 1", "delivered 1",
                                          "committed 1", "answered 1"));
  const auto writes = database_.writes();
  EXPECT_EQ(writes[0].group.journal[0].change_set, writes[1].group.journal[0].change_set);
  ExpectCommittedThrough(1);
  EXPECT_THAT(pipeline_->status().blocked, IsEmpty());
}

TEST_F(PipelineSpace, CommitIsWrittenAgainAndAnsweredOnlyThen) {
  Start("all", {"a"});
  Submit(2);
  ASSERT_TRUE(trace_.WaitFor("delivered 2"));
  database_.FailWrite(StatusCode::kNoSpace, Left::kNothing);
  Ack("a", 2);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  const Lines lines = trace_.lines();
  EXPECT_THAT(Lines(lines.end() - 6, lines.end()),
              ElementsAre("write failed", "reopened", "committed 1", "committed 2", "answered 1",
                          "answered 2"));
  ExpectCommittedThrough(2);
  ExpectDeliveredThrough(2);
}

TEST_F(PipelineSpace, WhatIsFoundJournaledIsNotWrittenTwice) {
  Start("all", {"a"});
  database_.FailWrite(StatusCode::kNoSpace, Left::kEverything);
  Submit(1);
  ASSERT_TRUE(trace_.WaitFor("delivered 1"));
  EXPECT_THAT(Written(), ElementsAre("J1 failed"));
  EXPECT_EQ(database_.journaled_height(), Height(1));
  Ack("a", 1);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  EXPECT_THAT(Written(), ElementsAre("J1 failed", "C1"));
  ExpectCommittedThrough(1);
  ExpectDeliveredThrough(1);
}

TEST_F(PipelineSpace, WhatIsFoundCommittedIsNotWrittenTwiceAndIsAnsweredOnce) {
  Start("fire-and-forget", {"a"});
  database_.FailWrite(StatusCode::kNoSpace, Left::kEverything);
  Submit(1);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ASSERT_TRUE(trace_.WaitFor("delivered 1"));
  EXPECT_THAT(Written(), ElementsAre("J1 C1 failed"));
  ExpectCommittedThrough(1);
  ExpectDeliveredThrough(1);
}

TEST_F(PipelineSpace, ItMayBeFullAgainAndAgain) {
  Start("all", {"a"});
  delivery_->AckByItself("a");
  database_.FailWrite(StatusCode::kNoSpace, Left::kNothing);
  database_.FailWrite(StatusCode::kNoSpace, Left::kNothing);
  database_.FailReopens(2, StatusCode::kNoSpace);
  Submit(3);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  EXPECT_EQ(database_.reopen_count(), 4);
  ExpectCommittedThrough(3);
  ExpectDeliveredThrough(3);
}

TEST_F(PipelineSpace, NothingIsOpenedDeliveredOrAnsweredWhileNothingIsFree) {
  Start("all", {"a"});
  Submit(1);
  ASSERT_TRUE(trace_.WaitFor("delivered 1"));
  database_.SetFreeDiskBytes(1000);
  database_.FailWrite(StatusCode::kNoSpace, Left::kNothing);
  TakeBeside(10);
  ASSERT_TRUE(Blocked());
  EXPECT_THAT(pipeline_->status().blocked, HasSubstr("the disk fails on request"));
  Ack("a", 1);  // an ack changes nothing meanwhile
  EXPECT_EQ(pipeline_->result(), Status::Ok());
  EXPECT_EQ(database_.reopen_count(), 0);
  EXPECT_FALSE(trace_.Has("delivered 2"));
  EXPECT_FALSE(trace_.Has("answered 1"));
  database_.SetFreeDiskBytes(uint64_t{1} << 30);
  delivery_->AckByItself("a");
  EXPECT_EQ(JoinIntake(), Status::Ok());
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(11);
  ExpectDeliveredThrough(11);
}

TEST_F(PipelineSpace, StopEndsTheWaitForSpace) {
  Start("all", {"a"});
  database_.SetFreeDiskBytes(1000);
  database_.FailWrite(StatusCode::kNoSpace, Left::kNothing);
  Submit(1);
  ASSERT_TRUE(Blocked());
  pipeline_->Stop();
  EXPECT_EQ(pipeline_->result(), Status::Ok());
  EXPECT_EQ(database_.journaled_height(), Height(0)) << "not taken";
  EXPECT_THAT(delivery_->delivered(), IsEmpty());
}

TEST_F(PipelineSpace, StopOfTheIntakeEndsTheWaitForSpaceOfTheThreadThatSubmits) {
  settings_.window = 1;
  // Where the committing thread has the seat just then, it writes, and a stop need not end its
  // wait.
  std::optional<Height> full_at;
  database_.set_before_write([&](const WriteGroup& group) {
    if (!is_intake_thread_ || full_at) return;
    full_at = group.journal.front().change_set->height();
    database_.FailWrite(StatusCode::kNoSpace, Left::kNothing);
  });
  Start("fire-and-forget", {"a"});
  database_.SetFreeDiskBytes(1000);
  TakeBeside(10'000);
  ASSERT_TRUE(Blocked());
  pipeline_->StopIntake();
  EXPECT_EQ(JoinIntake().code(), StatusCode::kCancelled);
  EXPECT_EQ(WaitUntilIdle().code(), StatusCode::kCancelled);
  EXPECT_EQ(pipeline_->result(), Status::Ok());
  ASSERT_TRUE(full_at.has_value());
  EXPECT_EQ(database_.journaled_height() + 1, *full_at) << "not taken";
  EXPECT_EQ(delivery_->delivered().size(), database_.journaled_height().value());
}

TEST_F(PipelineSpace, AFailureOfReopeningThatIsNoLackOfSpaceEndsIt) {
  Start("all", {"a"});
  database_.FailWrite(StatusCode::kNoSpace, Left::kNothing);
  database_.FailReopens(1, StatusCode::kCorruption);
  Submit(1);
  EXPECT_EQ(WaitUntilIdle().code(), StatusCode::kCorruption);
  EXPECT_EQ(pipeline_->result().code(), StatusCode::kCorruption);
  EXPECT_THAT(delivery_->delivered(), IsEmpty());
}

TEST_F(PipelineSpace, AnyOtherErrorOfTheJournalEndsItWithNothingDelivered) {
  for (const Left left : {Left::kNothing, Left::kEverything}) {
    Start("all", {"a"});
    database_.FailWrite(StatusCode::kIo, left);
    Submit(1);
    EXPECT_EQ(WaitUntilIdle().code(), StatusCode::kIo);
    EXPECT_EQ(pipeline_->WaitForSlot().code(), StatusCode::kIo);
    EXPECT_EQ(database_.reopen_count(), 0);
    EXPECT_THAT(delivery_->delivered(), IsEmpty());
    EXPECT_THAT(answered_, IsEmpty());
    pipeline_->Stop();
    database_.Crash();
    next_ = Height();
  }
  // What the last one left is decided by what is there.
  EXPECT_EQ(database_.journaled_height(), Height(1));
}

TEST_F(PipelineSpace, AnyOtherErrorOfACommitEndsItWithNothingAnswered) {
  Start("all", {"a"});
  Submit(2);
  ASSERT_TRUE(trace_.WaitFor("delivered 2"));
  database_.FailWrite(StatusCode::kIo, Left::kNothing);
  Ack("a", 2);
  EXPECT_EQ(WaitUntilIdle().code(), StatusCode::kIo);
  EXPECT_THAT(answered_, IsEmpty());
  EXPECT_EQ(database_.committed().height, Height(0));
}

TEST_F(PipelineSpace, AnotherWritersFullDiskHasTheStoreOpenedAgain) {
  Start("all", {"a"});
  pipeline_->NoteStoreFailure({StatusCode::kNoSpace, "raising the epoch: the disk is full"});
  ASSERT_TRUE(trace_.WaitFor("reopened"));
  delivery_->AckByItself("a");
  Submit(2);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(2);
  EXPECT_THAT(pipeline_->status().blocked, IsEmpty());
}

TEST_F(PipelineSpace, AnotherWritersOtherFailureEndsIt) {
  Start("all", {"a"});
  pipeline_->NoteStoreFailure({StatusCode::kIo, "raising the epoch: no such device"});
  ASSERT_TRUE(Eventually([this] { return !pipeline_->result().ok(); }));
  EXPECT_EQ(pipeline_->result().code(), StatusCode::kIo);
  EXPECT_EQ(pipeline_->WaitForSlot().code(), StatusCode::kIo);
}

}  // namespace
}  // namespace sluice
