// SPDX-License-Identifier: Apache-2.0
#include "plugin/readback.h"

#include <gmock/gmock.h>

#include "unit/plugin/plugin_fixture.h"

namespace sluice {
namespace {

using testing::HasSubstr;

Result<std::unique_ptr<Readback>> Open(const std::string& plugin, const std::string& settings,
                                       uint64_t last_height = UINT64_MAX) {
  PluginLoader loader({});
  SLUICE_ASSIGN_OR_RETURN(const auto library, loader.Load(TestPlugin(plugin).string(), ""));
  return library->OpenReadback(
      {settings, "test-stream", SinkName("orders"), "/tmp", Height(last_height)});
}

TEST(Readback, ReadsHeightsToTheEnd) {
  auto readback = Open("readback", R"({"count":3})");
  ASSERT_TRUE(readback.has_value()) << readback.error().ToString();
  EXPECT_EQ((*readback)->info().content, ReadbackContent::kChanges);
  EXPECT_TRUE((*readback)->info().truncated);
  EXPECT_FALSE((*readback)->info().filtered);
  EXPECT_EQ((*readback)->info().first_height, Height(1));
  EXPECT_EQ((*readback)->info().position.height, Height(3));
  ReadbackItem item;
  for (uint64_t height = 1; height <= 3; ++height) {
    ASSERT_TRUE(*(*readback)->Next(&item));
    EXPECT_EQ(item.height, Height(height));
    EXPECT_EQ(item.digest.bytes[0], 2);
    EXPECT_EQ(item.previous_digest.value().bytes[0], 1);
    ASSERT_EQ(item.changes.size(), 1U);
    EXPECT_EQ(item.changes[0].store, "accounts");
    EXPECT_EQ(item.changes[0].key, "key");
    EXPECT_EQ(item.changes[0].value, "");
  }
  EXPECT_FALSE(*(*readback)->Next(&item));
}

TEST(Readback, StopsAtTheLastHeightAskedFor) {
  auto readback = Open("readback", R"({"count":3})", 1);
  ReadbackItem item;
  EXPECT_TRUE(*(*readback)->Next(&item));
  EXPECT_FALSE(*(*readback)->Next(&item));
}

TEST(Readback, AChangeThatMustBeUnderstoodIsNotSkipped) {
  auto readback = Open("readback", R"({"count":2,"height":2})");
  ReadbackItem item;
  EXPECT_TRUE(*(*readback)->Next(&item));
  const auto next = (*readback)->Next(&item);
  ASSERT_FALSE(next.has_value());
  EXPECT_EQ(next.error().code(), StatusCode::kUnsupported);
  EXPECT_THAT(next.error().message(), HasSubstr("height 2 holds a change of kind 99"));
}

TEST(Readback, APluginWithoutItIsUnsupported) {
  const auto readback = Open("memory", "{}");
  ASSERT_FALSE(readback.has_value());
  EXPECT_EQ(readback.error(), Status(StatusCode::kUnsupported,
                                     "plugin memory 1.0.0 cannot read back what its sink holds (no "
                                     "sluice.readback/1)"));
}

TEST(Readback, AFailedOpenGivesThePluginsText) {
  const auto readback = Open("readback", R"({"count":0})");
  ASSERT_FALSE(readback.has_value());
  EXPECT_EQ(readback.error(), Status(StatusCode::kInvalid, "there is nothing to read at all"));
}

}  // namespace
}  // namespace sluice
