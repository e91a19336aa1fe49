// SPDX-License-Identifier: Apache-2.0
//
// Line and column, exactly, in both languages; and what only one of the languages can get wrong.
#include <gtest/gtest.h>

#include "unit/config/load_fixture.h"

namespace sluice {
namespace {

TEST(TomlPositions, KeyForUnknownKeysValueForWrongValues) {
  LoadResult result = Toml("# comment\n\n[commit]\n  windw = 3\n  level   =   \"lasting\"\n");
  ASSERT_EQ(result.problems.size(), 2u);
  EXPECT_EQ(result.problems[0].file, "app.toml");
  EXPECT_EQ(result.problems[0].line, 4);
  EXPECT_EQ(result.problems[0].column, 3);
  EXPECT_EQ(result.problems[0].key, "commit.windw");
  EXPECT_EQ(result.problems[0].nearest, "window");
  EXPECT_EQ(result.problems[1].line, 5);
  EXPECT_EQ(result.problems[1].column, 15);
  EXPECT_EQ(result.problems[1].key, "commit.level");
}

TEST(YamlPositions, KeyForUnknownKeysValueForWrongValues) {
  LoadResult result = Yaml("# comment\n\ncommit:\n  windw: 3\n  level:   lasting\n");
  ASSERT_EQ(result.problems.size(), 2u);
  EXPECT_EQ(result.problems[0].file, "app.yaml");
  EXPECT_EQ(result.problems[0].line, 4);
  EXPECT_EQ(result.problems[0].column, 3);
  EXPECT_EQ(result.problems[0].key, "commit.windw");
  EXPECT_EQ(result.problems[0].nearest, "window");
  EXPECT_EQ(result.problems[1].line, 5);
  EXPECT_EQ(result.problems[1].column, 12);
  EXPECT_EQ(result.problems[1].key, "commit.level");
}

TEST(TomlPositions, InlineTablesAndDottedKeys) {
  LoadResult result = Toml("commit.window = 0\nsinks.a = { plugin = \"x\", ack = 1 }\n");
  EXPECT_EQ(Problems(result),
            "app.toml:1:17: commit.window: expected at least 1, got 0\n"
            "app.toml:2:33: sinks.a.ack: expected true or false, got 1");
}

TEST(YamlPositions, FlowMapsAndListItems) {
  LoadResult result = Yaml("stores: {names: [main, Bad]}\nsinks:\n  a: {plugin: x, ack: 1}\n");
  EXPECT_EQ(Problems(result),
            "app.yaml:1:24: stores.names: expected a name of 1 to 63 characters a-z, 0-9, _ and -, "
            "got \"Bad\"\n"
            "app.yaml:3:23: sinks.a.ack: expected true or false, got 1");
}

TEST(Positions, PolicyAndSinksCarryTheirs) {
  LoadResult toml =
      Toml("[commit]\npolicy = \"all\"\n\n[sinks.a]\nplugin = \"x\"\nsettings = {}\n");
  ASSERT_EQ(Problems(toml), "");
  EXPECT_EQ(toml.config.commit.policy_at.ToString(), "app.toml:2:10");
  EXPECT_EQ(toml.config.sinks[0].at.ToString(), "app.toml:4:8");
  EXPECT_EQ(toml.config.sinks[0].plugin_at.ToString(), "app.toml:5:10");
  EXPECT_EQ(toml.config.sinks[0].settings_at.ToString(), "app.toml:6:1");
  LoadResult yaml = Yaml("commit:\n  policy: all\nsinks:\n  a:\n    plugin: x\n    settings: {}\n");
  ASSERT_EQ(Problems(yaml), "");
  EXPECT_EQ(yaml.config.commit.policy_at.ToString(), "app.yaml:2:11");
  EXPECT_EQ(yaml.config.sinks[0].at.ToString(), "app.yaml:4:3");
  EXPECT_EQ(yaml.config.sinks[0].plugin_at.ToString(), "app.yaml:5:13");
  EXPECT_EQ(yaml.config.sinks[0].settings_at.ToString(), "app.yaml:6:5");
}

TEST(TomlReader, SyntaxErrorHasItsPlace) {
  LoadResult result = Toml("[commit]\nwindow = \n");
  ASSERT_EQ(result.problems.size(), 1u);
  EXPECT_EQ(result.problems[0].line, 2);
  EXPECT_NE(result.problems[0].text, "");
}

TEST(TomlReader, KeyGivenTwiceIsAnError) {
  LoadResult result = Toml("[commit]\nwindow = 1\nwindow = 2\n");
  ASSERT_EQ(result.problems.size(), 1u);
  EXPECT_EQ(result.problems[0].line, 3);
  EXPECT_NE(result.problems[0].text.find("window"), std::string::npos);
  EXPECT_FALSE(Toml("[sinks.a]\nplugin=\"x\"\n[sinks.a]\nack=true\n").ok());
}

TEST(TomlReader, DeepNestingIsRefused) {
  std::string text = "[sinks.a]\nplugin = \"x\"\nsettings.x = ";
  text += std::string(100, '[') + std::string(100, ']');
  EXPECT_FALSE(Toml(text).ok());
}

TEST(YamlReader, SyntaxErrorHasItsPlace) {
  LoadResult result = Yaml("commit:\n  window: [1\n");
  ASSERT_EQ(result.problems.size(), 1u);
  EXPECT_EQ(result.problems[0].file, "app.yaml");
  EXPECT_GE(result.problems[0].line, 2);
}

TEST(YamlReader, KeyGivenTwiceIsAnError) {
  EXPECT_EQ(Problems(Yaml("commit:\n  window: 1\n  window: 2\n")),
            "app.yaml:3:3: commit.window: given twice; the first is in line 2");
  EXPECT_EQ(Problems(Yaml("sinks:\n  a: {plugin: x}\n  a: {plugin: y}\n")),
            "app.yaml:3:3: sinks.a: given twice; the first is in line 2");
}

TEST(YamlReader, PlainScalarsFollowTheCoreSchema) {
  // `no` is text; 2s needs no quotes; a quoted number is text.
  EXPECT_EQ(Problems(Yaml("commit:\n  sync: no\n")),
            "app.yaml:2:9: commit.sync: expected true or false, got \"no\"");
  LoadResult result =
      Yaml("commit: {ack_timeout: 3s, window: 0x10}\njournal: {max_bytes: 64MiB}\n");
  EXPECT_EQ(Problems(result), "");
  EXPECT_EQ(result.config.commit.window, 16u);
  EXPECT_EQ(Problems(Yaml("commit:\n  window: \"8\"\n")),
            "app.yaml:2:11: commit.window: expected a whole number, got \"8\"");
  EXPECT_EQ(Problems(Yaml("node:\n  stream_id: 12\n")),
            "app.yaml:2:14: node.stream_id: expected text in quotes, got 12");
}

TEST(YamlReader, EmptySectionIsATableEmptyValueIsNot) {
  EXPECT_EQ(Problems(Yaml("commit:\n\nnode:\n")), "");
  LoadResult result = Yaml("node:\n  stream_id:\n");
  ASSERT_EQ(result.problems.size(), 1u);
  EXPECT_EQ(result.problems[0].key, "node.stream_id");
  EXPECT_EQ(result.problems[0].text, "has no value; expected text in quotes");
}

TEST(YamlReader, AnchorsWorkAndBombsDoNot) {
  LoadResult result = Yaml("sinks:\n  a: &base {plugin: x, max_in_flight: 5}\n  b: *base\n");
  ASSERT_EQ(Problems(result), "");
  EXPECT_EQ(result.config.sinks[1].max_in_flight, 5u);
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    std::string below = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) bomb += (j == 0 ? "" : ", ") + below;
    bomb += "]\n";
  }
  LoadResult refused = Yaml(bomb);
  ASSERT_EQ(refused.problems.size(), 1u);
  EXPECT_EQ(refused.problems[0].text, "aliases make this file too large");
  EXPECT_FALSE(Yaml("a: &a [*a]\n").ok());
}

TEST(YamlReader, WhatAConfigurationIsNotIsRefused) {
  for (const char* text : {"a: 1\n---\nb: 2\n", "commit: !env X\n", "<<: {a: 1}\n", "[1, 2]: x\n",
                           "- 1\n- 2\n", "just text\n", "? {a: 1}\n: x\n"}) {
    EXPECT_FALSE(Yaml(text).ok()) << text;
  }
  std::string deep;
  for (int i = 0; i < 2000; ++i) deep += "[";
  EXPECT_FALSE(Yaml(deep).ok());
}

TEST(Readers, BytesThatAreNoTextAreRefused) {
  EXPECT_FALSE(Toml("[node]\nstream_id = \"\xff\"\n").ok());
  EXPECT_FALSE(Yaml("node: \xff\n").ok());
}

}  // namespace
}  // namespace sluice
