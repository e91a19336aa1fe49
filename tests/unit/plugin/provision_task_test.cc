// SPDX-License-Identifier: Apache-2.0
//
// begin, poll and reset of sluice.provision/1 over the C ABI: what the host makes of each answer.
#include <gmock/gmock.h>

#include <cstring>

#include "plugin/instance.h"
#include "unit/plugin/plugin_fixture.h"

namespace sluice {
namespace {

using State = ProvisionReport::State;
using testing::HasSubstr;

class ProvisionTask : public PluginInstanceTest {
 protected:
  // The settings with which `provisions` behaves so.
  std::string Settings(int way, int count = 1, int delay_ms = 0) const {
    return R"({"record":")" + (folder_.path() / "record").string() + R"(","height":)" +
           std::to_string(way) + R"(,"count":)" + std::to_string(count) + R"(,"delay_ms":)" +
           std::to_string(delay_ms) + "}";
  }
  void Make(const std::string& plugin) { instance_ = std::move(*Create(plugin)); }

  ScratchFolder folder_;
};

TEST_F(ProvisionTask, IsBegunOnceAndWatchedToItsEndByAnyInstance) {
  const StartArgs args = MakeStartArgs(Settings(3));
  Make("provisions");
  ASSERT_EQ(instance_->BeginProvision(args), "task-1");
  EXPECT_EQ(instance_->PollProvision(args, "task-1")->state, State::kRunning);
  EXPECT_EQ(instance_->PollProvision(args, "task-1")->text, "3 of 4 shards");
  Destroy();
  Make("provisions");
  const StartArgs ends = MakeStartArgs(Settings(0));
  EXPECT_EQ(instance_->BeginProvision(ends), "task-1") << "it is under way already";
  EXPECT_EQ(instance_->PollProvision(ends, "task-1")->state, State::kDone);
  EXPECT_EQ(instance_->BeginProvision(ends), "") << "all is there";
  EXPECT_TRUE(instance_->Start(ends).has_value()) << "on the same instance";
}

TEST_F(ProvisionTask, SaysWhoseFaultItIs) {
  Make("provisions");
  const StartArgs system = MakeStartArgs(Settings(1));
  ASSERT_EQ(instance_->BeginProvision(system), "task-1");
  Result<ProvisionReport> report = instance_->PollProvision(system, "task-1");
  ASSERT_EQ(report->state, State::kFailed);
  EXPECT_EQ(report->error, Status(StatusCode::kRetry, "no shard is free"));
  EXPECT_FALSE(report->by_user);
  const StartArgs user = MakeStartArgs(Settings(2, 2));
  ASSERT_EQ(instance_->BeginProvision(user), "task-2");
  report = instance_->PollProvision(user, "task-2");
  ASSERT_EQ(report->state, State::kFailed);
  EXPECT_EQ(report->error, Status(StatusCode::kInvalid, "no such group"));
  EXPECT_TRUE(report->by_user);
  EXPECT_EQ(instance_->PollProvision(user, "task-2")->state, State::kUnknown);
}

TEST_F(ProvisionTask, ThatCannotBeAskedForNowSaysSo) {
  Make("provisions");
  const StartArgs args = MakeStartArgs(Settings(6));
  ASSERT_EQ(instance_->BeginProvision(args), "task-1");
  const Result<ProvisionReport> report = instance_->PollProvision(args, "task-1");
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error(), Status(StatusCode::kRetry, "it does not answer"));
}

TEST_F(ProvisionTask, PluginsWithoutThemAreUnsupported) {
  for (const char* plugin : {"memory", "provision"}) {
    Make(plugin);
    const StartArgs args = MakeStartArgs("{}");
    EXPECT_EQ(instance_->BeginProvision(args).error().code(), StatusCode::kUnsupported) << plugin;
    EXPECT_EQ(instance_->PollProvision(args, "1").error().code(), StatusCode::kUnsupported);
    EXPECT_FALSE(instance_->can_reset());
    EXPECT_EQ(instance_->Reset(args).code(), StatusCode::kUnsupported);
    Destroy();
  }
}

TEST_F(ProvisionTask, AResetSinkIsEmptyForTheSameInstance) {
  const StartArgs args = MakeStartArgs(Settings(5));
  Make("provisions");
  ASSERT_EQ(instance_->BeginProvision(args), "");
  ASSERT_TRUE(instance_->Start(args).has_value());
  ASSERT_TRUE(Deliver(1).ok());
  EXPECT_FALSE(instance_->Resume()->empty);
  Destroy();
  Make("provisions");
  EXPECT_TRUE(instance_->can_reset());
  ASSERT_TRUE(instance_->Reset(args).ok());
  ASSERT_TRUE(instance_->Start(args).has_value());
  EXPECT_TRUE(instance_->Resume()->empty);
}

TEST(ProvisionReportFromAbi, WhatMakesNoSenseIsTheSinksFault) {
  sluice_provision_report report{};
  report.state = 9;
  EXPECT_THAT(ProvisionReportFromAbi(report).error().message(), HasSubstr("state 9"));
  report.state = SLUICE_PROVISION_FAILED;
  for (const int32_t code : {SLUICE_OK, SLUICE_PENDING, SLUICE_BUSY}) {
    report.code = code;
    EXPECT_THAT(ProvisionReportFromAbi(report).error().message(), HasSubstr("failed with")) << code;
  }
  report.code = 77;
  EXPECT_EQ(ProvisionReportFromAbi(report)->error,
            Status(StatusCode::kFatal, "(the plugin gave no reason)"));
}

}  // namespace
}  // namespace sluice
