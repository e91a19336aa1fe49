// SPDX-License-Identifier: Apache-2.0
//
// Provisioning as a task, and a reset, with the loop itself. The external system outlives every
// instance and every loop, as it outlives a node.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <utility>

#include "sink_loop_fixture.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using State = ProvisionReport::State;
using testing::HasSubstr;

ProvisionReport In(State state) {
  ProvisionReport report;
  report.state = state;
  return report;
}
ProvisionReport Failed(bool by_user) {
  ProvisionReport report = In(State::kFailed);
  report.error = Status(StatusCode::kFatal, by_user ? "no such group" : "no shard is free");
  report.by_user = by_user;
  return report;
}

// What is provisioned, and what was asked of it.
struct External {
  std::mutex mutex;  // guards what follows
  bool provisioned = false;
  uint64_t begun = 0;
  uint64_t task = 0;                                // under way; 0: none
  std::deque<Result<ProvisionReport>> answers;      // to the next polls
  State otherwise = State::kDone;                   // to all others
  Result<std::string> begin_answer{std::string()};  // where it is an error
  uint64_t polls = 0, resets = 0;
  Status reset_answer;
  bool can_reset = true;
  std::vector<std::string> order;  // of the calls
};

class ProvisionedSink final : public SinkInstance {
 public:
  ProvisionedSink(std::unique_ptr<SinkInstance> sink, FakeWorld* world,
                  std::shared_ptr<External> external)
      : sink_(std::move(sink)), world_(world), external_(std::move(external)) {}

  Result<std::string> BeginProvision(const StartArgs& /*args*/) override {
    std::lock_guard lock(external_->mutex);
    external_->order.emplace_back("begin");
    if (!external_->begin_answer) return external_->begin_answer;
    if (external_->provisioned) return std::string();
    if (external_->task == 0) external_->task = ++external_->begun;
    return fmt::format("task-{}", external_->task);
  }
  Result<ProvisionReport> PollProvision(const StartArgs& /*args*/,
                                        const std::string& task) override {
    std::lock_guard lock(external_->mutex);
    ++external_->polls;
    if (task != fmt::format("task-{}", external_->task)) return In(State::kUnknown);
    Result<ProvisionReport> answer = In(external_->otherwise);
    if (!external_->answers.empty()) {
      answer = external_->answers.front();
      external_->answers.pop_front();
    }
    if (!answer || answer->state == State::kRunning) return answer;
    external_->task = 0;
    external_->provisioned = answer->state == State::kDone;
    return answer;
  }
  bool can_reset() override {
    std::lock_guard lock(external_->mutex);
    return external_->can_reset;
  }
  Status Reset(const StartArgs& args) override {
    std::lock_guard lock(external_->mutex);
    external_->order.emplace_back("reset");
    ++external_->resets;
    if (!external_->reset_answer.ok()) return external_->reset_answer;
    SinkPosition empty;
    empty.epoch = args.epoch;
    world_->system.SetPosition(empty);
    return Status::Ok();
  }
  Result<StartResult> Start(const StartArgs& args) override {
    {
      std::lock_guard lock(external_->mutex);
      external_->order.emplace_back("start");
    }
    return sink_->Start(args);
  }
  bool can_resume() const override { return true; }
  Result<SinkPosition> Resume() override { return sink_->Resume(); }
  Status Attach(const Base& base, AttachReason reason, Epoch epoch) override {
    return sink_->Attach(base, reason, epoch);
  }
  Status Deliver(const Delivery& delivery) override { return sink_->Deliver(delivery); }
  void Cancel() override { sink_->Cancel(); }
  Status Drain(Duration deadline) override { return sink_->Drain(deadline); }
  void Destroy() override { sink_->Destroy(); }

 private:
  const std::unique_ptr<SinkInstance> sink_;
  FakeWorld* const world_;
  const std::shared_ptr<External> external_;
};

class ProvisionedLibrary final : public PluginLibrary {
 public:
  ProvisionedLibrary(std::shared_ptr<FakeWorld> world, std::shared_ptr<External> external)
      : plain_(world), world_(std::move(world)), external_(std::move(external)) {}
  const PluginIdentity& identity() const override { return plain_.identity(); }
  Result<std::unique_ptr<SinkInstance>> CreateInstance(const InstanceOptions& options,
                                                       InstanceListener* listener) override {
    return std::make_unique<ProvisionedSink>(plain_.CreateInstance(options, listener).value(),
                                             world_.get(), external_);
  }
  Result<std::unique_ptr<Readback>> OpenReadback(const ReadbackArgs& args) override {
    return plain_.OpenReadback(args);
  }
  Result<std::string> PlanProvision(const StartArgs& args, Duration patience) override {
    return plain_.PlanProvision(args, patience);
  }

