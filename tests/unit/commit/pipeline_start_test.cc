// SPDX-License-Identifier: Apache-2.0
//
// The start: sinks catch up with what is committed, then what is journaled is rolled forward.
#include "unit/commit/pipeline_fixture.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

class PipelineStart : public PipelineTest {
 protected:
  // A home with heights up to `journaled`, committed up to `committed`.
  void MakeHome(uint64_t committed, uint64_t journaled) {
    Executor executor(&database_, kStream, {});
    for (uint64_t h = 1; h <= journaled; ++h) {
      const SealedBlock block = executor.Execute(MakeBlock(Height(h))).value();
      WriteGroup group;
      group.epoch = Epoch(1);
      group.journal.push_back({block.change_set, block.position});
      if (h <= committed) {
        group.commits.push_back({block.change_set, block.overlay, block.position});
        answered_.push_back(block);
      }
      group.sync = true;
      ASSERT_EQ(database_.Write(group), Status::Ok());
      executor.Committed(Height(std::min(h, committed)));
    }
    home_writes_ = database_.writes().size();
  }
  Lines WrittenSince() const {
    const Lines all = Written();
    return {all.begin() + static_cast<std::ptrdiff_t>(home_writes_), all.end()};
  }
  // CatchUp on a thread of its own; Caught gives what it said.
  void CatchUpBeside() {
    intake_ = std::thread([this] {
      intake_status_ = pipeline_->CatchUp();
      trace_.Add("intake ended");
    });
  }
  bool WaitingOn(const Lines& sinks) {
    return Eventually([&] { return pipeline_->status().waiting_on == sinks; });
  }

  size_t home_writes_ = 0;
};

TEST_F(PipelineStart, CatchUpWaitsForTheSinksThatThePolicyNeeds) {
  MakeHome(5, 5);
  Make("all", {"a", "b"}, {"c"});
  CatchUpBeside();
  ASSERT_TRUE(WaitingOn({"a", "b"}));
  Available("a");
  Available("b");
  Ack("a", 5);
  ASSERT_TRUE(WaitingOn({"b"}));
  Ack("b", 4);
  EXPECT_FALSE(trace_.Has("intake ended"));
  Ack("b", 5);
  EXPECT_EQ(JoinIntake(), Status::Ok());
  EXPECT_THAT(WrittenSince(), ElementsAre());
}

TEST_F(PipelineStart, CatchUpIsDoneWhenNOfMAreThere) {
  MakeHome(5, 5);
  Make("2 of (a, b, c)", {"a", "b", "c"});
  Gone("a");
  CatchUpBeside();
  ASSERT_TRUE(WaitingOn({"a", "b", "c"}));
  Ack("b", 5);
  ASSERT_TRUE(WaitingOn({"a", "c"}));
  Ack("c", 7);
  EXPECT_EQ(JoinIntake(), Status::Ok());
}

TEST_F(PipelineStart, CatchUpNeedsNobodyUnderFireAndForget) {
  MakeHome(5, 5);
  Make("fire-and-forget", {"a"});
  EXPECT_EQ(pipeline_->CatchUp(), Status::Ok());
}

TEST_F(PipelineStart, CatchUpDoesNotTakeAStoredWatermarkForASinksOwnWord) {
  MakeHome(5, 5);
  Make("all", {"a"});
  tracker_->SetStored(SinkName("a"), Height(5));
  CatchUpBeside();
  ASSERT_TRUE(WaitingOn({"a"}));
  EXPECT_FALSE(trace_.Has("intake ended"));
  Ack("a", 5);
  EXPECT_EQ(JoinIntake(), Status::Ok());
}

TEST_F(PipelineStart, CatchUpFailsWhereThePolicyCannotHoldWithoutASinkThatIsGone) {
  MakeHome(5, 5);
  Make("all", {"a", "b"});
  Available("a");
  Ack("a", 5);
  Gone("b");
  const Status status = pipeline_->CatchUp();
  EXPECT_EQ(status.code(), StatusCode::kPlugin);
  EXPECT_EQ(status.message(),
            "policy \"all\" cannot hold: sink b (suspended): mend the sink, or take it out of the "
            "policy");
}

