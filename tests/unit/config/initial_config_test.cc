// SPDX-License-Identifier: Apache-2.0
#include "config/initial_config.h"

#include <gtest/gtest.h>

#include <sstream>

#include "config/properties.h"
#include "unit/config/load_fixture.h"

namespace sluice {
namespace {

TEST(InitialConfig, RunsAsItIsInBothLanguages) {
  LoadResult toml = Toml(InitialConfigText(ConfigFormat::kToml));
  LoadResult yaml = Yaml(InitialConfigText(ConfigFormat::kYaml));
  EXPECT_EQ(Problems(toml), "") << InitialConfigText(ConfigFormat::kToml);
  EXPECT_EQ(Problems(yaml), "") << InitialConfigText(ConfigFormat::kYaml);
  EXPECT_EQ(Warnings(toml), "");
  EXPECT_EQ(Warnings(yaml), "");
  EXPECT_EQ(Values(toml), Values(yaml));
  ASSERT_EQ(toml.config.sinks.size(), 1u);
  EXPECT_EQ(toml.config.sinks[0].name, SinkName("audit"));
  EXPECT_EQ(toml.config.sinks[0].plugin, "file");
  EXPECT_EQ(toml.config.sinks[0].settings, R"({"path":"data/stream","fsync":true})");
  EXPECT_EQ(toml.config.commit.policy, "all");
  EXPECT_EQ(toml.config.driver.kind, DriverKind::kReplay);
}

// Uncommenting everything gives the same configuration: what the comments call a default is one.
TEST(InitialConfig, CommentedLinesShowTheDefaults) {
  for (ConfigFormat format : {ConfigFormat::kToml, ConfigFormat::kYaml}) {
    std::string text = InitialConfigText(format);
    LoadResult as_written = LoadConfigText(text, format, "app", "/h", {});
    std::string uncommented;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      size_t hash = line.find_first_not_of(' ');
      bool setting = hash != std::string::npos && line[hash] == '#' && line[hash + 1] != ' ';
      if (setting) line.erase(hash, 1);
      uncommented += line + "\n";
    }
    LoadResult result = LoadConfigText(uncommented, format, "app", "/h", {});
    EXPECT_EQ(Problems(result), "") << uncommented;
    EXPECT_EQ(Values(result), Values(as_written));
  }
}

TEST(InitialConfig, EverySettingIsInIt) {
  for (ConfigFormat format : {ConfigFormat::kToml, ConfigFormat::kYaml}) {
    std::string text = InitialConfigText(format);
    std::string mark = format == ConfigFormat::kToml ? " = " : ": ";
    for (const Property& row : NodeProperties().rows()) {
      std::string key = row.path.substr(row.path.rfind('.') + 1);
      EXPECT_NE(text.find(key + mark), std::string::npos) << row.path;
    }
  }
}

TEST(InitialConfig, LinesFitAScreen) {
  for (ConfigFormat format : {ConfigFormat::kToml, ConfigFormat::kYaml}) {
    std::istringstream lines(InitialConfigText(format));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100u) << line;
  }
}

}  // namespace
}  // namespace sluice
