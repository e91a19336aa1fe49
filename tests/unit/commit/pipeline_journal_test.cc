// SPDX-License-Identifier: Apache-2.0
//
// The journal's caps and the reserve of the disk: what is forgotten, who is lost, and when no block
// is taken.
#include "unit/commit/pipeline_fixture.h"

namespace sluice {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class PipelineJournal : public PipelineTest {
 protected:
  PipelineJournal() {
    settings_.retain_blocks = 4;
    // No write forgets what a sink that is not lost has yet to get.
    database_.set_before_write([this](const WriteGroup& group) {
      for (const AckTracker::Sink& sink : tracker_->Snapshot()) {
        EXPECT_TRUE(sink.lost || group.prune_through <= sink.pin()) << sink.name;
      }
    });
  }
  bool Blocked(const std::string& why) {
    return Eventually([&] { return pipeline_->status().blocked.find(why) != std::string::npos; });
  }
  bool AnyLost() const {
    for (const AckTracker::Sink& sink : tracker_->Snapshot()) {
      if (sink.lost) return true;
    }
    return false;
  }
  uint64_t journal_blocks() const {
    return database_.journaled_height() + 1 - database_.journal_first();
  }
};

TEST_F(PipelineJournal, KeepsWhatIsRetainedAndForgetsTheRest) {
  Start("all", {"a"});
  delivery_->AckByItself("a");
  Submit(50);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  Submit(1);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  EXPECT_GE(journal_blocks(), 5U);
  // The window besides: what was not durably committed with the last writes that journaled.
  EXPECT_LE(journal_blocks(), 4 + 2 * settings_.window);
}

TEST_F(PipelineJournal, KeepsWhatASinkHasYetToGet) {
  Start("all(a)", {"a"}, {"b"});
  delivery_->AckByItself("a");
  Ack("b", 7);
  Submit(50);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  EXPECT_LE(database_.journal_first(), Height(8));
  EXPECT_EQ(database_.journal_first(), Height(4)) << "the four before are retained";
}

TEST_F(PipelineJournal, MaxBlocksStopsIntakeForASinkThatThePolicyNeedsUntilItHasCaughtUp) {
  settings_.journal_max_blocks = 10;
  // b is counted as soon as it has received a height; the journal keeps what it has not made
  // durable.
  settings_.gate.level = AckLevel::kReceived;
  Start("all", {"a", "b"});
  delivery_->AckByItself("a");
  delivery_->AckByItself("b", AckLevel::kReceived);
  TakeBeside(60);
  ASSERT_TRUE(Blocked("journal.max_blocks = 10 beyond journal.retain_blocks = 4"));
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  const Height stopped_at = database_.journaled_height();
  EXPECT_GT(stopped_at, Height(10));
  EXPECT_LT(stopped_at, Height(60));
  EXPECT_EQ(database_.journal_first(), Height(1));
  EXPECT_FALSE(AnyLost());
  EXPECT_TRUE(Blocked(fmt::format(
      ": sink b is at 0, {} heights behind: bring it back, raise the cap, or take it out of the "
      "policy",
      stopped_at)));
  EXPECT_THAT(pipeline_->status().blocked, Not(HasSubstr("sink a")));
  delivery_->AckByItself("b");
  EXPECT_EQ(JoinIntake(), Status::Ok());
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(60);
  ExpectDeliveredThrough(60);
  EXPECT_FALSE(AnyLost());
  EXPECT_THAT(pipeline_->status().blocked, IsEmpty());
}

TEST_F(PipelineJournal, MaxBytesStopsIntakeForASinkThatThePolicyNeedsUntilItHasCaughtUp) {
  settings_.journal_max_bytes = 2000;
  settings_.gate.level = AckLevel::kReceived;
  Start("all", {"a", "b"});
  delivery_->AckByItself("a");
  delivery_->AckByItself("b", AckLevel::kReceived);
  TakeBeside(60);
  ASSERT_TRUE(Blocked("journal.max_bytes = 2000"));
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  EXPECT_GT(database_.journal_bytes(), 2000U);
  EXPECT_LT(database_.journaled_height(), Height(60));
  EXPECT_EQ(database_.journal_first(), Height(1));
  EXPECT_FALSE(AnyLost());
  delivery_->AckByItself("b");
  EXPECT_EQ(JoinIntake(), Status::Ok());
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(60);
  EXPECT_FALSE(AnyLost());
}

TEST_F(PipelineJournal, RetainedBlocksGiveWayToTheCapAndNoSinkIsLost) {
  settings_.retain_blocks = 1000;
  settings_.journal_max_bytes = 2000;
  Start("all(a)", {"a"}, {"b"});
  delivery_->AckByItself("a");
  delivery_->AckByItself("b");
  TakeBeside(100);
  EXPECT_EQ(JoinIntake(), Status::Ok());
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(100);
  EXPECT_GT(database_.journal_first(), Height(1));
  EXPECT_FALSE(AnyLost());
}

TEST_F(PipelineJournal, ASinkThatIsALittleBehindIsNotLostForRetainedBlocks) {
  settings_.retain_blocks = 1000;
  settings_.journal_max_bytes = 2000;
  Start("all(a)", {"a"}, {"b"});
  delivery_->AckByItself("a");
  Ack("b", 15);
  TakeBeside(30);
  EXPECT_EQ(JoinIntake(), Status::Ok());
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(30);
  EXPECT_EQ(database_.journal_first(), Height(16)) << "the cap was reached, and made room for";
  EXPECT_FALSE(AnyLost());
}

TEST_F(PipelineJournal, ASinkThatThePolicyDoesWithoutIsLostAndTheOthersGoOn) {
  settings_.journal_max_blocks = 10;
  Start("all(a) and 1 of (c)", {"a", "c"}, {"b"});
  delivery_->AckByItself("a");
  delivery_->AckByItself("c");
  Ack("b", 3);
  TakeBeside(60);
  EXPECT_EQ(JoinIntake(), Status::Ok());
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(60);
  EXPECT_TRUE(tracker_->IsLost(SinkName("b")));
  EXPECT_FALSE(tracker_->IsLost(SinkName("a")));
  EXPECT_FALSE(tracker_->IsLost(SinkName("c")));
  EXPECT_GT(database_.journal_first(), Height(4)) << "what only b was to get is forgotten";
}

TEST_F(PipelineJournal, ASinkThatTheOthersCanReplaceIsLostAlthoughThePolicyNamesIt) {
  settings_.journal_max_blocks = 10;
  Start("2 of (a, b, c)", {"a", "b", "c"});
  delivery_->AckByItself("a");
  delivery_->AckByItself("c");
  Gone("b");
  TakeBeside(60);
  EXPECT_EQ(JoinIntake(), Status::Ok());
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(60);
  EXPECT_TRUE(tracker_->IsLost(SinkName("b")));
  EXPECT_FALSE(tracker_->IsLost(SinkName("a")));
  EXPECT_FALSE(tracker_->IsLost(SinkName("c")));
}

TEST_F(PipelineJournal, ASinkThatNobodyCouldReplaceStopsIntakeAndIsNotLost) {
  settings_.journal_max_blocks = 10;
  settings_.gate.level = AckLevel::kReceived;
  Start("2 of (a, b, c)", {"a", "b", "c"});
  delivery_->AckByItself("a");
  delivery_->AckByItself("b", AckLevel::kReceived);
  Gone("c");
  TakeBeside(60);
  ASSERT_TRUE(Blocked("sink b is at 0"));
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  EXPECT_LT(database_.journaled_height(), Height(60));
  EXPECT_FALSE(AnyLost()) << "to give up c alone would make no room";
  delivery_->AckByItself("b");
  EXPECT_EQ(JoinIntake(), Status::Ok());
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(60);
  EXPECT_FALSE(tracker_->IsLost(SinkName("b")));
  EXPECT_TRUE(tracker_->IsLost(SinkName("c")));
}

TEST_F(PipelineJournal, ASinkThatIsOnlyTriedAgainReplacesNone) {
  settings_.journal_max_blocks = 10;
  settings_.gate.level = AckLevel::kReceived;
  Start("1 of (a, b)", {"a", "b"});
  delivery_->AckByItself("a", AckLevel::kReceived);
  delivery_->AckByItself("b");
  tracker_->SetAvailability(SinkName("b"), SinkAvailability::kAvailable, "connection refused");
  TakeBeside(60);
  ASSERT_TRUE(Blocked("sink a is at 0"));
  EXPECT_FALSE(AnyLost());
  tracker_->SetAvailability(SinkName("b"), SinkAvailability::kAvailable, "");
  EXPECT_EQ(JoinIntake(), Status::Ok());
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(60);
  EXPECT_TRUE(tracker_->IsLost(SinkName("a")));
  EXPECT_FALSE(tracker_->IsLost(SinkName("b")));
}

TEST_F(PipelineJournal, ASinkThatDegradeLeftOutIsLostToo) {
  settings_.journal_max_blocks = 10;
  settings_.gate.on_failure = OnFailure::kDegrade;
  Start("all", {"a", "b"});
  delivery_->AckByItself("a");
  Gone("b");
  TakeBeside(60);
  EXPECT_EQ(JoinIntake(), Status::Ok());
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  EXPECT_EQ(database_.committed().height, Height(60));
  EXPECT_TRUE(tracker_->IsLost(SinkName("b")));
  EXPECT_FALSE(tracker_->IsLost(SinkName("a")));
}

TEST_F(PipelineJournal, ACapNeverRemovesWhatIsNotCommitted) {
  // Smaller than what the window may journal; the fake fails the test where more is forgotten than
  // is durably committed.
  settings_.journal_max_blocks = 1;
  settings_.retain_blocks = 0;
  Start("all", {"a"});
  TakeBeside(30);
  delivery_->AckByItself("a");
  EXPECT_EQ(JoinIntake(), Status::Ok());
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(30);
}

TEST_F(PipelineJournal, NoBlockIsJournaledWhileLessThanTheReserveIsFree) {
  settings_.disk_reserve_bytes = 1'000'000;
  Start("all", {"a"});
  delivery_->AckByItself("a");
  database_.SetFreeDiskBytes(999'999);
  TakeBeside(20);
  ASSERT_TRUE(Blocked("journal.disk_reserve = 1000000"));
  EXPECT_THAT(pipeline_->status().blocked, HasSubstr("999999 bytes are free"));
  EXPECT_THAT(database_.writes(), IsEmpty());
  EXPECT_EQ(pipeline_->result(), Status::Ok());
  database_.SetFreeDiskBytes(1'000'000);
  EXPECT_EQ(JoinIntake(), Status::Ok());
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(20);
  EXPECT_THAT(pipeline_->status().blocked, IsEmpty());
}

TEST_F(PipelineJournal, HeightsAreCommittedWhileLessThanTheReserveIsFree) {
  settings_.disk_reserve_bytes = 1'000'000;
  Start("all", {"a", "b"});
  Submit(3);
  ASSERT_TRUE(trace_.WaitFor("delivered 3"));
  database_.SetFreeDiskBytes(10);
  Ack("a", 3);
  Ack("b", 3);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(3);
}

TEST_F(PipelineJournal, ABatchUnderWayDoesNotStoreAForgottenWatermarkOnceMore) {
  Start("all(a)", {"a", "b"});
  Submit(1);
  ASSERT_TRUE(trace_.WaitFor("delivered 1"));
  database_.HoldWrites();
  Ack("b", 1);
  Ack("a", 1);  // the batch that commits it carries both watermarks
  ASSERT_TRUE(database_.WaitUntilHeld());
  const SinkName b("b");
  tracker_->Remove(b);
  int forgotten = 0;
  const auto forget = [&] {
    ++forgotten;
    return database_.ForgetSink(b, "sink/b");
  };
  EXPECT_EQ(pipeline_->ForgetWatermark(b, true, Duration::zero(), forget).code(),
            StatusCode::kTimeout);
  EXPECT_EQ(forgotten, 0) << "the batch would store it again";
  database_.LetWritesGo();
  EXPECT_EQ(pipeline_->ForgetWatermark(b, true, kPatience, forget), Status::Ok());
  EXPECT_EQ(forgotten, 1);
  Submit(2);
  ASSERT_TRUE(trace_.WaitFor("delivered 3"));
  Ack("a", 3);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  EXPECT_EQ(*database_.SinkWatermark(b), std::nullopt);
  EXPECT_EQ(*database_.SinkWatermark(SinkName("a")), Height(3));
}

TEST_F(PipelineJournal, WhatARemovedSinkMissedStaysOnRecordAsMissed) {
  settings_.gate.on_failure = OnFailure::kDegrade;
  Start("all", {"a", "b"});
  Gone("b");
  Submit(1);
  ASSERT_TRUE(trace_.WaitFor("delivered 1"));
  Ack("a", 1);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ASSERT_EQ(database_.UnackedRanges()->size(), 1U);
  const SinkName b("b");
  tracker_->Remove(b);
  ASSERT_EQ(pipeline_->ForgetWatermark(b, true, kPatience, [] { return Status::Ok(); }),
            Status::Ok());
  const UnackedRange range = database_.UnackedRanges()->front();
  EXPECT_FALSE(range.healed);
  EXPECT_EQ(range.sinks, std::vector<std::string>{"b (removed)"});
  // Another one of that name holds everything that there is.
  tracker_->Add(b);
  Available("b");
  Ack("b", 1);
  Submit(1);
  ASSERT_TRUE(trace_.WaitFor("delivered 2"));
  Ack("a", 2);
  Ack("b", 2);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  EXPECT_FALSE(database_.UnackedRanges()->front().healed);
}

}  // namespace
}  // namespace sluice
