// SPDX-License-Identifier: Apache-2.0
#include "config/effective.h"

#include <gtest/gtest.h>

#include "config/json_tree.h"
#include "unit/config/load_fixture.h"

namespace sluice {
namespace {

const EffectiveValue& Value(const LoadResult& result, const std::string& path) {
  for (const EffectiveValue& value : result.effective) {
    if (value.path == path) return value;
  }
  ADD_FAILURE() << "no value " << path;
  static const EffectiveValue kNone;
  return kNone;
}

TEST(EffectiveValues, SayWhereTheyCameFrom) {
  LoadResult result = Toml(
      "[commit]\npolicy = \"all\"\n[templates.t]\nplugin = \"x\"\n"
      "settings = { a = 1 }\nqueue_bytes = \"1MiB\"\n[sinks.s]\ntemplate = \"t\"\n",
      {{"SLUICE_COMMIT__WINDOW", "3"}});
  ASSERT_EQ(Problems(result), "");
  EXPECT_EQ(Value(result, "commit.policy").origin, "app.toml:2");
  EXPECT_EQ(Value(result, "commit.window").origin, "SLUICE_COMMIT__WINDOW");
  EXPECT_EQ(Value(result, "commit.level").origin, "default");
  EXPECT_EQ(Value(result, "sinks.s.queue_bytes").origin, "template t (app.toml:6)");
  EXPECT_EQ(Value(result, "sinks.s.queue_bytes").text, "\"1MiB\"");
  EXPECT_EQ(Value(result, "sinks.s.settings").text, "{ a = 1 }");
  EXPECT_EQ(Value(result, "sinks.s.ack_timeout").text, "\"1500ms\"");
}

TEST(EffectiveValues, SecretsAreMaskedEverywhere) {
  TemporaryHome home;
  home.Write("pw", "FROMFILE");
  LoadResult result = Toml(
      "[node]\nstream_id = \"${ID}\"\n[admin]\ntoken = \"PLAINTOKEN\"\n"
      "[driver.resp]\npassword = { file = \"pw\" }\n" +
          WithSink("settings = { user = \"${USER_NAME}\", sasl = { key = { file = \"pw\" } }, "
                   "password = \"PLAINPASSWORD\", conninfo = \"host=x password=PLAINPASSWORD\", "
                   "path = \"shown\" }"),
      {{"ID", "fromenv"}, {"USER_NAME", "FROMENV"}}, home.path());
  ASSERT_EQ(Problems(result), "");
  EXPECT_EQ(result.config.driver.resp.password, "FROMFILE");
  for (const std::string& text :
       {EffectiveText(result.effective), EffectiveJson(result.effective)}) {
    for (const char* secret : {"FROMFILE", "FROMENV", "fromenv", "PLAIN"}) {
      EXPECT_EQ(text.find(secret), std::string::npos) << secret << "\n" << text;
    }
    EXPECT_NE(text.find("shown"), std::string::npos);
    EXPECT_NE(text.find("********"), std::string::npos);
  }
}

TEST(EffectiveValues, AbsentSecretIsSeenToBeAbsent) {
  EXPECT_EQ(Value(Toml(""), "admin.token").text, "\"\"");
}

TEST(EffectiveText, IsAConfigurationThatSaysTheSame) {
  LoadResult result =
      Toml("[stores]\nnames = [\"a\", \"b\"]\n[commit]\nack_timeout = \"90s\"\n" +
           WithSink("key_prefixes = [\"q\\\"\\u007f\\n\"]\nsettings = { path = \"p\", "
                    "\"a key\" = [1, 2.5, true, { x = {} }] }\nstores = [\"b\"]"));
  ASSERT_EQ(Problems(result), "");
  LoadResult again = Toml(EffectiveText(result.effective));
  EXPECT_EQ(Problems(again), "") << EffectiveText(result.effective);
  EXPECT_EQ(Values(again), Values(result));
}

TEST(EffectiveJson, HoldsValuesAndOrigins) {
  Result<ConfigNode> root = FromJson(EffectiveJson(Toml(WithSink("")).effective));
  ASSERT_TRUE(root);
  const ConfigNode* values = root->Find("values");
  ASSERT_NE(values, nullptr);
  EXPECT_EQ(values->Find("sinks")->Find("audit")->Find("plugin")->text, "file");
  EXPECT_EQ(values->Find("commit")->Find("window")->integer, 8);
  EXPECT_EQ(root->Find("origins")->Find("sinks.audit.plugin")->text, "app.toml:2");
}

}  // namespace
}  // namespace sluice
