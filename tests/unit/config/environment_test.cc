// SPDX-License-Identifier: Apache-2.0
#include "config/environment.h"

#include <gtest/gtest.h>

#include "unit/config/load_fixture.h"

namespace sluice {
namespace {

const char* const kTwoSinks =
    "[sinks.audit]\nplugin = \"file\"\nsettings = { path = \"a\" }\n"
    "[sinks.kafka-eu]\nplugin = \"kafka\"\nsettings = { topic = \"t\" }\n";

TEST(EnvironmentOverrides, EveryTypeIsReadFromText) {
  LoadResult result =
      Toml("[commit]\nack_timeout = \"2s\"\n", {{"SLUICE_COMMIT__ACK_TIMEOUT", "5s"},
                                                {"SLUICE_COMMIT__WINDOW", "16"},
                                                {"SLUICE_COMMIT__SYNC", "false"},
                                                {"SLUICE_COMMIT__LEVEL", "received"},
                                                {"SLUICE_JOURNAL__MAX_BYTES", "1GiB"},
                                                {"SLUICE_STORES__NAMES", "a, b"},
                                                {"SLUICE_STORES__OLD_VALUES", R"(["a"])"},
                                                {"SLUICE_DRIVER__REPLAY__PATH", "in.jsonl"}});
  ASSERT_EQ(Problems(result), "");
  EXPECT_EQ(result.config.commit.ack_timeout, std::chrono::seconds(5));
  EXPECT_EQ(result.config.commit.window, 16u);
  EXPECT_FALSE(result.config.commit.sync);
  EXPECT_EQ(result.config.commit.level, AckLevel::kReceived);
  EXPECT_EQ(result.config.journal.max_bytes, uint64_t{1} << 30);
  EXPECT_EQ(result.config.stores.names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(result.config.stores.old_values, std::vector<std::string>{"a"});
  EXPECT_EQ(result.config.driver.replay.path, "in.jsonl");
}

TEST(EnvironmentOverrides, SinksAreFoundWhateverTheirDashes) {
  LoadResult result = Toml(kTwoSinks, {{"SLUICE_SINKS__AUDIT__ACK", "false"},
                                       {"SLUICE_SINKS__KAFKA_EU__RETRY__FACTOR", "1.5"},
                                       {"SLUICE_SINKS__KAFKA_EU__SETTINGS__TOPIC", "orders"},
                                       {"SLUICE_SINKS__AUDIT__SETTINGS", R"({"path":"b","n":1})"}});
  ASSERT_EQ(Problems(result), "");
  EXPECT_FALSE(result.config.sinks[0].ack);
  EXPECT_EQ(result.config.sinks[0].settings, R"({"path":"b","n":1})");
  EXPECT_EQ(result.config.sinks[1].retry.factor, 1.5);
  EXPECT_EQ(result.config.sinks[1].settings, R"({"topic":"orders"})");
}

TEST(EnvironmentOverrides, ProblemsNameTheVariable) {
  LoadResult result = Toml(kTwoSinks, {{"SLUICE_COMMIT__WINDOW", "many"},
                                       {"SLUICE_COMMIT__WINDWO", "1"},
                                       {"SLUICE_SINKS__AUDTI__ACK", "false"},
                                       {"SLUICE_COMMIT__WINDOW__MORE", "1"},
                                       {"SLUICE_DRIVER__REPLAY", "1"}});
  EXPECT_EQ(
      Problems(result),
      "SLUICE_COMMIT__WINDOW: commit.window: expected a whole number, got \"many\"\n"
      "SLUICE_COMMIT__WINDOW__MORE: commit.window: is one value, there is nothing below it\n"
      "SLUICE_COMMIT__WINDWO: commit.windwo: unknown key; did you mean \"window\"?\n"
      "SLUICE_DRIVER__REPLAY: driver.replay: is a table; name one key of it\n"
      "SLUICE_SINKS__AUDTI__ACK: sinks.audti: no such name in the configuration file; an override "
      "cannot add one; did you mean \"audit\"?");
}

TEST(EnvironmentOverrides, ReservedNamesAndOthersAreLeftAlone) {
  LoadResult result = Toml("", {{"SLUICE_HOME", "/x"},
                                {"SLUICE_TEST_SEED", "1"},
                                {"SLUICE_TEST__X", "1"},
                                {"SLUICE_FAILPOINT", "x"},
                                {"SLUICE_FAILPOINT__X", "x"},
                                {"SLUICE_BUILD_DIR", "x"},
                                {"HOME", "/root"},
                                {"XSLUICE_COMMIT__WINDOW", "0"}});
  EXPECT_EQ(Problems(result), "");
  EXPECT_EQ(Warnings(result), "");
}

TEST(EnvironmentOverrides, OneUnderscoreTooFewIsWarnedOf) {
  LoadResult result = Toml("", {{"SLUICE_COMMIT_ACK_TIMEOUT", "9s"}});
  EXPECT_EQ(result.config.commit.ack_timeout, std::chrono::seconds(2));
  EXPECT_EQ(Warnings(result),
            "SLUICE_COMMIT_ACK_TIMEOUT: commit.ack_timeout: is not taken from this variable; an "
            "override is written SLUICE_COMMIT__ACK_TIMEOUT");
}

TEST(EnvironmentOverrides, OverrideIsStrongerThanTheTemplate) {
  LoadResult result =
      Toml("[templates.t]\nplugin = \"x\"\nmax_in_flight = 3\n[sinks.a]\ntemplate = \"t\"\n",
           {{"SLUICE_SINKS__A__MAX_IN_FLIGHT", "4"}});
  ASSERT_EQ(Problems(result), "");
  EXPECT_EQ(result.config.sinks[0].max_in_flight, 4u);
}

TEST(EnvironmentOverrides, TextOfAnOverrideIsTakenAsItIs) {
  LoadResult result = Toml("", {{"SLUICE_ADMIN__TOKEN", "${HOME}"}});
  ASSERT_EQ(Problems(result), "");
  EXPECT_EQ(result.config.admin.token, "${HOME}");
}

TEST(EnvironmentOverrides, ProcessEnvironmentIsRead) {
  ASSERT_EQ(::setenv("SLUICE_TEST_ENVIRONMENT", "a=b", 1), 0);
  EXPECT_EQ(ProcessEnvironment()["SLUICE_TEST_ENVIRONMENT"], "a=b");
}

}  // namespace
}  // namespace sluice
