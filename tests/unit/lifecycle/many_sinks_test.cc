// SPDX-License-Identifier: Apache-2.0
//
// A hundred loops side by side, one of which hangs in a call of its plugin: the others notice
// nothing, and all end within their deadline.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "sink_loop_fixture.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

constexpr size_t kSinks = 100;
constexpr uint64_t kHeights = 20;

struct One {
  std::shared_ptr<FakeWorld> world = std::make_shared<FakeWorld>();
  FakeObserver observer;
  std::unique_ptr<SinkLoop> loop;
};

class ManySinksTest : public SinkLoopTest, public testing::WithParamInterface<Faults::Kind> {
 protected:
  ManySinksTest() : sinks_(kSinks) {
    for (size_t i = 0; i < kSinks; ++i) {
      SinkSettings settings = settings_;
      settings.name = SinkName(fmt::format("sink{}", i));
      settings.drain_timeout = settings.stop_timeout = milliseconds(500);
      // Of the others nothing may take so long, however busy the machine is.
      if (i > 0) settings.stop_timeout = kPatience;
      SinkEnvironment environment = Environment();
      environment.observer = &sinks_[i].observer;
      sinks_[i].loop = std::make_unique<SinkLoop>(
          settings, std::make_shared<FakePluginLibrary>(sinks_[i].world), std::move(environment));
    }
  }
  ~ManySinksTest() override {
    hanging().world->faults.Release();
    for (One& sink : sinks_) sink.loop.reset();
    EXPECT_TRUE(hanging().world->faults.WaitUntilNobodyIsBlocked());
  }
  One& hanging() { return sinks_[0]; }

  std::vector<One> sinks_;
};

TEST_P(ManySinksTest, OneThatHangsDelaysNobodyAndIsNamedAtTheEnd) {
  hanging().world->faults.Set(Kind::kIgnoreCancel, 1);
  hanging().world->faults.Set(GetParam(), 1);
  for (One& sink : sinks_) sink.loop->Start(std::nullopt, RecoverOnStart::kNow);
  for (uint64_t height = 1; height <= kHeights; ++height) {
    const auto change_set = journal_.Append(size_t{8});
    for (One& sink : sinks_) sink.loop->Enqueue(change_set);
  }
  for (size_t i = 1; i < kSinks; ++i) {
    ASSERT_TRUE(sinks_[i].observer.WaitForWatermark(Height(kHeights))) << "sink " << i;
  }
  for (One& sink : sinks_) sink.loop->RequestStop(milliseconds(500));
  EXPECT_FALSE(hanging().loop->Join(Now() + milliseconds(1000)));
  EXPECT_EQ(hanging().loop->status().reason, "hung");
  for (size_t i = 1; i < kSinks; ++i) {
    EXPECT_TRUE(sinks_[i].loop->Join(Now() + kPatience)) << "sink " << i;
    EXPECT_EQ(sinks_[i].loop->status().reason, "operator") << "sink " << i;
    EXPECT_EQ(sinks_[i].world->system.position().height, Height(kHeights)) << "sink " << i;
  }
}

std::string NameOf(const testing::TestParamInfo<Faults::Kind>& info) {
  switch (info.param) {
    case Faults::Kind::kStartBlocks:
      return "InStart";
    case Faults::Kind::kDeliverBlocks:
      return "InDeliver";
    case Faults::Kind::kDrainBlocks:
      return "InDrain";
    default:
      return "InDestroy";
  }
}

INSTANTIATE_TEST_SUITE_P(Calls, ManySinksTest,
                         testing::Values(Faults::Kind::kStartBlocks, Faults::Kind::kDeliverBlocks,
                                         Faults::Kind::kDrainBlocks, Faults::Kind::kDestroyBlocks),
                         NameOf);

}  // namespace
}  // namespace sluice