 private:
  FakePluginLibrary plain_;
  const std::shared_ptr<FakeWorld> world_;
  const std::shared_ptr<External> external_;
};

class ProvisioningTest : public SinkLoopTest {
 protected:
  ProvisioningTest() { settings_.provision_timeout = std::chrono::hours(1); }
  void Begin() {
    loop_ = std::make_unique<SinkLoop>(
        settings_, std::make_shared<ProvisionedLibrary>(world_, external_), Environment());
    loop_->Start(records_.Get(settings_.name), RecoverOnStart::kNow);
  }
  void Again() {
    ASSERT_TRUE(Stop(Duration::zero()));
    loop_.reset();
    Begin();
  }
  void Answer(Result<ProvisionReport> answer) { external_->answers.push_back(std::move(answer)); }
  bool WaitFor(const std::function<bool()>& holds) {
    const TimePoint give_up_at = Now() + kPatience;
    while (!holds()) {
      if (Now() > give_up_at) return false;
      std::this_thread::yield();
    }
    return true;
  }
  bool WaitForTask(const std::string& id) {
    return WaitFor([&] {
      const std::optional<SinkRecord> record = records_.Get(settings_.name);
      return record && record->task.id == id;
    });
  }
  SinkRecord Recorded() { return records_.Get(settings_.name).value(); }
  uint64_t begun() {
    std::lock_guard lock(external_->mutex);
    return external_->begun;
  }
  uint64_t resets() {
    std::lock_guard lock(external_->mutex);
    return external_->resets;
  }
  std::vector<std::string> order() {
    std::lock_guard lock(external_->mutex);
    return external_->order;
  }

  std::shared_ptr<External> external_ = std::make_shared<External>();
};

TEST_F(ProvisioningTest, TheSinkStartsOnceItsTaskIsDone) {
  Answer(In(State::kRunning));
  Answer(In(State::kRunning));
  Begin();
  Write(3);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(3)));
  EXPECT_EQ(begun(), 1U);
  EXPECT_EQ(order(), (std::vector<std::string>{"begin", "start"}));
  EXPECT_EQ(Recorded().task, ProvisionTask());
  EXPECT_TRUE(Stop());
}

TEST_F(ProvisioningTest, WhatIsThereAlreadyIsSuccess) {
  external_->provisioned = true;
  Begin();
  Write(1);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(1)));
  EXPECT_EQ(begun(), 0U);
  EXPECT_EQ(external_->polls, 0U);
  EXPECT_TRUE(Stop());
}

TEST_F(ProvisioningTest, ThePluginsThatProvisionInStartAreAsTheyWere) {
  external_->begin_answer = Error(StatusCode::kUnsupported, "in start");
  Begin();
  Write(1);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(1)));
  EXPECT_TRUE(Stop());
}

TEST_F(ProvisioningTest, ANodeThatStartsAgainWatchesTheTaskThatItBegan) {
  external_->otherwise = State::kRunning;
  Begin();
  ASSERT_TRUE(WaitForTask("task-1"));
  EXPECT_EQ(Recorded().state, LifecycleState::kInitializing);
  Again();
  {
    std::lock_guard lock(external_->mutex);
    external_->otherwise = State::kDone;
  }
  Write(1);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(1)));
  EXPECT_EQ(begun(), 1U);
  EXPECT_EQ(order(), (std::vector<std::string>{"begin", "start"})) << "adopted, not begun again";
  EXPECT_TRUE(Stop());
}

TEST_F(ProvisioningTest, ATaskThatNobodyKnowsHasFailedAndIsBegunAnew) {
  SinkRecord record;
  record.name = settings_.name.str();
  record.task = {"task-of-long-ago", WallNanos()};
  records_.Set(record);
  Begin();
  Write(1);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(1)));
  EXPECT_EQ(begun(), 1U);
  EXPECT_THAT(loop_->status().last_error.text, HasSubstr("task-of-long-ago is not known"));
  EXPECT_TRUE(Stop());
}

