// SPDX-License-Identifier: Apache-2.0
//
// A pipeline over fakes, and scripts for it:
//
//   Start("all", {"a", "b"});
//   Submit(1);
//   ASSERT_TRUE(trace_.WaitFor("delivered 1"));
//   Ack("a", 1); ...
//   ASSERT_TRUE(trace_.WaitFor("answered 1"));
//
// Time-outs are long: where a test does not shorten one, nothing ends by it.
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "commit/pipeline.h"
#include "store/executor.h"
#include "unit/commit/fake_database.h"
#include "unit/commit/fake_delivery.h"
#include "unit/commit/trace.h"

namespace sluice {

class PipelineTest : public testing::Test {
 protected:
  using Lines = std::vector<std::string>;
  using Left = FakeDatabase::Left;
  static constexpr char kStream[] = "test";

  PipelineTest() : database_(kStream, {"main", "orders"}, &trace_) {
    settings_.window = 8;
    settings_.gate.ack_timeout = std::chrono::hours(1);
    settings_.gate.recover_timeout = std::chrono::hours(1);
    settings_.gate.on_failure = OnFailure::kHalt;
  }
  ~PipelineTest() override {
    database_.LetWritesGo();
    database_.SetFreeDiskBytes(uint64_t{1} << 40);
    if (pipeline_) pipeline_->Stop();
    if (intake_.joinable()) intake_.join();
    pipeline_.reset();
  }

  // A new node over what the database holds; whatever ran before is stopped and forgotten.
  void Make(const std::string& policy, const std::vector<std::string>& sinks,
            const std::vector<std::string>& uncounted = {}) {
    if (pipeline_) pipeline_->Stop();
    if (intake_.joinable()) intake_.join();
    pipeline_.reset();
    delivery_.reset();
    std::vector<PolicySink> known;
    std::vector<SinkName> names;
    for (const std::string& sink : sinks) known.push_back({SinkName(sink), true, true});
    for (const std::string& sink : uncounted) known.push_back({SinkName(sink), false, true});
    for (const PolicySink& sink : known) names.push_back(sink.name);
    settings_.gate.policy = ResolvePolicy(policy, known).value();
    tracker_ = std::make_unique<AckTracker>(names);
    delivery_ = std::make_unique<FakeDelivery>(tracker_.get(), &trace_);
    executor_.emplace(&database_, kStream, std::vector<std::string>());
    pipeline_ = std::make_unique<Pipeline>(
        settings_, &database_, tracker_.get(), delivery_.get(), database_.UnackedRanges().value(),
        [this](const SealedBlock& block) {
          executor_->Committed(block.change_set->height());
          answered_.push_back(block);
          trace_.Add(fmt::format("answered {}", block.change_set->height()));
        });
  }
  // Make, sinks that hold all that is committed, and through the start.
  void Start(const std::string& policy, const std::vector<std::string>& sinks,
             const std::vector<std::string>& uncounted = {}) {
    Make(policy, sinks, uncounted);
    for (const AckTracker::Sink& sink : tracker_->Snapshot()) {
      Available(sink.name.str());
      Ack(sink.name.str(), database_.committed().height.value());
    }
    ASSERT_EQ(pipeline_->CatchUp(), Status::Ok());
    ASSERT_EQ(pipeline_->RollForward(), Status::Ok());
    executor_->StartAfter(database_.committed().height, database_.committed().digest);
  }

  void Ack(const std::string& sink, uint64_t height, AckLevel level = AckLevel::kDurable) {
    delivery_->Ack(sink, height, level);
  }
  void Available(const std::string& sink) {
    tracker_->SetAvailability(SinkName(sink), SinkAvailability::kAvailable, "");
  }
  void Gone(const std::string& sink) {
    tracker_->SetAvailability(SinkName(sink), SinkAvailability::kGone, "suspended");
  }

