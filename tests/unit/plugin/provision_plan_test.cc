// SPDX-License-Identifier: Apache-2.0
#include "plugin/provision_plan.h"

#include <gmock/gmock.h>

#include "unit/plugin/plugin_fixture.h"

namespace sluice {
namespace {

using testing::HasSubstr;

constexpr Duration kPatience = std::chrono::minutes(1);

Result<std::string> Plan(const std::string& plugin, const std::string& settings = "{}",
                         Duration patience = kPatience) {
  PluginLoader loader({});
  SLUICE_ASSIGN_OR_RETURN(const auto library, loader.Load(TestPlugin(plugin).string(), ""));
  StartArgs args;
  args.settings_json = settings;
  args.stream_id = "test-stream";
  args.sink = SinkName("orders");
  args.home = "/tmp";
  args.deadline = std::chrono::seconds(10);
  args.filter.stores = {"accounts"};
  return library->PlanProvision(args, patience);
}

TEST(ProvisionPlan, PiecesArePutTogether) {
  const auto plan = Plan("provision");
  ASSERT_TRUE(plan.has_value()) << plan.error().ToString();
  EXPECT_EQ(*plan, "MAKE test-stream orders accounts\nGRANT all\n");
}

TEST(ProvisionPlan, MayBeEmpty) { EXPECT_EQ(Plan("provision", R"({"count":0})"), ""); }

TEST(ProvisionPlan, APluginWithoutItIsUnsupported) {
  const auto plan = Plan("memory");
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error(), Status(StatusCode::kUnsupported,
                                 "plugin memory 1.0.0 cannot say what its sink needs (no "
                                 "sluice.provision/1)"));
}

TEST(ProvisionPlan, AThrowInItIsTheSinksFault) {
  const auto plan = Plan("throws_in_plan");
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error(),
            Status(StatusCode::kFatal, "exception in provision plan: thrown in plan"));
}

TEST(ProvisionPlan, WhatIsNoTextIsRefused) {
  const auto plan = Plan("plans_without_end", R"({"height":1})");
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error(),
            Status(StatusCode::kFatal, "the plugin broke the ABI: a plan that is not UTF-8"));
}

TEST(ProvisionPlan, OneWithoutAnEndIsRefused) {
  EXPECT_EQ(Plan("plans_without_end", R"({"count":16})")->size(), 16U << 20U);
  const auto plan = Plan("plans_without_end", R"({"count":17})");
  ASSERT_FALSE(plan.has_value());
  EXPECT_THAT(plan.error().message(), HasSubstr("a plan of more than 16777216 bytes"));
}

// The call goes on after the test: nothing of it may be freed.
TEST(ProvisionPlan, OneThatNeverReturnsIsLeftRunning) {
  const auto plan = Plan("hangs_in_plan", "{}", std::chrono::milliseconds(50));
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error(), Status(StatusCode::kTimeout,
                                 "plugin hangs_in_plan 1.0.0 did not give its plan within 50 ms "
                                 "and is left running"));
}

}  // namespace
}  // namespace sluice