TEST_F(ProvisioningTest, AFailureSaysWhoIsToMendItAndIsTriedAgain) {
  settings_.retry.initial = settings_.retry.max = std::chrono::hours(1);
  Answer(Failed(/*by_user=*/false));
  Answer(Failed(/*by_user=*/true));
  Begin();
  ASSERT_TRUE(WaitForLifecycle("repairing"));
  EXPECT_EQ(loop_->status().reason, "provisioning failed in the external system: no shard is free");
  EXPECT_EQ(Recorded().task, ProvisionTask()) << "what has failed is not asked for again";
  EXPECT_EQ(Recorded().origin, LifecycleState::kInitializing);
  ASSERT_EQ(Do(SinkCommand::kRepair), Status::Ok());
  const char* const by_user = "provisioning failed, for the operator to mend: no such group";
  ASSERT_TRUE(WaitFor([&] { return loop_->status().reason == by_user; })) << loop_->status().reason;
  ASSERT_EQ(Do(SinkCommand::kRepair), Status::Ok());
  ASSERT_TRUE(WaitForLifecycle("running"));
  EXPECT_EQ(begun(), 3U);
  EXPECT_TRUE(Stop());
}

TEST_F(ProvisioningTest, ATaskThatDoesNotEndHasFailedAtItsDeadline) {
  settings_.provision_timeout = milliseconds(1);
  external_->otherwise = State::kRunning;
  Begin();
  ASSERT_TRUE(WaitFor([&] {
    return loop_->status().last_error.text.find("task-1 has not ended within 1 ms") !=
           std::string::npos;
  }));
  {
    std::lock_guard lock(external_->mutex);
    external_->otherwise = State::kDone;
  }
  ASSERT_TRUE(WaitForLifecycle("running"));
  EXPECT_EQ(begun(), 1U) << "begun anew, it is found under way";
  EXPECT_TRUE(Stop());
}

TEST_F(ProvisioningTest, ASystemThatDoesNotAnswerIsAskedAgain) {
  Answer(Error(StatusCode::kRetry, "no route"));
  Answer(Error(StatusCode::kRetry, "no route"));
  Begin();
  ASSERT_TRUE(WaitForLifecycle("running"));
  EXPECT_EQ(created(), 1) << "by the same instance";
  EXPECT_TRUE(Stop());
}

TEST_F(ProvisioningTest, WhatCannotBeWatchedKeepsItsTask) {
  settings_.retry.initial = settings_.retry.max = std::chrono::hours(1);
  Answer(Error(StatusCode::kFatal, "broken"));
  Begin();
  ASSERT_TRUE(WaitForLifecycle("repairing"));
  EXPECT_EQ(Recorded().task.id, "task-1");
  EXPECT_TRUE(Stop());
}

TEST_F(ProvisioningTest, StatusSaysHowFarItIsAndASuspendIsHeardAtOnce) {
  ProvisionReport half = In(State::kRunning);
  half.text = "3 of 4 shards";
  for (int i = 0; i < 1000; ++i) Answer(half);
  external_->otherwise = State::kRunning;
  Begin();
  ASSERT_TRUE(WaitFor([&] { return loop_->status().reason == "provisioning: 3 of 4 shards"; }));
  ASSERT_EQ(Do(SinkCommand::kSuspend), Status::Ok());
  ASSERT_TRUE(WaitForLifecycle("suspended"));
  EXPECT_EQ(Recorded().task.id, "task-1") << "it goes on outside";
  EXPECT_TRUE(Stop());
}

TEST_F(ProvisioningTest, NoTaskIsWatchedThatIsNotOnRecord) {
  records_.SetFull(true);
  Begin();
  ASSERT_TRUE(WaitFor([&] { return loop_->status().reason.find("record") != std::string::npos; }));
  records_.SetFull(false);
  ASSERT_TRUE(WaitForLifecycle("running"));
  bool on_record = false;
  for (const SinkRecord& record : records_.History()) on_record |= record.task.id == "task-1";
  EXPECT_TRUE(on_record);
  EXPECT_TRUE(Stop());
}

// --- reset --------------------------------------------------------------------------------------

TEST_F(ProvisioningTest, AResetSinkBeginsFromTheBeginning) {
  external_->provisioned = true;
  Begin();
  Write(5);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(5)));
  ASSERT_EQ(Do(SinkCommand::kReset), Status::Ok());
  ASSERT_TRUE(WaitFor([&] {
    return resets() == 1 && loop_->status().watermark == Height(5) &&
           loop_->status().lifecycle == "running";
  }));
  EXPECT_EQ(order(), (std::vector<std::string>{"begin", "start", "begin", "reset", "start"}));
  EXPECT_EQ(records_.watermarks_forgotten(), 1);
  EXPECT_FALSE(Recorded().reset);
  // What came before it came once more, in order.
  const std::vector<FakeSystem::Received> log = world_->system.log();
  ASSERT_EQ(log.size(), 10U);
  for (size_t i = 0; i < log.size(); ++i) EXPECT_EQ(log[i].height, Height(i % 5 + 1));
  EXPECT_TRUE(Stop());
}