TEST_F(PipelineStart, CatchUpSaysWhatToDoAboutEachSinkThatCannotCount) {
  MakeHome(5, 5);
  const std::pair<const char*, const char*> rows[] = {
      {"ahead: the sink is at 8, the node at 5", "older than the sink, as after a restored backup"},
      {"fenced: a newer instance", "sluice sink repair --take-over"},
      {"foreign: the sink holds stream 'x'", "give the sink a place of its own"},
      {"diverged: other digest", "holds another history"},
      {"gap: the sink is at 1", "`sluice sink snapshot`, on the stopped home too"},
      {"the file is not there", "mend the sink"},
  };
  for (const auto& [reason, advice] : rows) {
    Make("all", {"a", "b"});
    tracker_->SetAvailability(SinkName("a"), SinkAvailability::kGone, reason);
    tracker_->SetAvailability(SinkName("b"), SinkAvailability::kGone, "hung: x");
    const std::string said = pipeline_->CatchUp().message();
    EXPECT_THAT(said, HasSubstr(std::string("sink a (") + reason + "): "));
    EXPECT_THAT(said, HasSubstr(advice));
    EXPECT_THAT(said, HasSubstr("; sink b (hung: x): mend the sink, or take it out"));
  }
}

TEST_F(PipelineStart, CatchUpRefusesALevelThatASinkCannotGive) {
  MakeHome(5, 5);
  Make("all", {"a"});
  tracker_->SetWatermark(SinkName("a"), AckLevel::kReceived, Height(5), AckLevel::kReceived);
  const Status status = pipeline_->CatchUp();
  EXPECT_EQ(status.code(), StatusCode::kConfiguration);
  EXPECT_THAT(status.message(), HasSubstr("sink a: with its settings it can give 'received'"));
}

TEST_F(PipelineStart, CatchUpHaltsWithoutProgress) {
  for (const OnFailure on_failure : {OnFailure::kHalt, OnFailure::kRecover}) {
    settings_.gate.on_failure = on_failure;
    settings_.gate.recover_timeout = milliseconds(1);
    if (database_.committed().height == Height()) MakeHome(5, 5);
    Make("all", {"a", "b"});
    Ack("a", 5);
    const Status status = pipeline_->CatchUp();
    EXPECT_EQ(status.code(), StatusCode::kHalted);
    EXPECT_THAT(status.message(), HasSubstr("height 5: sinks have not caught up: b"));
  }
}

TEST_F(PipelineStart, CatchUpWaitsOnWithWait) {
  settings_.gate.on_failure = OnFailure::kWait;
  settings_.gate.recover_timeout = milliseconds(0);
  MakeHome(5, 5);
  Make("all", {"a"});
  CatchUpBeside();
  ASSERT_TRUE(WaitingOn({"a"}));
  Ack("a", 1);
  Ack("a", 5);
  EXPECT_EQ(JoinIntake(), Status::Ok());
}

TEST_F(PipelineStart, CatchUpGoesOnWithoutWhoDoesNotComeWithDegrade) {
  settings_.gate.on_failure = OnFailure::kDegrade;
  settings_.gate.recover_timeout = milliseconds(1);
  MakeHome(5, 5);
  Make("all", {"a", "b"});
  Available("a");
  Ack("a", 5);
  ASSERT_EQ(pipeline_->CatchUp(), Status::Ok());
  ASSERT_EQ(pipeline_->RollForward(), Status::Ok());
  executor_->StartAfter(database_.committed().height, database_.committed().digest);
  next_ = Height(5);
  delivery_->AckByItself("a");
  Submit(1);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  EXPECT_TRUE(pipeline_->status().degraded);
  ASSERT_EQ(database_.UnackedRanges()->size(), 1U);
  EXPECT_EQ(database_.UnackedRanges()->front().first, Height(6));
}

