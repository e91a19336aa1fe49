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

TEST(KafkaPosition, KeyNamesStreamAndSink) {
  EXPECT_EQ(PositionKey("demo", "orders"), "demo.orders");
}

}  // namespace
}  // namespace sluice_kafka
