// SPDX-License-Identifier: Apache-2.0
#include "plugin/inspect.h"

#include <gmock/gmock.h>

#include "unit/plugin/plugin_fixture.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Inspect, TellsEverythingOfAGoodPlugin) {
  const auto found = InspectPlugin(TestPlugin("memory"));
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(found->status.ok()) << found->status.ToString();
  EXPECT_EQ(found->file.size, std::filesystem::file_size(TestPlugin("memory")));
  EXPECT_EQ(found->sha256, Sha256(ReadWhole(TestPlugin("memory"))).ToHex());
  EXPECT_FALSE(found->machine.empty());
  EXPECT_THAT(found->exported_symbols, ElementsAre("sluice_plugin_entry_v1"));
  ASSERT_TRUE(found->identity.has_value());
  EXPECT_EQ(found->identity->id, "memory");
}

TEST(Inspect, RunsNothingWhereNotAsked) {
  const auto found = InspectPlugin(TestPlugin("memory"), false);
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(found->status.ok());
  EXPECT_FALSE(found->identity.has_value());
}

TEST(Inspect, TellsWhatItCanOfAPluginThatDoesNotLoad) {
  const auto found = InspectPlugin(TestPlugin("wrong_major"));
  ASSERT_TRUE(found.has_value());
  EXPECT_THAT(found->status.message(), HasSubstr("speaks major version 2"));
  EXPECT_THAT(found->exported_symbols, testing::Contains("sluice_plugin_entry_v2"));
  EXPECT_FALSE(found->identity.has_value());

  const auto missing = InspectPlugin(TestPlugin("missing_symbol"));
  ASSERT_TRUE(missing.has_value());
  EXPECT_THAT(missing->status.message(), HasSubstr("undefined symbol"));
}

TEST(Inspect, AMissingFileIsAnError) {
  const auto found = InspectPlugin("/nowhere/x.so");
  ASSERT_FALSE(found.has_value());
  EXPECT_THAT(found.error().message(), HasSubstr("plugin x: /nowhere/x.so: no such file"));
}

}  // namespace
}  // namespace sluice
