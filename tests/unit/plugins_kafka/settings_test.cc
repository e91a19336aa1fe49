// SPDX-License-Identifier: Apache-2.0
#include "kafka/settings.h"

#include <gtest/gtest.h>

namespace sluice_kafka {
namespace {

std::string Refusal(const std::string& more) {
  Settings settings;
  const sluice::sdk::Status status =
      ParseSettings(R"({"brokers":"b:9092","topic":"t")" + more + "}", "demo", &settings);
  return status.ok() ? "" : status.text();
}

TEST(KafkaSettings, DefaultsAreThoseOfTheSchema) {
  Settings settings;
  ASSERT_TRUE(ParseSettings(R"({"brokers":"b:9092","topic":"t"})", "demo", &settings).ok());
  EXPECT_EQ(settings.position_topic, "sluice.demo.position");
  EXPECT_EQ(settings.layout, Layout::kChanges);
  EXPECT_EQ(settings.encoding, Encoding::kProtobuf);
  EXPECT_TRUE(settings.create && settings.transactions);
  EXPECT_EQ(settings.linger.count(), 0);
  EXPECT_TRUE(settings.properties.empty());
}

TEST(KafkaSettings, PropertiesMayBeNestedOrDotted) {
  Settings settings;
  ASSERT_TRUE(ParseSettings(R"({"brokers":"b","topic":"t","producer":{"sasl":{"username":"u"},
                                "linger.ms":5,"enable.idempotence":true}})",
                            "demo", &settings)
                  .ok());
  using Pair = std::pair<std::string, std::string>;
  ASSERT_EQ(settings.properties.size(), 3u);
  EXPECT_EQ(settings.properties[0], Pair("enable.idempotence", "true"));
  EXPECT_EQ(settings.properties[1], Pair("linger.ms", "5"));
  EXPECT_EQ(settings.properties[2], Pair("sasl.username", "u"));
}

TEST(KafkaSettings, WhatIsWrongIsNamed) {
  struct Row {
    const char* more;
    const char* says;
  };
  for (const Row& row : std::initializer_list<Row>{
           {R"(,"layout":"rows")", "setting layout"},
           {R"(,"encoding":"avro")", "setting encoding"},
           {R"(,"batch_blocks":0)", "setting batch_blocks"},
           {R"(,"partitions":-1)", "setting partitions"},
           {R"(,"topic":"a b")", "setting topic"},
           {R"(,"position_topic":"t")", "setting position_topic"},
           {R"(,"layout":"blocks","topic":"t.{store}")", "setting topic"},
           {R"(,"layout":"blocks","cleanup_policy":"compact")", "setting cleanup_policy"},
           {R"(,"producer":{"transactional.id":"x"})", "setting producer.transactional.id"},
           {R"(,"producer":{"bootstrap.servers":"x"})", "setting producer.bootstrap.servers"},
           {R"(,"producer":{"enable.idempotence":false})", "setting producer.enable.idempotence"},
           {R"(,"producer":{"sasl.password":["x"]})", "setting producer.sasl.password"},
           {R"(,"producer":{"allow.auto.create.topics":true})",
            "setting producer.allow.auto.create.topics"},
           {R"(,"producer":{"partitioner":"consistent_random"})", "setting producer.partitioner"},
           {R"(,"transactions":false,"producer":{"message.timeout.ms":1000})",
            "setting producer.message.timeout.ms"},
           {R"(,"transactions":false,"producer":{"max.in.flight":5})",
            "setting producer.max.in.flight"},
       }) {
    EXPECT_NE(Refusal(row.more).find(row.says), std::string::npos) << row.more << Refusal(row.more);
  }
}

TEST(KafkaSettings, CredentialsAreKnown) {
  for (const char* name : {"sasl.password", "ssl.key.password", "ssl.key.pem",
                           "sasl.oauthbearer.client.secret", "ssl.keystore.password"}) {
    EXPECT_TRUE(IsCredential(name)) << name;
  }
  EXPECT_FALSE(IsCredential("security.protocol"));
  EXPECT_FALSE(IsCredential("message.max.bytes"));
}

TEST(KafkaSettings, StoreStandsInTheTopic) {
  Settings settings;
  settings.topic = "state.{store}";
  EXPECT_TRUE(settings.topic_per_store());
  EXPECT_EQ(TopicOf(settings, "orders"), "state.orders");
  settings.topic = "all";
  EXPECT_EQ(TopicOf(settings, "orders"), "all");
}

}  // namespace
}  // namespace sluice_kafka
