// SPDX-License-Identifier: Apache-2.0
//
// The steps of a height, in their order and with their content.
#include "unit/commit/pipeline_fixture.h"

namespace sluice {
namespace {

using testing::ElementsAre;

class PipelineOrder : public PipelineTest {};

TEST_F(PipelineOrder, UnderAllAHeightIsJournaledDeliveredCommittedAnswered) {
  Start("all", {"a", "b"});
  for (int height = 1; height <= 3; ++height) {
    Submit(1);
    ASSERT_TRUE(trace_.WaitFor(fmt::format("delivered {}", height)));
    Ack("a", static_cast<uint64_t>(height));
    Ack("b", static_cast<uint64_t>(height));
    ASSERT_TRUE(trace_.WaitFor(fmt::format("answered {}", height)));
  }
  EXPECT_THAT(trace_.lines(),
              ElementsAre("journaled 1", "delivered 1", "committed 1", "answered 1", "journaled 2",
                          "delivered 2", "committed 2", "answered 2", "journaled 3", "delivered 3",
                          "committed 3", "answered 3"));
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(3);
  ExpectDeliveredThrough(3);
}

TEST_F(PipelineOrder, UnderAllNothingCommitsBeforeTheLastSinkHasAcked) {
  Start("all", {"a", "b"});
  database_.set_before_write([this](const WriteGroup& group) {
    for (const CommitEntry& entry : group.commits) {
      for (const AckTracker::Sink& sink : tracker_->Snapshot()) {
        EXPECT_GE(sink.at(AckLevel::kDurable), entry.change_set->height()) << sink.name;
      }
    }
  });
  for (uint64_t height = 1; height <= 50; ++height) {
    Submit(1);
    ASSERT_TRUE(trace_.WaitFor(fmt::format("delivered {}", height)));
    Ack("a", height);
    // Looks at the gate while b's ack is missing.
    Ack("b", height, AckLevel::kReceived);
    ASSERT_TRUE(Eventually([this] { return pipeline_->status().waiting_on == Lines{"b"}; }));
    EXPECT_EQ(database_.committed().height, Height(height - 1));
    Ack("b", height);
    ASSERT_TRUE(trace_.WaitFor(fmt::format("answered {}", height)));
  }
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(50);
}

TEST_F(PipelineOrder, UnderFireAndForgetJournalAndCommitAreOneWriteBeforeDelivery) {
  Start("fire-and-forget", {"a"});
  for (int height = 1; height <= 3; ++height) {
    Submit(1);
    ASSERT_TRUE(trace_.WaitFor(fmt::format("answered {}", height)));
    ASSERT_TRUE(trace_.WaitFor(fmt::format("delivered {}", height)));
  }
  EXPECT_THAT(Written(), ElementsAre("J1 C1", "J2 C2", "J3 C3"));
  const Lines lines = trace_.lines();
  for (int height = 1; height <= 3; ++height) {
    const auto at = [&](const char* step) {
      return std::find(lines.begin(), lines.end(), fmt::format("{} {}", step, height));
    };
    EXPECT_LT(at("committed"), at("delivered"));
    EXPECT_LT(at("committed"), at("answered"));
  }
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(3);
  ExpectDeliveredThrough(3);
}

TEST_F(PipelineOrder, UnderFireAndForgetNoSinkDelaysACommit) {
  Start("fire-and-forget", {"a", "b"});
  Gone("b");
  Submit(30);  // more than the window, and nobody acks
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(30);
  ExpectDeliveredThrough(30);
}

TEST_F(PipelineOrder, UnderNOfMAHeightCommitsWithTheNthAck) {
  Start("2 of (a, b, c)", {"a", "b", "c"});
  Submit(2);
  ASSERT_TRUE(trace_.WaitFor("delivered 2"));
  Ack("b", 2);
  ASSERT_TRUE(Eventually([this] { return pipeline_->status().waiting_on == Lines{"a", "c"}; }));
  EXPECT_EQ(database_.committed().height, Height(0));
  Ack("c", 1);
  ASSERT_TRUE(trace_.WaitFor("answered 1"));
  ASSERT_TRUE(Eventually([this] { return pipeline_->status().waiting_on == Lines{"a", "c"}; }));
  EXPECT_EQ(database_.committed().height, Height(1));
  Ack("a", 2);
  ASSERT_TRUE(trace_.WaitFor("answered 2"));
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(2);
}

TEST_F(PipelineOrder, HeightsCommitInOrderHoweverAcksCome) {
  Start("all(a) and 1 of (b, c)", {"a", "b", "c"});
  Submit(5);
  ASSERT_TRUE(trace_.WaitFor("delivered 5"));
  Ack("b", 5);
  Ack("a", 2);
  ASSERT_TRUE(trace_.WaitFor("answered 2"));
  Ack("c", 5);
  Ack("a", 5);
  ASSERT_TRUE(trace_.WaitFor("answered 5"));
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(5);
}

TEST_F(PipelineOrder, WatermarksOfSinksAreStoredWithTheNextWrite) {
  Start("all", {"a", "b"});
  Submit(1);
  ASSERT_TRUE(trace_.WaitFor("delivered 1"));
  Ack("a", 1);
  Ack("b", 1);
  ASSERT_TRUE(trace_.WaitFor("answered 1"));
  EXPECT_EQ(*database_.SinkWatermark(SinkName("a")), Height(1));
  EXPECT_EQ(*database_.SinkWatermark(SinkName("b")), Height(1));
}

TEST_F(PipelineOrder, StatusSaysWhatIsCommittedAndJournaled) {
  Start("all", {"a"});
  Submit(3);
  ASSERT_TRUE(trace_.WaitFor("delivered 3"));
  Ack("a", 1);
  ASSERT_TRUE(Eventually([this] { return pipeline_->status().committed == Height(1); }));
  EXPECT_EQ(pipeline_->status().journaled, Height(3));
  EXPECT_EQ(pipeline_->status().blocked, "");
  EXPECT_FALSE(pipeline_->status().degraded);
}

TEST_F(PipelineOrder, AnotherPolicyDecidesWhatWaitsAndWhatComes) {
  Start("all", {"a", "b"});
  Submit(2);
  ASSERT_TRUE(trace_.WaitFor("delivered 2"));
  Ack("a", 2);
  ASSERT_TRUE(Eventually([this] { return pipeline_->status().waiting_on == Lines{"b"}; }));
  GateSettings gate = settings_.gate;
  gate.policy = ResolvePolicy("all(a)", {{SinkName("a")}, {SinkName("b")}}).value();
  ASSERT_EQ(pipeline_->SetGate(gate, Now() + kPatience), Status::Ok());
  ASSERT_TRUE(trace_.WaitFor("answered 2"));
  Submit(1);
  ASSERT_TRUE(trace_.WaitFor("delivered 3"));
  Ack("a", 3);
  ASSERT_TRUE(trace_.WaitFor("answered 3"));
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(3);
}

TEST_F(PipelineOrder, BetweenFireAndForgetAndAPolicyNoHeightIsLostOrDoubled) {
  Start("all", {"a", "b"});
  const auto set = [this](const char* policy) {
    GateSettings gate = settings_.gate;
    gate.policy = ResolvePolicy(policy, {{SinkName("a")}, {SinkName("b")}}).value();
    ASSERT_EQ(pipeline_->SetGate(gate, Now() + kPatience), Status::Ok());
  };
  Submit(3);
  ASSERT_TRUE(trace_.WaitFor("delivered 3"));
  set("fire-and-forget");
  ASSERT_TRUE(trace_.WaitFor("answered 3"));
  Submit(30);
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectDeliveredThrough(33);
  Ack("a", 33);
  Ack("b", 33);
  set("all");
  Submit(2);
  ASSERT_TRUE(trace_.WaitFor("delivered 35"));
  EXPECT_FALSE(trace_.Has("answered 34"));
  Ack("a", 35);
  Ack("b", 35);
  ASSERT_TRUE(trace_.WaitFor("answered 35"));
  ASSERT_EQ(WaitUntilIdle(), Status::Ok());
  ExpectCommittedThrough(35);
  ExpectDeliveredThrough(35);
}

}  // namespace
}  // namespace sluice
