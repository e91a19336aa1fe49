// SPDX-License-Identifier: Apache-2.0
//
// A sink's loop over fakes: a script writes heights and says what must come of them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <iostream>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "lifecycle/sink_loop.h"
#include "support/fake_journal.h"
#include "support/fake_observer.h"
#include "support/fake_sink.h"
#include "support/fake_sink_records.h"
#include "support/fake_state.h"

namespace sluice {

class SinkLoopTest : public testing::Test {
 protected:
  using Kind = Faults::Kind;

  SinkLoopTest() {
    settings_.name = SinkName("orders");
    settings_.settings_json = "{}";
    settings_.masked_settings_json = "{}";
    settings_.max_in_flight = 16;
    settings_.retry.initial = std::chrono::milliseconds(1);
    settings_.retry.max = std::chrono::milliseconds(20);
    settings_.ack_timeout = std::chrono::seconds(30);
    settings_.start_timeout = std::chrono::seconds(30);
    settings_.stop_timeout = std::chrono::seconds(30);
    settings_.healthy_after = std::chrono::hours(1);
  }
  ~SinkLoopTest() override {
    if (HasFailure() && loop_) Describe();
    // Whoever is still stuck is let go, so that nothing is left when the process ends.
    world_->faults.Release();
    loop_.reset();
    EXPECT_TRUE(world_->faults.WaitUntilNobodyIsBlocked());
  }

  SinkEnvironment Environment() {
    SinkEnvironment environment;
    environment.journal = &journal_;
    environment.observer = &observer_;
    environment.state = &state_;
    environment.records = &records_;
    environment.raise_epoch = [this](Epoch at_least) -> Result<Epoch> {
      epoch_ = std::max(epoch_ + 1, at_least.value());
      return Epoch(epoch_);
    };
    environment.stream_id = kTestStream;
    environment.home = "/nowhere";
    return environment;
  }
  // As at the start of a node: with the record that is there.
  void Start(RecoverOnStart recover = RecoverOnStart::kNow) {
    loop_ = std::make_unique<SinkLoop>(settings_, std::make_shared<FakePluginLibrary>(world_),
                                       Environment());
    loop_->Start(records_.Get(settings_.name), recover);
  }
  // Answers when the command is on record.
  Status Do(SinkCommand command) { return loop_->Command(command, Now() + kPatience); }
  bool WaitForLifecycle(const std::string& lifecycle) {
    const TimePoint give_up_at = Now() + kPatience;
    while (loop_->status().lifecycle != lifecycle) {
      if (Now() > give_up_at) return false;
      std::this_thread::yield();
    }
    return true;
  }
  // Journaled and enqueued: S1 and S2.
  void Write(int count = 1) {
    for (int i = 0; i < count; ++i) loop_->Enqueue(journal_.Append(size_t{8}));
  }
  bool Stop(Duration drain_timeout = std::chrono::seconds(30)) {
    loop_->RequestStop(drain_timeout);
    return loop_->Join(Now() + drain_timeout + settings_.stop_timeout);
  }
  Height journaled() const { return journal_.journaled(); }
  int destroyed() { return world_->Get(world_->destroyed); }
  int created() { return world_->Get(world_->created); }
  int abandoned() { return world_->Get(world_->abandoned); }

  // I2: what it received, without what came twice, is gap-free and equal to the journal's.
  void ExpectReceivedEverythingOnce(Height last) {
    std::set<Height> seen;
    Height newest;
    for (const FakeSystem::Received& received : world_->system.log()) {
      ASSERT_EQ(received.canonical, journal_.at(received.height)->canonical());
      if (!seen.insert(received.height).second) continue;
      ASSERT_EQ(received.height, newest + 1);
      newest = received.height;
    }
    EXPECT_EQ(newest, last);
    EXPECT_EQ(world_->system.gap_count(), 0U);
  }

  // I2 for a sink that takes heights side by side: everything, and each key's changes in order.
  void ExpectReceivedEverythingInTheOrderOfKeys(Height last) {
    std::set<Height> seen;
    for (const FakeSystem::Received& received : world_->system.log()) {
      ASSERT_EQ(received.canonical, journal_.at(received.height)->canonical());
      seen.insert(received.height);
    }
    EXPECT_EQ(seen.size(), last.value());
    EXPECT_EQ(world_->system.position().height, last);
    EXPECT_EQ(world_->system.key_order_errors(), 0U);
  }

  // What a failed test wants to know first.
  void Describe() {
    const SinkStatus status = loop_->status();
    std::cout << "lifecycle " << status.lifecycle << " " << status.reason << ", mode "
              << status.mode << ", watermark " << status.watermark << " of " << journaled()
              << ", sink at " << world_->system.position().height << ", in flight "
              << status.in_flight << ", retries " << status.retries << ", refused "
              << status.stale_acks << ", last error " << status.last_error.text << std::endl;
  }

  SinkSettings settings_;
  std::shared_ptr<FakeWorld> world_ = std::make_shared<FakeWorld>();
  FakeJournal journal_;
  FakeState state_{&journal_};
  FakeObserver observer_;
  FakeSinkRecords records_;
  std::atomic<uint64_t> epoch_{6};
  std::unique_ptr<SinkLoop> loop_;
};

}  // namespace sluice