TEST_F(ProvisioningTest, AResetStaysOnRecordUntilItIsDone) {
  external_->provisioned = true;
  external_->reset_answer = Status(StatusCode::kRetry, "no route");
  settings_.retry.initial = settings_.retry.max = std::chrono::hours(1);
  Begin();
  Write(3);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(3)));
  ASSERT_EQ(Do(SinkCommand::kReset), Status::Ok());
  ASSERT_TRUE(WaitForLifecycle("repairing"));
  EXPECT_EQ(loop_->status().reason, "reset failed: no route");
  EXPECT_TRUE(Recorded().reset);
  {
    std::lock_guard lock(external_->mutex);
    external_->reset_answer = Status::Ok();
  }
  Again();
  ASSERT_EQ(Do(SinkCommand::kRepair), Status::Ok());
  ASSERT_TRUE(WaitForLifecycle("running"));
  EXPECT_FALSE(Recorded().reset);
  EXPECT_EQ(resets(), 2U);
  EXPECT_TRUE(Stop());
}

TEST_F(ProvisioningTest, ASuspendedSinkIsResetOnceItIsResumed) {
  external_->provisioned = true;
  Begin();
  Write(3);
  ASSERT_TRUE(observer_.WaitForWatermark(Height(3)));
  ASSERT_EQ(Do(SinkCommand::kSuspend), Status::Ok());
  ASSERT_TRUE(WaitForLifecycle("suspended"));
  ASSERT_EQ(Do(SinkCommand::kReset), Status::Ok());
  EXPECT_TRUE(Recorded().reset);
  EXPECT_EQ(loop_->status().lifecycle, "suspended");
  EXPECT_EQ(resets(), 0U);
  ASSERT_EQ(Do(SinkCommand::kResume), Status::Ok());
  ASSERT_TRUE(WaitForLifecycle("running"));
  EXPECT_EQ(resets(), 1U);
  EXPECT_TRUE(Stop());
}

TEST_F(ProvisioningTest, AResetIsANewTryForWhatHasDiverged) {
  external_->provisioned = true;
  journal_.Append(5);
  world_->system.SetPosition(
      {false, kTestStream, Epoch(3), Height(4), journal_.at(Height(3))->digest()});
  Begin();
  ASSERT_TRUE(WaitForLifecycle("suspended"));
  ASSERT_EQ(loop_->status().reason, "diverged");
  ASSERT_EQ(Do(SinkCommand::kReset), Status::Ok());
  ASSERT_TRUE(observer_.WaitForWatermark(Height(5)));
  EXPECT_TRUE(Stop());
}

TEST_F(ProvisioningTest, APluginThatDoesNotKnowHowIsNotAsked) {
  external_->provisioned = true;
  external_->can_reset = false;
  Begin();
  ASSERT_TRUE(WaitForLifecycle("running"));
  const Status refused = Do(SinkCommand::kReset);
  EXPECT_EQ(refused.code(), StatusCode::kInvalid);
  EXPECT_THAT(refused.message(), HasSubstr("cannot make it empty"));
  EXPECT_TRUE(Stop());
}

TEST_F(ProvisioningTest, WhatOnlyTheResetItselfFindsOutIsNotTriedForEver) {
  external_->provisioned = true;
  external_->reset_answer = Status(StatusCode::kUnsupported, "not with these settings");
  Begin();
  ASSERT_TRUE(WaitForLifecycle("running"));
  ASSERT_EQ(Do(SinkCommand::kReset), Status::Ok());
  ASSERT_TRUE(WaitFor([&] { return resets() == 1 && loop_->status().lifecycle == "running"; }));
  EXPECT_FALSE(Recorded().reset);
  EXPECT_THAT(loop_->status().last_error.text, HasSubstr("reset failed: not with these settings"));
  EXPECT_TRUE(Stop());
}

// --- what must be on record first ----------------------------------------------------------------

TEST_F(ProvisioningTest, ThatASinkIsPartialIsOnRecordBeforeItIsAttached) {
  external_->provisioned = true;
  settings_.on_gap = OnGap::kSkip;
  journal_.Append(9);
  journal_.Prune(Height(4));
  world_->faults.Set(Kind::kAttachFails, 1);
  settings_.retry.initial = settings_.retry.max = std::chrono::hours(1);
  Begin();
  ASSERT_TRUE(WaitForLifecycle("repairing"));
  EXPECT_EQ(Recorded().partial_after, Height(4)) << "it may be attached there by now";
  EXPECT_TRUE(Stop());
}

}  // namespace
}  // namespace sluice
