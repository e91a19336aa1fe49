// SPDX-License-Identifier: Apache-2.0
#include "postgres/settings.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "config/settings_schema.h"
#include "postgres/settings_schema.h"

namespace sluice_postgres {
namespace {

// As the node hands them over.
std::string Completed(const std::string& settings) {
  sluice::Result<sluice::SettingsSchema> schema = sluice::SettingsSchema::Parse(kSettingsSchema);
  EXPECT_TRUE(schema) << schema.error().message();
  const sluice::SettingsCheck check = schema->Check(settings, "sinks.pg.settings");
  EXPECT_TRUE(check.ok()) << (check.ok() ? "" : check.problems.front().text);
  return check.completed;
}

std::string FaultOf(const std::string& settings) {
  Settings parsed;
  return ParseSettings(settings, &parsed).text();
}

TEST(Settings, DefaultsOfSchemaAndStructAgree) {
  Settings parsed;
  const Fault fault = ParseSettings(Completed("{}"), &parsed);
  ASSERT_TRUE(fault.ok()) << fault.text();
  const Settings fresh;
  EXPECT_EQ(parsed.schema, fresh.schema);
  EXPECT_EQ(parsed.changes_table, fresh.changes_table);
  EXPECT_EQ(parsed.state_table, fresh.state_table);
  EXPECT_EQ(parsed.batch_blocks, fresh.batch_blocks);
  EXPECT_EQ(parsed.batch_bytes, fresh.batch_bytes);
  EXPECT_EQ(parsed.linger, fresh.linger);
  EXPECT_EQ(parsed.lock_timeout, fresh.lock_timeout);
  EXPECT_EQ(parsed.idle_in_transaction_timeout, fresh.idle_in_transaction_timeout);
  EXPECT_EQ(parsed.synchronous_commit, fresh.synchronous_commit);
  EXPECT_EQ(parsed.changes, fresh.changes);
  EXPECT_EQ(parsed.state, fresh.state);
  EXPECT_EQ(parsed.create, fresh.create);
}

TEST(Settings, EachIsRead) {
  Settings parsed;
  const Fault fault = ParseSettings(
      Completed(R"({"schema":"s","changes_table":"c","state_table":"t","table_per_store":true,)"
                R"("create":false,"batch_blocks":7,"batch_bytes":"1MiB","linger":"3ms",)"
                R"("lock_timeout":"2s","value_as":{"orders":"jsonb","main":"text"},)"
                R"("on_bad_value":"skip","readback":"state","connections":4})"),
      &parsed);
  ASSERT_TRUE(fault.ok()) << fault.text();
  EXPECT_EQ(parsed.schema, "s");
  EXPECT_EQ(parsed.changes_table, "c");
  EXPECT_EQ(parsed.state_table, "t");
  EXPECT_TRUE(parsed.table_per_store);
  EXPECT_FALSE(parsed.create);
  EXPECT_EQ(parsed.batch_blocks, 7U);
  EXPECT_EQ(parsed.batch_bytes, 1U << 20);
  EXPECT_EQ(parsed.linger.count(), 3);
  EXPECT_EQ(parsed.lock_timeout.count(), 2000);
  EXPECT_EQ(parsed.form_of("orders"), ValueForm::kJsonb);
  EXPECT_EQ(parsed.form_of("main"), ValueForm::kText);
  EXPECT_EQ(parsed.form_of("other"), ValueForm::kBytes);
  EXPECT_EQ(parsed.on_bad_value, OnBadValue::kSkip);
  EXPECT_EQ(parsed.readback, ReadbackSource::kState);
  EXPECT_EQ(parsed.connections, 4U);
}

TEST(Settings, LevelFollowsSynchronousCommit) {
  for (const auto& [commit, level] : std::initializer_list<std::pair<const char*, int32_t>>{
           {"off", SLUICE_LEVEL_RECEIVED},
           {"local", SLUICE_LEVEL_DURABLE},
           {"remote_write", SLUICE_LEVEL_DURABLE},
           {"on", SLUICE_LEVEL_DURABLE},
           {"remote_apply", SLUICE_LEVEL_VISIBLE}}) {
    Settings parsed;
    ASSERT_TRUE(
        ParseSettings(std::string(R"({"synchronous_commit":")") + commit + "\"}", &parsed).ok());
    EXPECT_EQ(parsed.level(), level) << commit;
  }
}

TEST(Settings, WhatASchemaCannotSay) {
  EXPECT_NE(FaultOf(R"({"changes":false,"state":false})").find("nothing would be kept"),
            std::string::npos);
  EXPECT_NE(FaultOf(R"({"connections":0})").find("connections"), std::string::npos);
  EXPECT_NE(FaultOf(R"({"state":false,"value_as":{"a":"text"}})").find("state = true"),
            std::string::npos);
  EXPECT_NE(FaultOf(R"({"value_as":{"a":"xml"}})").find("store a"), std::string::npos);
  EXPECT_NE(FaultOf(R"({"state":false,"readback":"state"})").find("readback"), std::string::npos);
  EXPECT_NE(FaultOf(R"({"changes_table":"x","state_table":"x"})").find("state_table"),
            std::string::npos);
  EXPECT_NE(FaultOf(R"({"state_table":"sluice_position"})").find("state_table"), std::string::npos);
  EXPECT_NE(FaultOf(R"({"synchronous_commit":"maybe"})").find("synchronous_commit"),
            std::string::npos);
  EXPECT_NE(FaultOf("[]"), "");
}

TEST(Settings, ABadConninfoIsNotQuoted) {
  const std::string text = FaultOf(R"({"conninfo":"host=x password=very secret"})");
  EXPECT_NE(text.find("conninfo"), std::string::npos) << text;
  EXPECT_EQ(text.find("secret"), std::string::npos) << text;
  EXPECT_EQ(text.find("very"), std::string::npos) << text;
  EXPECT_EQ(FaultOf(R"({"conninfo":"postgresql://u:p@h/db"})"), "");
}

TEST(Settings, ConninfoIsMaskedByTheNode) {
  sluice::Result<sluice::SettingsSchema> schema = sluice::SettingsSchema::Parse(kSettingsSchema);
  ASSERT_TRUE(schema);
  const sluice::SettingsCheck check =
      schema->Check(R"({"conninfo":"host=x password=abcdef"})", "sinks.pg.settings");
  EXPECT_EQ(check.masked.find("abcdef"), std::string::npos);
}

}  // namespace
}  // namespace sluice_postgres