  static Block MakeBlock(Height height) {
    Block block;
    block.time_unix_nanos = static_cast<int64_t>(height.value());
    block.transactions.push_back(
        {{{OperationKind::kSet, "main", fmt::format("key{}", height.value() % 5),
           fmt::format("value{}", height)},
          {OperationKind::kSet, "orders", fmt::format("order{}", height), "new"},
          {OperationKind::kDelete, "orders", fmt::format("order{}", height.value() / 2),
           std::nullopt}}});
    block.position = {"source", fmt::format("after {}", height)};
    return block;
  }
  SealedBlock Execute() {
    Result<SealedBlock> sealed = executor_->Execute(MakeBlock(++next_));
    EXPECT_TRUE(sealed.has_value()) << sealed.error().ToString();
    return *std::move(sealed);
  }
  // What the intake thread does for each block.
  Status Take() {
    SLUICE_RETURN_IF_ERROR(pipeline_->WaitForSlot());
    pipeline_->Submit(Execute());
    return Status::Ok();
  }
  void Submit(int blocks) {
    for (int i = 0; i < blocks; ++i) ASSERT_EQ(Take(), Status::Ok());
  }
  // Takes blocks on a thread of its own, until there were so many or the pipeline refuses.
  void TakeBeside(int blocks) {
    intake_ = std::thread([this, blocks] {
      is_intake_thread_ = true;
      for (int i = 0; i < blocks && intake_status_.ok(); ++i) intake_status_ = Take();
      trace_.Add("intake ended");
    });
  }
  Status JoinIntake() {
    const bool ended = trace_.WaitFor("intake ended");
    EXPECT_TRUE(ended) << "blocked: " << pipeline_->status().blocked;
    if (!ended) pipeline_->Stop();
    intake_.join();
    return intake_status_;
  }
  Status WaitUntilIdle() { return pipeline_->WaitUntilIdle(Now() + kPatience); }

  // For what no fake is told: looks again and again.
  bool Eventually(const std::function<bool()>& holds) {
    const TimePoint give_up_at = Now() + kPatience;
    while (!holds()) {
      if (Now() > give_up_at) return false;
      std::this_thread::yield();
    }
    return true;
  }

  // The heights that a write journals and commits: "J2..4 C1".
  static std::string Describe(const WriteGroup& group) {
    std::string text;
    const auto add = [&](char kind, const auto& entries) {
      if (entries.empty()) return;
      const Height first = entries.front().change_set->height();
      const Height last = entries.back().change_set->height();
      text += fmt::format("{}{}{}", text.empty() ? "" : " ", kind, first);
      if (first != last) text += fmt::format("..{}", last);
    };
    add('J', group.journal);
    add('C', group.commits);
    return text;
  }
  Lines Written() const {
    Lines lines;
    for (const FakeDatabase::WriteCall& call : database_.writes()) {
      lines.push_back(Describe(call.group) + (call.status.ok() ? "" : " failed"));
    }
    return lines;
  }
  // The stores hold what the same blocks leave in a plain map, and clients were told of each height
  // once, in order.
  void ExpectCommittedThrough(uint64_t height) {
    EXPECT_EQ(database_.committed().height, Height(height));
    FakeDatabase::Pairs main;
    FakeDatabase::Pairs orders;
    for (uint64_t h = 1; h <= height; ++h) {
      main[fmt::format("key{}", h % 5)] = fmt::format("value{}", h);
      orders[fmt::format("order{}", h)] = "new";
      orders.erase(fmt::format("order{}", h / 2));
    }
    EXPECT_EQ(database_.Content("main"), main);
    EXPECT_EQ(database_.Content("orders"), orders);
    ASSERT_EQ(answered_.size(), height);
    for (uint64_t h = 1; h <= height; ++h) {
      EXPECT_EQ(answered_[h - 1].change_set->height(), Height(h));
    }
    if (height > 0) {
      EXPECT_EQ((*database_.ReadPosition("source"))->state, fmt::format("after {}", height));
    }
  }
  // Each height up to this one was delivered once, in order, with the journal's bytes. Looks again
  // until then: under fire-and-forget a height may be committed before it is enqueued.
  void ExpectDeliveredThrough(uint64_t height) {
    EXPECT_TRUE(Eventually([&] { return delivery_->delivered().size() >= height; }));
    const auto delivered = delivery_->delivered();
    const auto journaled = database_.history();
    ASSERT_EQ(delivered.size(), height);
    for (uint64_t h = 1; h <= height; ++h) {
      ASSERT_EQ(delivered[h - 1]->height(), Height(h));
      EXPECT_EQ(delivered[h - 1]->canonical(), journaled.at(Height(h)));
    }
  }

  Trace trace_;
  FakeDatabase database_;
  PipelineSettings settings_;
  std::unique_ptr<AckTracker> tracker_;
  std::unique_ptr<FakeDelivery> delivery_;
  std::optional<Executor> executor_;
  std::vector<SealedBlock> answered_;  // written by the committing thread; read when it is idle
  std::unique_ptr<Pipeline> pipeline_;
  std::thread intake_;
  inline static thread_local bool is_intake_thread_ = false;  // of TakeBeside
  Status intake_status_;
  Height next_;  // the last executed
};

}  // namespace sluice
