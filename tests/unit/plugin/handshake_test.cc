// SPDX-License-Identifier: Apache-2.0
#include "plugin/handshake.h"

#include <gmock/gmock.h>

#include <functional>

namespace sluice {
namespace {

using testing::HasSubstr;

const sluice_instance* Create(const sluice_host* /*host*/) { return nullptr; }

sluice_plugin GoodTable() {
  sluice_plugin table{};
  table.struct_size = sizeof(table);
  table.abi_minor = SLUICE_ABI_MINOR;
  table.build_tag = SLUICE_ABI_BUILD_TAG;
  table.id = {"good", 4};
  table.version = {"1.2.3", 5};
  table.highest_level = SLUICE_LEVEL_DURABLE;
  table.settings_schema = {"[]", 2};
  table.create = &Create;
  return table;
}

TEST(Handshake, CopiesTheIdentity) {
  sluice_plugin table = GoodTable();
  table.capabilities = SLUICE_CAP_PARALLEL;
  const auto identity = CheckPluginTable(&table);
  ASSERT_TRUE(identity.has_value());
  EXPECT_EQ(identity->id, "good");
  EXPECT_EQ(identity->version, "1.2.3");
  EXPECT_EQ(identity->highest_level, AckLevel::kDurable);
  EXPECT_EQ(identity->capabilities, kCapabilityParallel);
  EXPECT_EQ(identity->settings_schema, "[]");
}

TEST(Handshake, RefusesEveryTableThatCannotBeUsed) {
  struct Row {
    const char* text;
    std::function<void(sluice_plugin*)> change;
  };
  const Row rows[] = {
      {"its table has 87 bytes",
       [](sluice_plugin* t) {
         t->struct_size = offsetof(sluice_plugin, create) + sizeof(t->create) - 1;
       }},
      {"built against the ABI draft \"other\"", [](sluice_plugin* t) { t->build_tag = "other"; }},
      {"built against the ABI draft \"\"", [](sluice_plugin* t) { t->build_tag = nullptr; }},
      {"its id is empty or not UTF-8",
       [](sluice_plugin* t) {
         t->id = {nullptr, 0};
       }},
      {"its id is empty or not UTF-8",
       [](sluice_plugin* t) {
         t->id = {"\xFF", 1};
       }},
      {"its version is empty or not UTF-8",
       [](sluice_plugin* t) {
         t->version = {"", 0};
       }},
      {"its highest ack level is 0", [](sluice_plugin* t) { t->highest_level = 0; }},
      {"its highest ack level is 4", [](sluice_plugin* t) { t->highest_level = 4; }},
      {"settings schema is not UTF-8",
       [](sluice_plugin* t) {
         t->settings_schema = {"[\xC0]", 3};
       }},
      {"has no create function", [](sluice_plugin* t) { t->create = nullptr; }},
  };
  for (const Row& row : rows) {
    sluice_plugin table = GoodTable();
    row.change(&table);
    const auto identity = CheckPluginTable(&table);
    ASSERT_FALSE(identity.has_value()) << row.text;
    EXPECT_EQ(identity.error().code(), StatusCode::kPlugin);
    EXPECT_THAT(identity.error().message(), HasSubstr(row.text));
  }
  EXPECT_FALSE(CheckPluginTable(nullptr).has_value());
}

TEST(Handshake, TakesALongerTableOfANewerMinorVersion) {
  sluice_plugin table = GoodTable();
  table.struct_size += 64;
  table.abi_minor = SLUICE_ABI_MINOR + 9;
  EXPECT_TRUE(CheckPluginTable(&table).has_value());
}

}  // namespace
}  // namespace sluice