TEST_F(PipelineStart, CatchUpMendsAFullDisk) {
  Make("all", {"a"});
  pipeline_->NoteStoreFailure({StatusCode::kNoSpace, "raising the epoch: the disk is full"});
  CatchUpBeside();
  ASSERT_TRUE(trace_.WaitFor("reopened"));
  Ack("a", 0);
  EXPECT_EQ(JoinIntake(), Status::Ok());
}

TEST_F(PipelineStart, CatchUpEndsWithAnyOtherFailureOfTheStore) {
  Make("all", {"a"});
  pipeline_->NoteStoreFailure({StatusCode::kIo, "raising the epoch: no such device"});
  EXPECT_EQ(pipeline_->CatchUp().code(), StatusCode::kIo);
}

TEST_F(PipelineStart, RollForwardCommitsWhatIsJournaledFromTheSameBytes) {
  MakeHome(2, 6);
  Make("all", {"a", "b"});
  for (const char* sink : {"a", "b"}) {
    Available(sink);
    Ack(sink, 6);
  }
  ASSERT_EQ(pipeline_->CatchUp(), Status::Ok());
  ASSERT_EQ(pipeline_->RollForward(), Status::Ok());
  // No S1 again, and nothing is delivered: sinks have it from the journal. The fake compares bytes,
  // effect and position with the journal's.
  EXPECT_THAT(WrittenSince(), ElementsAre("C3..6"));
  EXPECT_TRUE(delivery_->delivered().empty());
  ExpectCommittedThrough(6);
}

TEST_F(PipelineStart, RollForwardWaitsForAcks) {
  MakeHome(2, 4);
  Make("all", {"a"});
  Available("a");
  Ack("a", 2);
  ASSERT_EQ(pipeline_->CatchUp(), Status::Ok());
  intake_ = std::thread([this] {
    intake_status_ = pipeline_->RollForward();
    trace_.Add("intake ended");
  });
  ASSERT_TRUE(WaitingOn({"a"}));
  EXPECT_EQ(database_.committed().height, Height(2));
  Ack("a", 3);
  ASSERT_TRUE(trace_.WaitFor("answered 3"));
  EXPECT_FALSE(trace_.Has("intake ended"));
  Ack("a", 4);
  EXPECT_EQ(JoinIntake(), Status::Ok());
  ExpectCommittedThrough(4);
}

TEST_F(PipelineStart, RollForwardHaltsWhereThePolicyDoesNotHold) {
  MakeHome(2, 4);
  Make("all", {"a"});
  Available("a");
  Ack("a", 3);
  ASSERT_EQ(pipeline_->CatchUp(), Status::Ok());
  Gone("a");
  EXPECT_EQ(pipeline_->RollForward().code(), StatusCode::kHalted);
  EXPECT_EQ(database_.committed().height, Height(3));
  EXPECT_EQ(database_.journaled_height(), Height(4));
}

TEST_F(PipelineStart, RollForwardNeedsNoAcksUnderFireAndForget) {
  MakeHome(2, 4);  // journaled under another policy
  Make("fire-and-forget", {"a"});
  ASSERT_EQ(pipeline_->CatchUp(), Status::Ok());
  ASSERT_EQ(pipeline_->RollForward(), Status::Ok());
  ExpectCommittedThrough(4);
}

TEST_F(PipelineStart, RollForwardStopsAtADamagedRecord) {
  MakeHome(2, 4);
  database_.DamageJournal(Height(4));
  Make("fire-and-forget", {});
  ASSERT_EQ(pipeline_->CatchUp(), Status::Ok());
  const Status status = pipeline_->RollForward();
  EXPECT_EQ(status.code(), StatusCode::kCorruption);
  EXPECT_THAT(status.message(), HasSubstr("journal record 4"));
  EXPECT_THAT(WrittenSince(), ElementsAre());
}

TEST_F(PipelineStart, RollForwardIsEndedByStopIntake) {
  MakeHome(2, 4);
  Make("all", {"a"});
  Available("a");
  Ack("a", 2);
  ASSERT_EQ(pipeline_->CatchUp(), Status::Ok());
  pipeline_->StopIntake();
  EXPECT_EQ(pipeline_->RollForward().code(), StatusCode::kCancelled);
}

}  // namespace
}  // namespace sluice
