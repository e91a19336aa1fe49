// SPDX-License-Identifier: Apache-2.0
#include "kafka/position.h"

#include <gtest/gtest.h>

namespace sluice_kafka {
namespace {

Position Example() {
  Position position;
  position.stream = "demo";
  position.sink = "orders";
  position.epoch = 7;
  position.height = (uint64_t{1} << 63) - 1;
  position.digest.bytes[0] = 0xAB;
  position.base = 3;
  position.filtered = true;
  position.plain_keys = true;
  position.topics = {"a", "b"};
  return position;
}

TEST(KafkaPosition, IsReadBackAsItWasWritten) {
  const Position written = Example();
  Position read;
  ASSERT_TRUE(DecodePosition(EncodePosition(written), &read));
  EXPECT_EQ(EncodePosition(read), EncodePosition(written));
  EXPECT_EQ(read.height, written.height);
  EXPECT_EQ(read.topics, written.topics);
  EXPECT_TRUE(read.filtered && read.plain_keys);
}

TEST(KafkaPosition, OfACopyIsReadBackAsItWasWritten) {
  Position written = Example();
  written.all_topics = false;
  written.copying = true;
  written.snapshot = CopyMark{9, 7, 3, 4000000000000};
  written.begins["a"] = {57, 0};
  Position read;
  ASSERT_TRUE(DecodePosition(EncodePosition(written), &read));
  EXPECT_EQ(EncodePosition(read), EncodePosition(written));
  EXPECT_FALSE(read.all_topics);
  EXPECT_TRUE(read.copying);
  ASSERT_TRUE(read.snapshot.has_value());
  EXPECT_EQ(read.snapshot->height, 9u);
  EXPECT_EQ(read.snapshot->epoch, 7u);
  EXPECT_EQ(read.snapshot->parts, 3u);
  EXPECT_EQ(read.snapshot->rows, 4000000000000u);
  EXPECT_EQ(read.BeginOf("a", 0), 57);
  // What is not listed counts from its beginning: a topic, or a partition that was added.
  EXPECT_EQ(read.BeginOf("a", 2), 0);
  EXPECT_EQ(read.BeginOf("b", 0), 0);
}

TEST(KafkaPosition, OfAnEarlierVersionListsAllTopicsUnlessItBeganBehindAGap) {
  const std::string digest(64, '0');
  const auto listed = [&](const std::string& base) {
    Position read;
    EXPECT_TRUE(DecodePosition(R"({"stream":"s","sink":"k","epoch":1,"height":9,"base":)" + base +
                                   R"(,"digest":")" + digest + R"(","topics":["a"]})",
                               &read));
    EXPECT_FALSE(read.snapshot.has_value() || read.copying);
    return read.all_topics;
  };
  EXPECT_TRUE(listed("0"));
  EXPECT_FALSE(listed("7"));
}

TEST(KafkaPosition, TakesUnknownFieldsAndMissingFlags) {
  Position read;
  const std::string digest(64, '0');
  EXPECT_TRUE(
      DecodePosition(R"({"stream":"s","sink":"k","epoch":1,"height":2,"base":0,"digest":")" +
                         digest + R"(","new":[1]})",
                     &read));
  EXPECT_EQ(read.height, 2u);
  EXPECT_FALSE(read.filtered);
}

TEST(KafkaPosition, RefusesWhatIsNoPosition) {
  Position read;
  for (const char* value :
       {"", "x", "[]", "{}", R"({"stream":"s","sink":"k","epoch":-1,"height":2,"base":0})",
        R"({"stream":"s","sink":"k","epoch":1,"height":2,"base":0,"digest":"00"})"}) {
    EXPECT_FALSE(DecodePosition(value, &read)) << value;
  }
}

TEST(KafkaPosition, RefusesACopyThatIsNone) {
  const std::string digest(64, '0');
  const std::string before =
      R"({"stream":"s","sink":"k","epoch":1,"height":2,"base":0,"digest":")" + digest + R"(",)";
  for (const char* member : {R"("snapshot":1)", R"("snapshot":{"height":1,"epoch":1,"parts":1})",
                             R"("begins":[1])", R"("begins":{"t":1})", R"("begins":{"t":[-1]})"}) {
    Position read;
    EXPECT_FALSE(DecodePosition(before + member + "}", &read)) << member;
  }
}

TEST(KafkaPosition, NamesTheSettingThatWouldChangeTheRecords) {
  Position stored;
  stored.layout = "changes";
  stored.encoding = "json";
  stored.topic = "orders";
  Position read;
  ASSERT_TRUE(DecodePosition(EncodePosition(stored), &read));
  EXPECT_EQ(ChangedSetting(read, stored), "");
  Position now = stored;
  now.topic = "{store}";
  EXPECT_EQ(ChangedSetting(read, now), "setting topic is {store}, but was orders");
  now = stored;
  now.layout = "blocks";
  EXPECT_EQ(ChangedSetting(read, now), "setting layout is blocks, but was changes");
  now = stored;
  now.encoding = "protobuf";
  EXPECT_EQ(ChangedSetting(read, now), "setting encoding is protobuf, but was json");
  now = stored;
  now.plain_keys = true;
  EXPECT_NE(ChangedSetting(read, now).find("setting stores"), std::string::npos);
  read.layout = now.layout = "blocks";
  EXPECT_EQ(ChangedSetting(read, now), "");
}

TEST(KafkaPosition, OfAnEarlierVersionOnlyTheKeysAreCompared) {
  Position stored;
  const std::string digest(64, '0');
  ASSERT_TRUE(DecodePosition(
      R"({"stream":"s","sink":"k","epoch":1,"height":2,"base":0,"digest":")" + digest + R"("})",
      &stored));
  Position now;
  now.layout = "changes";
  now.encoding = "json";
  now.topic = "orders";
  EXPECT_EQ(ChangedSetting(stored, now), "");
  now.plain_keys = true;
  EXPECT_NE(ChangedSetting(stored, now), "");
}

TEST(KafkaPosition, KeyNamesStreamAndSink) {
  EXPECT_EQ(PositionKey("demo", "orders"), "demo.orders");
}

}  // namespace
}  // namespace sluice_kafka
