// SPDX-License-Identifier: Apache-2.0
#include "config/settings_schema.h"

#include <gtest/gtest.h>

#include "unit/config/load_fixture.h"

namespace sluice {
namespace {

const char* const kSchema = R"([
  {"name":"path","type":"string","required":true,"description":"Folder."},
  {"name":"fsync","type":"bool","default":true},
  {"name":"rotate_bytes","type":"size","default":"64MiB","min":"1KiB","max":1099511627776},
  {"name":"rotate_interval","type":"duration","default":"1h","min":1000},
  {"name":"compression","type":"enum","values":["none","zstd"],"default":"none"},
  {"name":"partitions","type":"int","default":3,"min":1,"max":10},
  {"name":"password","type":"string","secret":true},
  {"name":"topics","type":"list","default":[]},
  {"name":"batch.bytes","type":"size","default":1024},
  {"name":"batch.linger","type":"duration"},
  {"name":"producer.*","type":"map"}
])";

SettingsSchema Schema() {
  Result<SettingsSchema> schema = SettingsSchema::Parse(kSchema);
  EXPECT_TRUE(schema.has_value()) << (schema ? "" : schema.error().message());
  return *schema;
}

SettingsCheck CheckSink(const std::string& settings, const Environment& environment = {}) {
  LoadResult result = Toml(WithSink("settings = " + settings), environment);
  EXPECT_EQ(Problems(result), "");
  return Schema().Check(result.config.sinks.at(0));
}

TEST(SettingsSchema, FillsDefaultsAndConvertsUnits) {
  SettingsCheck check =
      CheckSink(R"({ path = "p", rotate_interval = "90s", batch.linger = "5ms" })");
  EXPECT_EQ(FormatProblems(check.problems), "");
  EXPECT_EQ(
      check.completed,
      R"({"path":"p","fsync":true,"rotate_bytes":67108864,"rotate_interval":90000,)"
      R"("compression":"none","partitions":3,"topics":[],"batch":{"bytes":1024,"linger":5}})");
  EXPECT_EQ(check.masked,
            R"({"path":"p","fsync":true,"rotate_bytes":"64MiB","rotate_interval":"90s",)"
            R"("compression":"none","partitions":3,"topics":[],)"
            R"("batch":{"bytes":"1KiB","linger":"5ms"}})");
}

TEST(SettingsSchema, ProblemsHaveTheirPlaceInTheFile) {
  SettingsCheck check = CheckSink(
      R"({ pth = "p", rotate_bytes = 7, compression = "zst", partitions = 11, batch = { x = 1 } })");
  EXPECT_EQ(
      FormatProblems(check.problems),
      "app.toml:3:1: sinks.audit.settings.path: is missing; Folder.\n"
      "app.toml:3:14: sinks.audit.settings.pth: unknown key; did you mean \"path\"?\n"
      "app.toml:3:40: sinks.audit.settings.rotate_bytes: expected a size such as \"64MiB\", got 7; "
      "write the unit, for example \"7MiB\" or \"7KiB\"\n"
      "app.toml:3:57: sinks.audit.settings.compression: expected one of \"none\", \"zstd\", got "
      "\"zst\"; did you mean \"zstd\"?\n"
      "app.toml:3:77: sinks.audit.settings.partitions: expected at most 10, got 11\n"
      "app.toml:3:91: sinks.audit.settings.batch.x: unknown key; known here: bytes, linger");
}

TEST(SettingsSchema, BoundsHoldInTheirUnits) {
  EXPECT_EQ(FormatProblems(CheckSink(R"({ path = "p", rotate_bytes = "1B" })").problems),
            "app.toml:3:41: sinks.audit.settings.rotate_bytes: expected at least 1KiB, got \"1B\"");
  EXPECT_EQ(FormatProblems(CheckSink(R"({ path = "p", rotate_interval = "1ms" })").problems),
            "app.toml:3:44: sinks.audit.settings.rotate_interval: expected at least 1000ms, got "
            "\"1ms\"");
  EXPECT_EQ(FormatProblems(CheckSink(R"({ path = "p", rotate_interval = "2000001us" })").problems),
            "app.toml:3:44: sinks.audit.settings.rotate_interval: expected whole milliseconds");
}

TEST(SettingsSchema, StarPassesThrough) {
  SettingsCheck check = CheckSink(
      R"({ path = "p", producer = { acks = "all", "message.max.bytes" = 5, ssl = {} } })");
  EXPECT_EQ(FormatProblems(check.problems), "");
  EXPECT_NE(check.completed.find(R"("producer":{"acks":"all","message.max.bytes":5,"ssl":{}})"),
            std::string::npos);
}

TEST(SettingsSchema, SecretsAreGivenToThePluginAndMaskedForPeople) {
  SettingsCheck check = CheckSink(
      R"({ path = "${DIR}", password = "HUNTER", producer = { "sasl.password" = "HUNTER" } })",
      {{"DIR", "HUNTER"}});
  EXPECT_EQ(FormatProblems(check.problems), "");
  EXPECT_NE(check.completed.find("HUNTER"), std::string::npos);
  EXPECT_EQ(check.masked.find("HUNTER"), std::string::npos) << check.masked;
}

