// SPDX-License-Identifier: Apache-2.0
#include "config/references.h"

#include <gtest/gtest.h>

#include "unit/config/load_fixture.h"

namespace sluice {
namespace {

TEST(References, EnvironmentNamesAreFilledIn) {
  LoadResult result = Toml(
      "[node]\nstream_id = \"${ENV}-${ENV}\"\n[commit]\nwindow = \"${WINDOW}\"\n" +
          WithSink(
              "settings = { path = \"${DIR}/x\", list = [\"${ENV}\"], cost = \"$${ENV} $5\" }"),
      {{"ENV", "prod"}, {"WINDOW", "3"}, {"DIR", "/srv"}});
  ASSERT_EQ(Problems(result), "");
  EXPECT_EQ(result.config.node.stream_id, "prod-prod");
  EXPECT_EQ(result.config.commit.window, 3u);
  EXPECT_EQ(result.config.sinks[0].settings,
            R"({"path":"/srv/x","list":["prod"],"cost":"${ENV} $5"})");
}

TEST(References, UnsetNameIsAnErrorWithItsPlace) {
  EXPECT_EQ(Problems(Toml(WithSink("settings = { user = \"${NOBODY}\" }"))),
            "app.toml:3:21: sinks.audit.settings.user: the environment variable NOBODY is not set; "
            "set it, or write the value here");
  EXPECT_EQ(Problems(Yaml("admin:\n  token: ${NOBODY}\n")),
            "app.yaml:2:10: admin.token: the environment variable NOBODY is not set; set it, or "
            "write the value here");
}

TEST(References, UnfinishedReferenceIsAnError) {
  for (const char* text : {"${", "${}", "a ${NAME"}) {
    LoadResult result = Toml("[admin]\ntoken = \"" + std::string(text) + "\"\n", {{"NAME", "x"}});
    ASSERT_EQ(result.problems.size(), 1u) << text;
    EXPECT_EQ(result.problems[0].line, 2);
  }
}

TEST(References, FileGivesItsTextWithoutTheLastNewline) {
  TemporaryHome home;
  home.Write("secret", "s3cr3t\n");
  home.Write("two-lines", "a\nb\r\n");
  home.Write("timeout", "3s\n");
  LoadResult result = Toml(
      "[admin]\ntoken = { file = \"secret\" }\n[commit]\nack_timeout = { file = \"timeout\" }\n" +
          WithSink("settings = { auth = { key = { file = \"two-lines\" } }, file = \"kept\" }"),
      {}, home.path());
  ASSERT_EQ(Problems(result), "");
  EXPECT_EQ(result.config.admin.token, "s3cr3t");
  EXPECT_EQ(result.config.commit.ack_timeout, std::chrono::seconds(3));
  EXPECT_EQ(result.config.sinks[0].settings, R"({"auth":{"key":"a\nb"},"file":"kept"})");
}

TEST(References, AbsolutePathIsTakenAsItIs) {
  TemporaryHome home;
  home.Write("secret", "x");
  std::string path = (home.path() / "secret").string();
  LoadResult result = Toml("[admin]\ntoken = { file = \"" + path + "\" }\n");
  ASSERT_EQ(Problems(result), "");
  EXPECT_EQ(result.config.admin.token, "x");
}

TEST(References, FileThatCannotBeReadIsAnErrorWithItsPlace) {
  TemporaryHome home;
  for (const char* name : {"absent", "config"}) {
    LoadResult result =
        Toml("[admin]\ntoken = { file = \"" + std::string(name) + "\" }\n", {}, home.path());
    ASSERT_EQ(result.problems.size(), 1u);
    EXPECT_EQ(result.problems[0].line, 2);
    EXPECT_EQ(result.problems[0].column, 9);
    EXPECT_EQ(
        result.problems[0].text.rfind("cannot read the file " + (home.path() / name).string(), 0),
        0u);
  }
}

TEST(References, SecretsNeverStandInProblems) {
  LoadResult result = Toml(
      "[commit]\nlevel = \"${SECRET}\"\nack_timeout = \"${SECRET}\"\n[stores]\n"
      "names = [\"${SECRET}\"]\n[driver.resp]\nlisten = \"${SECRET}\"\n[admin]\ntoken = 31337\n",
      {{"SECRET", "Hunter2"}});
  EXPECT_EQ(result.problems.size(), 5u);
  EXPECT_EQ(Problems(result).find("Hunter2"), std::string::npos) << Problems(result);
  EXPECT_EQ(Problems(result).find("31337"), std::string::npos) << Problems(result);
}

}  // namespace
}  // namespace sluice
