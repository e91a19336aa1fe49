// SPDX-License-Identifier: Apache-2.0
//
// Every kind of row, every kind of mistake, through the node's own table.
#include "config/checker.h"

#include <gtest/gtest.h>

#include "unit/config/load_fixture.h"

namespace sluice {
namespace {

TEST(Checker, EmptyFileGivesDefaults) {
  LoadResult result = Toml("");
  EXPECT_EQ(Problems(result), "");
  const Config& config = result.config;
  EXPECT_EQ(config.node.stream_id, "demo");
  EXPECT_EQ(config.stores.names, std::vector<std::string>{"main"});
  EXPECT_EQ(config.commit.policy, "all");
  EXPECT_FALSE(config.commit.policy_at.written());
  EXPECT_EQ(config.commit.level, AckLevel::kDurable);
  EXPECT_EQ(config.commit.ack_timeout, std::chrono::seconds(2));
  EXPECT_EQ(config.commit.on_failure, OnFailure::kRecover);
  EXPECT_EQ(config.commit.recover_timeout, std::chrono::seconds(60));
  EXPECT_EQ(config.commit.window, 8u);
  EXPECT_TRUE(config.commit.sync);
  EXPECT_EQ(config.journal.max_bytes, uint64_t{10} << 30);
  EXPECT_EQ(config.journal.disk_reserve_bytes, uint64_t{1} << 30);
  EXPECT_EQ(config.journal.retain_blocks, 100u);
  EXPECT_EQ(config.driver.replay.block_max_bytes, uint64_t{64} << 20);
  EXPECT_EQ(config.lifecycle.provision_timeout, std::chrono::minutes(5));
  EXPECT_EQ(config.lifecycle.restore, Restore::kLenient);
  EXPECT_EQ(config.admin.listen, "unix:data/admin.sock");
  EXPECT_EQ(config.log.format, "text");
  EXPECT_TRUE(config.sinks.empty());
}

TEST(Checker, EverySettingOfASinkArrives) {
  LoadResult result = Toml(R"(
[stores]
names = ["main", "orders"]
old_values = ["*"]
[sinks.audit]
plugin = "file"
settings = { path = "data/a", fsync = true }
stores = ["orders"]
key_prefixes = ["o-"]
ack = false
enabled = false
ack_timeout = "1s"
max_in_flight = 7
queue_bytes = "1MiB"
start = "resume"
on_gap = "refuse"
lazy = false
old_values = true
isolation = "in_process"
sha256 = "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff"
retry = { initial = "1ms", max = "2s", factor = 3, jitter = 0.5, max_attempts = 9 }
)");
  ASSERT_EQ(Problems(result), "");
  ASSERT_EQ(result.config.sinks.size(), 1u);
  const SinkConfig& sink = result.config.sinks[0];
  EXPECT_EQ(sink.name, SinkName("audit"));
  EXPECT_EQ(sink.plugin, "file");
  EXPECT_EQ(sink.settings, R"({"path":"data/a","fsync":true})");
  EXPECT_EQ(sink.stores, std::vector<std::string>{"orders"});
  EXPECT_FALSE(sink.all_stores);
  EXPECT_EQ(sink.key_prefixes, std::vector<std::string>{"o-"});
  EXPECT_FALSE(sink.ack);
  EXPECT_FALSE(sink.enabled);
  EXPECT_EQ(sink.ack_timeout, std::chrono::seconds(1));
  EXPECT_EQ(sink.max_in_flight, 7u);
  EXPECT_EQ(sink.queue_bytes, uint64_t{1} << 20);
  EXPECT_TRUE(sink.old_values);
  EXPECT_EQ(sink.sha256, "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
  EXPECT_EQ(sink.retry.initial, std::chrono::milliseconds(1));
  EXPECT_EQ(sink.retry.max, std::chrono::seconds(2));
  EXPECT_EQ(sink.retry.factor, 3.0);
  EXPECT_EQ(sink.retry.jitter, 0.5);
  EXPECT_EQ(sink.retry.max_attempts, 9u);
  EXPECT_EQ(result.config.stores.old_values, (std::vector<std::string>{"main", "orders"}));
}

// The names in the table stand in the order of the enums; this fails where one is moved.
TEST(Checker, EveryNameOfAnEnumArrivesAsItsValue) {
  auto on_failure = [](const char* name) {
    return Toml("[commit]\non_failure = \"" + std::string(name) + "\"\n").config.commit.on_failure;
  };
  EXPECT_EQ(on_failure("recover"), OnFailure::kRecover);
  EXPECT_EQ(on_failure("halt"), OnFailure::kHalt);
  EXPECT_EQ(on_failure("wait"), OnFailure::kWait);
  EXPECT_EQ(on_failure("degrade"), OnFailure::kDegrade);
  auto level = [](const char* name) {
    return Toml("[commit]\nlevel = \"" + std::string(name) + "\"\n").config.commit.level;
  };
  EXPECT_EQ(level("received"), AckLevel::kReceived);
  EXPECT_EQ(level("durable"), AckLevel::kDurable);
  EXPECT_EQ(level("visible"), AckLevel::kVisible);
  auto lifecycle = [](const char* line) {
    return Toml("[lifecycle]\n" + std::string(line) + "\n").config.lifecycle;
  };
  EXPECT_EQ(lifecycle("restore = \"lenient\"").restore, Restore::kLenient);
  EXPECT_EQ(lifecycle("restore = \"strict\"").restore, Restore::kStrict);
  EXPECT_EQ(lifecycle("recover_on_start = \"now\"").recover_on_start, RecoverOnStart::kNow);
  EXPECT_EQ(lifecycle("recover_on_start = \"on_first_use\"").recover_on_start,
            RecoverOnStart::kOnFirstUse);
  EXPECT_EQ(lifecycle("recover_on_start = \"never\"").recover_on_start, RecoverOnStart::kNever);
}

TEST(Checker, SinksKeepTheOrderOfTheFile) {
  LoadResult result = Toml("[sinks.zz]\nplugin = \"null\"\n[sinks.aa]\nplugin = \"null\"\n");
  ASSERT_EQ(result.config.sinks.size(), 2u);
  EXPECT_EQ(result.config.sinks[0].name.str(), "zz");
  EXPECT_EQ(result.config.sinks[1].name.str(), "aa");
}

TEST(Checker, AbsentAckTimeoutIsThreeQuartersOfThePolicys) {
  LoadResult result = Toml("[commit]\nack_timeout = \"4s\"\n" + WithSink(""));
  ASSERT_EQ(Problems(result), "");
  EXPECT_EQ(result.config.sinks[0].ack_timeout, std::chrono::seconds(3));
}

TEST(Checker, StarMeansEveryStoreByName) {
  LoadResult result = Toml("[stores]\nnames = [\"a\", \"b\"]\n" + WithSink("stores = [\"*\"]"));
  ASSERT_EQ(Problems(result), "");
  EXPECT_TRUE(result.config.sinks[0].all_stores);
  EXPECT_EQ(result.config.sinks[0].stores, (std::vector<std::string>{"a", "b"}));
}

// Every setting of the top-level sections, each with a value that is not its default.
TEST(Checker, EverySettingOfTheNodeArrives) {
  LoadResult result = Toml(R"(
[stores]
options_file = "OPTIONS"
[driver.replay]
path = "p"
source = "s"
follow = false
block_txs = 7
block_max_bytes = "1MiB"
[driver.resp]
listen = "unix:r"
password = "pw"
block_max_txs = 8
block_max_bytes = "2MiB"
block_interval = "3ms"
[commit]
recover_timeout = "4s"
window = 5
sync = false
[journal]
max_bytes = "6MiB"
max_blocks = 7
retain_blocks = 8
disk_reserve = "9B"
[plugins]
dir = "d"
[lifecycle]
start_timeout = "1s"
stop_timeout = "2s"
drain_timeout = "3s"
provision_timeout = "4s"
stalled_after = "5s"
healthy_after = "6s"
[admin]
token = "t"
listen = "unix:a"
metrics_listen = "[::1]:1"
[log]
level = "debug"
format = "json"
)");
  ASSERT_EQ(Problems(result), "");
  const Config& config = result.config;
  EXPECT_EQ(config.stores.options_file, "OPTIONS");
  EXPECT_EQ(config.driver.replay.path, "p");
  EXPECT_EQ(config.driver.replay.source, "s");
  EXPECT_FALSE(config.driver.replay.follow);
  EXPECT_EQ(config.driver.replay.block_txs, 7u);
  EXPECT_EQ(config.driver.replay.block_max_bytes, uint64_t{1} << 20);
  EXPECT_EQ(config.driver.resp.listen, "unix:r");
  EXPECT_EQ(config.driver.resp.password, "pw");
  EXPECT_EQ(config.driver.resp.block_max_txs, 8u);
  EXPECT_EQ(config.driver.resp.block_max_bytes, uint64_t{2} << 20);
  EXPECT_EQ(config.driver.resp.block_interval, std::chrono::milliseconds(3));
  EXPECT_EQ(config.commit.recover_timeout, std::chrono::seconds(4));
  EXPECT_EQ(config.commit.window, 5u);
  EXPECT_FALSE(config.commit.sync);
  EXPECT_EQ(config.journal.max_bytes, uint64_t{6} << 20);
  EXPECT_EQ(config.journal.max_blocks, 7u);
  EXPECT_EQ(config.journal.retain_blocks, 8u);
  EXPECT_EQ(config.journal.disk_reserve_bytes, 9u);
  EXPECT_EQ(config.plugins.dir, "d");
  EXPECT_EQ(config.lifecycle.start_timeout, std::chrono::seconds(1));
  EXPECT_EQ(config.lifecycle.stop_timeout, std::chrono::seconds(2));
  EXPECT_EQ(config.lifecycle.drain_timeout, std::chrono::seconds(3));
  EXPECT_EQ(config.lifecycle.provision_timeout, std::chrono::seconds(4));
  EXPECT_EQ(config.lifecycle.stalled_after, std::chrono::seconds(5));
  EXPECT_EQ(config.lifecycle.healthy_after, std::chrono::seconds(6));
  EXPECT_EQ(config.admin.token, "t");
  EXPECT_EQ(config.admin.listen, "unix:a");
  EXPECT_EQ(config.admin.metrics_listen, "[::1]:1");
  EXPECT_EQ(config.log.level, "debug");
  EXPECT_EQ(config.log.format, "json");
}

struct BadValue {
  const char* text;
  const char* problem;
};

class CheckerBadValue : public testing::TestWithParam<BadValue> {};

TEST_P(CheckerBadValue, IsToldWithPlaceKeyAndWhatIsExpected) {
  EXPECT_EQ(Problems(Toml(GetParam().text)), GetParam().problem);
}

INSTANTIATE_TEST_SUITE_P(
    Table, CheckerBadValue,
    testing::Values(
        BadValue{"[commit]\nack_timeuot = \"2s\"",
                 "app.toml:2:1: commit.ack_timeuot: unknown key; did you mean \"ack_timeout\"?"},
        BadValue{"[comit]\nx = 1", "app.toml:1:2: comit: unknown key; did you mean \"commit\"?"},
        BadValue{"[node]\ncolour = 1",
                 "app.toml:2:1: node.colour: unknown key; known here: stream_id"},
        // The nearest key is looked for on its own level only.
        BadValue{"[node]\nwindow = 1",
                 "app.toml:2:1: node.window: unknown key; known here: stream_id"},
        BadValue{"commit = 3", "app.toml:1:10: commit: expected a table, got 3"},
        BadValue{
            "[commit]\nack_timeout = 2",
            "app.toml:2:15: commit.ack_timeout: expected a duration such as \"2s\", got 2; write "
            "the unit, for example \"2s\" or \"2ms\""},
        BadValue{
            "[commit]\nack_timeout = \"2\"",
            "app.toml:2:15: commit.ack_timeout: expected a duration such as \"2s\", got \"2\""},
        BadValue{
            "[journal]\nmax_bytes = 64",
            "app.toml:2:13: journal.max_bytes: expected a size such as \"64MiB\", got 64; write "
            "the unit, for example \"64MiB\" or \"64KiB\""},
        BadValue{"[commit]\nack_timeout = \"0ms\"",
                 "app.toml:2:15: commit.ack_timeout: expected at least 1ms, got \"0ms\""},
        BadValue{"[commit]\nack_timeout = \"2d\"",
                 "app.toml:2:15: commit.ack_timeout: expected at most 24h, got \"2d\""},
        BadValue{"[commit]\nwindow = 0",
                 "app.toml:2:10: commit.window: expected at least 1, got 0"},
        BadValue{"[commit]\nwindow = \"8\"",
                 "app.toml:2:10: commit.window: expected a whole number, got \"8\""},
        BadValue{"[commit]\nwindow = 1.5",
                 "app.toml:2:10: commit.window: expected a whole number, got 1.5"},
        BadValue{"[commit]\nsync = \"true\"",
                 "app.toml:2:8: commit.sync: expected true or false, got \"true\""},
        BadValue{
            "[commit]\nlevel = \"durabel\"",
            "app.toml:2:9: commit.level: expected one of \"received\", \"durable\", \"visible\", "
            "got \"durabel\"; did you mean \"durable\"?"},
        BadValue{"[commit]\npolicy = 2",
                 "app.toml:2:10: commit.policy: expected text in quotes, got 2"},
        BadValue{"[commit]\npolicy = \"\"",
                 "app.toml:2:10: commit.policy: expected a text that is not empty, got \"\""},
        BadValue{"[commit]\npolicy = 2026-01-31",
                 "app.toml:2:10: commit.policy: expected text in quotes, got a date or time"},
        BadValue{
            "[node]\nstream_id = \"Demo\"",
            "app.toml:2:13: node.stream_id: expected a name of 1 to 63 characters a-z, 0-9, _ and "
            "-, got \"Demo\""},
        BadValue{"[stores]\nnames = []", "app.toml:2:9: stores.names: expected at least one"},
        BadValue{
            "[stores]\nnames = [\"a\", \"b c\"]",
            "app.toml:2:15: stores.names: expected a name of 1 to 63 characters a-z, 0-9, _ and "
            "-, got \"b c\""},
        BadValue{"[stores]\nnames = [\"a\", \"a\"]",
                 "app.toml:2:15: stores.names: \"a\" is in the list twice"},
        BadValue{"[stores]\nnames = \"a\"",
                 "app.toml:2:9: stores.names: expected a list of texts such as [\"a\", \"b\"], got "
                 "\"a\""},
        BadValue{
            "[stores]\nnames = [\"a\", 3]",
            "app.toml:2:15: stores.names: expected a list of texts such as [\"a\", \"b\"], got 3 "
            "in it"},
        BadValue{"[sinks.audit]\nplugin = \"file\"\nstores = []",
                 "app.toml:3:10: sinks.audit.stores: an empty list could mean all or none; write "
                 "[\"*\"] for all"},
        BadValue{"[sinks.audit]\nplugin = \"file\"\nstores = [\"*\", \"main\"]",
                 "app.toml:3:11: sinks.audit.stores: \"*\" says all, so it stands alone"},
        BadValue{
            "[sinks.audit]\nplugin = \"file\"\nsha256 = \"abc\"",
            "app.toml:3:10: sinks.audit.sha256: expected the 64 hexadecimal digits of a SHA-256, "
            "got \"abc\""},
        BadValue{
            "[sinks.Audit]\nplugin = \"file\"",
            "app.toml:1:8: sinks.Audit: expected a name of 1 to 63 characters a-z, 0-9, _ and -"},
        BadValue{"[sinks.audit]\nplugin = \"file\"\nsettings = \"x\"",
                 "app.toml:3:12: sinks.audit.settings: expected a table, got \"x\""},
        BadValue{
            "[sinks.audit]\nplugin = \"file\"\nsettings = { since = 2026-01-31 }",
            "app.toml:3:22: sinks.audit.settings: a date or time cannot be a setting; write it as "
            "text in quotes"},
        BadValue{"[sinks.audit]\nplugin = \"file\"\nretry = { factor = 0.5 }",
                 "app.toml:3:20: sinks.audit.retry.factor: expected at least 1.0, got 0.5"},
        BadValue{"[sinks.audit]\nplugin = \"file\"\nretry = { factor = inf }",
                 "app.toml:3:20: sinks.audit.retry.factor: expected a number, got inf"},
        BadValue{"[sinks.audit]\nplugin = \"file\"\nretry = 3",
                 "app.toml:3:9: sinks.audit.retry: expected a table, got 3"}));

TEST(Checker, SinkWithoutPluginIsToldAtTheSink) {
  std::string problems = Problems(Toml("[sinks.audit]\nack = true\n"));
  EXPECT_EQ(problems.substr(0, problems.find(';')), "app.toml:1:8: sinks.audit.plugin: is missing");
}

TEST(Checker, WhatIsNotThereYetSaysSo) {
  const std::pair<std::string, std::string> cases[] = {
      {"[driver]\nkind = \"resp\"",
       "app.toml:2:8: driver.kind: \"resp\" is not yet available in "
       "this version; use \"replay\""},
      {"[driver]\nkind = \"abci\"",
       "app.toml:2:8: driver.kind: \"abci\" is not yet available in "
       "this version; use \"replay\""},
      {WithSink("isolation = \"process\""),
       "app.toml:3:13: sinks.audit.isolation: \"process\" is "
       "not yet available in this version; use \"in_process\""},
  };
  for (const auto& entry : cases) EXPECT_EQ(Problems(Toml(entry.first)), entry.second);
}

TEST(Checker, AllProblemsAreToldAtOnceInTheOrderOfTheFile) {
  LoadResult result = Toml(R"([node]
stream_id = "Prod Stream"
[stores]
names = ["main", "orders"]
[commit]
polciy = "all"
ack_timeout = 2
window = 0
[sinks.audit]
plugin = "file"
stores = ["ordrs"]
ack_timeout = "9s"
[sinks.search]
template = "kafka-eu"
queue_bytes = "1"
[lifecycle]
restore = "strictly"
)");
  EXPECT_EQ(
      Problems(result),
      R"(app.toml:2:13: node.stream_id: expected a name of 1 to 63 characters a-z, 0-9, _ and -, got "Prod Stream"
app.toml:6:1: commit.polciy: unknown key; did you mean "policy"?
app.toml:7:15: commit.ack_timeout: expected a duration such as "2s", got 2; write the unit, for example "2s" or "2ms"
app.toml:8:10: commit.window: expected at least 1, got 0
app.toml:11:11: sinks.audit.stores: there is no store "ordrs"; add it to stores.names; did you mean "orders"?
app.toml:12:15: sinks.audit.ack_timeout: 9s is not below commit.ack_timeout, 2s; the policy's deadline would pass before the sink is tried again
app.toml:13:8: sinks.search.plugin: is missing; The plugin, by name (`file` is file.so in plugins.dir or in the installation), or by path where it holds a slash. Required, here or in the template.
app.toml:14:12: sinks.search.template: there is no template "kafka-eu"; add [templates.kafka-eu]
app.toml:15:15: sinks.search.queue_bytes: expected a size such as "64MiB", got "1"
app.toml:17:11: lifecycle.restore: expected one of "lenient", "strict", got "strictly"; did you mean "strict"?)");
}

}  // namespace
}  // namespace sluice