TEST(SettingsSchema, TextFromTheEnvironmentTakesTheTypeOfTheRow) {
  SettingsCheck check = CheckSink(R"({ path = "p", partitions = "${N}" })",
                                  {{"N", "7"}, {"SLUICE_SINKS__AUDIT__SETTINGS__FSYNC", "false"}});
  EXPECT_EQ(FormatProblems(check.problems), "");
  EXPECT_NE(check.completed.find(R"("partitions":7)"), std::string::npos);
  EXPECT_NE(check.completed.find(R"("fsync":false)"), std::string::npos);
}

TEST(SettingsSchema, JsonWithoutPlacesIsCheckedTheSame) {
  EXPECT_TRUE(Schema().Check(R"({"path":"p"})", "settings").ok());
  EXPECT_EQ(FormatProblems(Schema().Check(R"({"path":3})", "settings").problems),
            "settings.path: expected text in quotes, got 3");
  EXPECT_FALSE(Schema().Check("[]", "settings").ok());
  EXPECT_FALSE(Schema().Check("{", "settings").ok());
  EXPECT_FALSE(Schema().Check(R"({"path":"p","path":"q"})", "settings").ok());
}

TEST(SettingsSchema, PluginWithoutSettingsTakesNone) {
  for (const char* schema : {"", "[]"}) {
    Result<SettingsSchema> empty = SettingsSchema::Parse(schema);
    ASSERT_TRUE(empty);
    EXPECT_EQ(empty->Check("{}", "settings").completed, "{}");
    EXPECT_FALSE(empty->Check(R"({"x":1})", "settings").ok());
  }
}

TEST(SettingsSchema, AValueLowersTheLevelThatTheSinkCanGive) {
  const char* const schema = R"([
    {"name":"fsync","type":"bool","default":true,"highest_level":{"false":"received"}},
    {"name":"mode","type":"enum","values":["off","on","apply"],"default":"on",
     "highest_level":{"off":"received","on":"durable"}},
    {"name":"table.safe","type":"bool","highest_level":{"true":"durable","false":"received"}}])";
  const SettingsSchema parsed = SettingsSchema::Parse(schema).value();
  auto cap = [&](const std::string& settings, const Environment& environment = {}) {
    LoadResult result = Toml(WithSink("settings = " + settings), environment);
    EXPECT_EQ(Problems(result), "");
    const SettingsCheck check = parsed.Check(result.config.sinks.at(0));
    EXPECT_EQ(FormatProblems(check.problems), "");
    if (!check.level_cap) return std::string();
    return check.level_cap->at.ToString() + " " + check.level_cap->key + " = " +
           check.level_cap->value + ": " + std::string(AckLevelName(check.level_cap->level));
  };
  EXPECT_EQ(cap(R"({ mode = "apply" })"), "");
  EXPECT_EQ(cap("{}"), "app.toml:3:1 sinks.audit.settings.mode = on: durable") << "by default";
  EXPECT_EQ(cap(R"({ mode = "on", fsync = false })"),
            "app.toml:3:35 sinks.audit.settings.fsync = false: received");
  EXPECT_EQ(cap(R"({ fsync = true, mode = "off" })"),
            "app.toml:3:35 sinks.audit.settings.mode = off: received");
  EXPECT_EQ(cap(R"({ mode = "apply", table = { safe = true } })"),
            "app.toml:3:47 sinks.audit.settings.table.safe = true: durable");
  EXPECT_EQ(cap(R"({ fsync = true, mode = "apply" })",
                {{"SLUICE_SINKS__AUDIT__SETTINGS__FSYNC", "false"}}),
            "SLUICE_SINKS__AUDIT__SETTINGS__FSYNC sinks.audit.settings.fsync = false: received");
}

TEST(SettingsSchema, BadSchemasAreThePluginsMistake) {
  for (const char* schema : {"{",
                             "{}",
                             R"([1])",
                             R"([{"type":"int"}])",
                             R"([{"name":"a"}])",
                             R"([{"name":"a","type":"integer"}])",
                             R"([{"name":"a","type":7}])",
                             R"([{"name":"a","type":"int","default":"x"}])",
                             R"([{"name":"a","type":"int","default":0,"min":1}])",
                             R"([{"name":"a","type":"int","min":"x"}])",
                             R"([{"name":"a","type":"duration","default":"5"}])",
                             R"([{"name":"a","type":"duration","default":-5}])",
                             R"([{"name":"a","type":"enum"}])",
                             R"([{"name":"a","type":"list","default":"[1"}])",
                             R"([{"name":"a","type":"bool","highest_level":"received"}])",
                             R"([{"name":"a","type":"bool","highest_level":{"no":"received"}}])",
                             R"([{"name":"a","type":"bool","highest_level":{"false":"none"}}])",
                             R"([{"name":"a","type":"bool","highest_level":{"false":1}}])",
                             R"([{"name":"a","type":"string","highest_level":{"x":"received"}}])",
                             R"([{"name":"a","type":"int"},{"name":"a","type":"int"}])",
                             R"([{"name":"a","type":"int"},{"name":"a.b","type":"int"}])",
                             R"([{"name":"*","type":"int"}])",
                             R"([{"name":"a..b","type":"int"}])",
                             R"([{"name":".a","type":"int"}])"}) {
    Result<SettingsSchema> parsed = SettingsSchema::Parse(schema);
    EXPECT_FALSE(parsed.has_value()) << schema;
    if (!parsed) {
      EXPECT_EQ(parsed.error().message().rfind("settings schema", 0), 0u)
          << parsed.error().message();
    }
  }
}

}  // namespace
}  // namespace sluice
