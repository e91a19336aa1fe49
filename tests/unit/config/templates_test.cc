// SPDX-License-Identifier: Apache-2.0
#include "config/templates.h"

#include <gtest/gtest.h>

#include "unit/config/load_fixture.h"

namespace sluice {
namespace {

const char* const kTemplate = R"([templates.kafka-eu]
plugin = "kafka"
queue_bytes = "1MiB"
stores = ["main"]
settings = { brokers = "k1", producer = { acks = "all", linger = "5ms" } }
retry = { initial = "1s" }
)";

TEST(Templates, SinkInheritsAndOverrides) {
  LoadResult result = Toml(std::string(kTemplate) + R"(
[sinks.orders]
template = "kafka-eu"
settings = { topic = "orders", producer = { linger = "9ms" } }
retry = { max = "2s" }
[sinks.other]
template = "kafka-eu"
plugin = "kafka-next"
queue_bytes = "2MiB"
)");
  ASSERT_EQ(Problems(result), "");
  const SinkConfig& orders = result.config.sinks[0];
  EXPECT_EQ(orders.plugin, "kafka");
  EXPECT_EQ(orders.template_name, "kafka-eu");
  EXPECT_EQ(orders.queue_bytes, uint64_t{1} << 20);
  EXPECT_EQ(orders.stores, std::vector<std::string>{"main"});
  EXPECT_EQ(orders.settings,
            R"({"brokers":"k1","producer":{"acks":"all","linger":"9ms"},"topic":"orders"})");
  EXPECT_EQ(orders.retry.initial, std::chrono::seconds(1));
  EXPECT_EQ(orders.retry.max, std::chrono::seconds(2));
  const SinkConfig& other = result.config.sinks[1];
  EXPECT_EQ(other.plugin, "kafka-next");
  EXPECT_EQ(other.queue_bytes, uint64_t{2} << 20);
  EXPECT_EQ(other.settings, R"({"brokers":"k1","producer":{"acks":"all","linger":"5ms"}})");
}

TEST(Templates, YamlSaysTheSame) {
  LoadResult yaml = Yaml(
      "templates:\n  t:\n    plugin: x\n    settings: {a: 1, m: {k: v}}\n"
      "sinks:\n  s:\n    template: t\n    settings: {m: {l: w}}\n");
  ASSERT_EQ(Problems(yaml), "");
  EXPECT_EQ(yaml.config.sinks[0].settings, R"({"a":1,"m":{"k":"v","l":"w"}})");
}

TEST(Templates, EmptyYamlTableOverridesNothing) {
  LoadResult yaml = Yaml(
      "templates:\n  t:\n    plugin: x\n    settings: {a: 1}\n"
      "sinks:\n  s:\n    template: t\n    settings:\n    retry:\n");
  ASSERT_EQ(Problems(yaml), "");
  EXPECT_EQ(yaml.config.sinks[0].settings, R"({"a":1})");
}

TEST(Templates, UnknownTemplateIsAnErrorWithTheNearest) {
  LoadResult result =
      Toml(std::string(kTemplate) + "[sinks.a]\nplugin = \"x\"\ntemplate = \"kafka-us\"\n");
  EXPECT_EQ(Problems(result),
            "app.toml:9:12: sinks.a.template: there is no template \"kafka-us\"; add "
            "[templates.kafka-us]; did you mean \"kafka-eu\"?");
}

TEST(Templates, FaultOfATemplateIsToldOnceAndAtTheTemplate) {
  LoadResult result = Toml(
      "[templates.t]\nplugin = \"x\"\nqueue_bytes = 7\n"
      "[sinks.a]\ntemplate = \"t\"\n[sinks.b]\ntemplate = \"t\"\n");
  ASSERT_EQ(result.problems.size(), 1u) << Problems(result);
  EXPECT_EQ(result.problems[0].key, "templates.t.queue_bytes");
  EXPECT_EQ(result.problems[0].line, 3);
}

TEST(Templates, TemplateHasNoTemplate) {
  LoadResult result = Toml("[templates.t]\nplugin = \"x\"\ntemplate = \"u\"\n");
  ASSERT_EQ(result.problems.size(), 1u);
  EXPECT_EQ(result.problems[0].key, "templates.t.template");
}

TEST(Templates, DuplicateNameIsAnError) {
  EXPECT_FALSE(Toml("[templates.t]\nplugin=\"x\"\n[templates.t]\nplugin=\"y\"\n").ok());
  EXPECT_FALSE(Yaml("templates:\n  t: {plugin: x}\n  t: {plugin: y}\n").ok());
}

TEST(Templates, UnusedTemplateIsCheckedToo) {
  EXPECT_FALSE(Toml("[templates.t]\nplugin = \"x\"\nqueue_byts = \"1MiB\"\n").ok());
}

}  // namespace
}  // namespace sluice
