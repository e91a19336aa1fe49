// SPDX-License-Identifier: Apache-2.0
#include "config/rules.h"

#include <gtest/gtest.h>

#include "unit/config/load_fixture.h"

namespace sluice {
namespace {

TEST(Rules, SinkNamesAStoreThatExists) {
  EXPECT_EQ(
      Problems(Toml("[stores]\nnames = [\"orders\"]\n" + WithSink("stores = [\"order\"]"))),
      "app.toml:5:11: sinks.audit.stores: there is no store \"order\"; add it to stores.names; "
      "did you mean \"orders\"?");
  EXPECT_EQ(
      Problems(Toml("[stores]\nold_values = [\"accounts\"]\n")),
      "app.toml:2:15: stores.old_values: there is no store \"accounts\"; add it to stores.names");
}

TEST(Rules, SinksTimeoutIsBelowThePolicys) {
  EXPECT_EQ(Problems(Toml("[commit]\nack_timeout = \"1s\"\n" + WithSink("ack_timeout = \"1s\""))),
            "app.toml:5:15: sinks.audit.ack_timeout: 1s is not below commit.ack_timeout, 1s; the "
            "policy's deadline would pass before the sink is tried again");
  EXPECT_EQ(
      Problems(Toml("[commit]\nack_timeout = \"1s\"\n" + WithSink("ack_timeout = \"999ms\""))), "");
}

TEST(Rules, UncountedSinkMayTakeItsTime) {
  EXPECT_EQ(Problems(Toml(WithSink("ack = false\nack_timeout = \"1m\""))), "");
}

TEST(Rules, ALazySinkDoesNotCount) {
  EXPECT_EQ(Problems(Toml(WithSink("lazy = true"))),
            "app.toml:3:8: sinks.audit.lazy: true is for sinks with ack = false: a block cannot "
            "wait for the ack of a sink that waits for a change of its own");
  EXPECT_EQ(Problems(Toml("[commit]\npolicy = \"fire-and-forget\"\n" +
                          WithSink("lazy = true\nack = false"))),
            "");
}

TEST(Rules, LongestRetryDelayIsNotBelowTheFirst) {
  EXPECT_EQ(Problems(Toml(WithSink("retry = { initial = \"2s\", max = \"1s\" }"))),
            "app.toml:3:33: sinks.audit.retry.max: 1s is below retry.initial, 2s");
}

TEST(Rules, TwoFileSinksNeedTwoFolders) {
  auto two = [](const char* first, const char* second) {
    return Problems(Toml("[sinks.a]\nplugin = \"file\"\nsettings.path = \"" + std::string(first) +
                         "\"\n[sinks.b]\nplugin = \"file\"\nsettings.path = \"" +
                         std::string(second) + "\"\n"));
  };
  const char* const kProblem =
      "app.toml:6:17: sinks.b.settings.path: is the same folder as that of the sink a; give each "
      "file sink its own";
  EXPECT_EQ(two("data/x", "data/x"), kProblem);
  EXPECT_EQ(two("data/x", "./data/y/../x/"), kProblem);
  EXPECT_EQ(two("/home-of-test/data/x", "data/x"), kProblem);
  EXPECT_EQ(two("data/x", "data/xy"), "");
}

TEST(Rules, TwoFileSinksWithTheFolderOfATemplateCollide) {
  LoadResult result = Toml(
      "[templates.t]\nplugin = \"./plugins/file.so\"\nsettings.path = \"x\"\n"
      "[sinks.a]\ntemplate = \"t\"\n[sinks.b]\ntemplate = \"t\"\n");
  EXPECT_EQ(
      Problems(result),
      "app.toml:6:8: sinks.b.settings.path: is the same folder as that of the sink a; give each "
      "file sink its own");
}

TEST(Rules, ListeningToTheWorldNeedsASecret) {
  EXPECT_EQ(Problems(Toml("[admin]\nlisten = \"0.0.0.0:7380\"\n")),
            "app.toml:2:10: admin.listen: \"0.0.0.0:7380\" is reachable from other machines; set "
            "admin.token, or listen on loopback or a unix socket");
  EXPECT_EQ(
      Problems(Toml("[driver.resp]\nlisten = \"example.org:7379\"\n")),
      "app.toml:2:10: driver.resp.listen: \"example.org:7379\" is reachable from other machines; "
      "set driver.resp.password, or listen on loopback or a unix socket");
  EXPECT_EQ(Problems(Toml("[admin]\nlisten = \"0.0.0.0:7380\"\ntoken = \"t\"\n")), "");
  EXPECT_EQ(Problems(Toml("[driver.resp]\nlisten = \"[::]:7379\"\npassword = \"p\"\n")), "");
  for (const char* local : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", "unix:x"}) {
    EXPECT_EQ(Problems(Toml("[admin]\nlisten = \"" + std::string(local) + "\"\n")), "") << local;
  }
}

TEST(Rules, MetricsMayBeReadFromElsewhereWithASecret) {
  EXPECT_EQ(Problems(Toml("[admin]\nmetrics_listen = \"0.0.0.0:7380\"\n")),
            "app.toml:2:18: admin.metrics_listen: \"0.0.0.0:7380\" is reachable from other "
            "machines; set admin.token, or listen on loopback or a unix socket");
  EXPECT_EQ(Problems(Toml("[admin]\nmetrics_listen = \"0.0.0.0:7380\"\ntoken = \"t\"\n")), "");
  EXPECT_EQ(Problems(Toml("[admin]\nmetrics_listen = \"\"\n")), "");
}

TEST(Rules, AddressThatIsNoneIsAnError) {
  EXPECT_EQ(Problems(Toml("[admin]\nlisten = \"7380\"\n")),
            "app.toml:2:10: admin.listen: expected an address such as \"127.0.0.1:7380\", "
            "\"[::1]:7380\" or \"unix:data/admin.sock\", got \"7380\"");
}

TEST(Rules, WithoutSyncThereIsAWarning) {
  LoadResult result = Toml("[commit]\nsync = false\n");
  EXPECT_EQ(Problems(result), "");
  EXPECT_EQ(Warnings(result),
            "app.toml:2:8: commit.sync: false gives up the promises for power cuts; a crash of the "
            "process alone still loses nothing");
}

TEST(Rules, OldValuesOfNoStoreAreWarnedOf) {
  EXPECT_EQ(
      Warnings(Toml(WithSink("old_values = true"))),
      "app.toml:3:14: sinks.audit.old_values: has no effect: stores.old_values names no store");
}

}  // namespace
}  // namespace sluice
