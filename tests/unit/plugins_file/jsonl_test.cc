// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "file/jsonl_line.h"
#include "file/text_encoding.h"
#include "unit/plugins_file/sink_driver.h"

namespace sluice_file::testing {
namespace {

using nlohmann::json;

class JsonlTest : public ::testing::Test {
 protected:
  std::vector<std::string> Lines(const SinkDriver& sink) {
    std::ifstream in(sink.Files().at(0));
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
  JsonlParser parser_;
  TemporaryFolder home_;
  StreamContent content_;
};

TEST_F(JsonlTest, LinesAreExactlyAsDocumented) {
  content_.Add({{false, "orders", "o-1", "42", false, ""},
                {true, "orders", "o-0", "", false, ""},
                {false, "orders", "\xFF", std::string("\0\xFE", 2), true, "old"},
                {false, "orders", "quote\"", "", true, "\x80"}});
  SinkDriver sink(home_.path(), R"("format":"jsonl")");
  ASSERT_EQ(sink.Begin(3, content_), SLUICE_OK);
  ASSERT_EQ(sink.Deliver(content_.at(1)), SLUICE_OK);
  const Digest& digest = content_.digest(1);
  std::string hex;
  AppendHex({reinterpret_cast<const char*>(digest.data()), digest.size()}, &hex);
  const std::string start = R"({"stream":"demo","height":1,)";
  EXPECT_THAT(
      Lines(sink),
      ::testing::ElementsAre(
          start + R"("tx":0,"seq":0,"op":"set","store":"orders","key":"o-1","value":"42"})",
          start + R"("tx":0,"seq":1,"op":"delete","store":"orders","key":"o-0"})",
          start + R"("tx":1,"seq":2,"op":"set","store":"orders","key_base64":"/w==",)" +
              R"("value_base64":"AP4=","old_value":"old"})",
          start + R"("tx":1,"seq":3,"op":"set","store":"orders","key":"quote\"","value":"",)" +
              R"("old_value_base64":"gA=="})",
          start + R"("epoch":3,"changes":4,"digest":")" + hex + R"("})"));
  ExpectHolds(&sink, content_, 1, 1);
}

TEST_F(JsonlTest, FilteredHeightSaysSo) {
  content_.Add({});
  SinkDriver sink(home_.path(), R"("format":"jsonl")");
  ASSERT_EQ(sink.Begin(3, content_), SLUICE_OK);
  ASSERT_EQ(sink.Deliver(content_.at(1), 0, 1, SLUICE_BATCH_FILTERED), SLUICE_OK);
  EXPECT_TRUE(json::parse(Lines(sink).at(0)).at("filtered").get<bool>());
}

TEST_F(JsonlTest, AnyBytesRoundTripThroughAnIndependentParser) {
  std::mt19937_64 random(5);
  for (int i = 0; i < 3000; ++i) {
    ChangeView change;
    std::string key(random() % 8, '\0'), value(random() % 8, '\0');
    for (char& c : key) c = static_cast<char>(random() % 4 == 0 ? random() : random() % 128);
    for (char& c : value) c = static_cast<char>(random() % 128);
    change.store = "s";
    change.key = key;
    change.value = value;
    std::string text;
    AppendChangeLine("demo", 1, change, &text);
    const json parsed = json::parse(text);
    EXPECT_EQ(parsed.contains("key"), IsUtf8(key));
    EXPECT_EQ(parsed.at("value").get<std::string>(), value);
    text.pop_back();
    EXPECT_EQ(text.find('\n'), std::string::npos);
    JsonlLine line;
    ASSERT_EQ(parser_.Parse(text, &line), "");
    EXPECT_EQ(line.key, key);
    EXPECT_EQ(line.value, value);
  }
}

TEST_F(JsonlTest, MalformedLinesAreRefused) {
  const std::string good =
      R"({"stream":"d","height":1,"tx":0,"seq":0,"op":"set","store":"s","key":"k","value":"v"})";
  JsonlLine line;
  ASSERT_EQ(parser_.Parse(good, &line), "");
  for (const char* wrong :
       {"", "[]", "{}", R"({"stream":"d","height":1})",
        R"({"stream":"d","height":-1,"epoch":1,"changes":0,"digest":""})",
        R"({"stream":"d","height":1,"epoch":1,"changes":0,"digest":"00"})",
        R"({"stream":"d","height":1,"tx":0,"seq":0,"op":"set","store":"s","key":"k"})",
        R"({"stream":"d","height":1,"tx":0,"seq":0,"op":"put","store":"s","key":"k","value":""})",
        R"({"stream":"d","height":1,"tx":0,"seq":4294967296,"op":"delete","store":"s","key":"k"})",
        R"({"stream":"d","height":1,"tx":0,"seq":0,"op":"delete","store":"s","key_base64":"!"})"}) {
    EXPECT_NE(parser_.Parse(wrong, &line), "") << wrong;
  }
}

// A closing line that counts what is not there does not complete a height.
TEST_F(JsonlTest, ClosingLineMustCountItsLines) {
  content_.AddMany(3, 2);
  content_.Add({{false, "s", "k", "v", false, ""}, {false, "s", "k2", "v", false, ""}});
  {
    SinkDriver sink(home_.path(), R"("format":"jsonl")");
    ASSERT_EQ(sink.Begin(1, content_), SLUICE_OK);
    ASSERT_TRUE(sink.DeliverAll(content_, 4, 1));
    std::vector<std::string> lines = Lines(sink);
    lines.erase(lines.end() - 2);
    std::ofstream out(sink.Files()[0]);
    for (const auto& line : lines) out << line << "\n";
  }
  SinkDriver sink(home_.path(), R"("format":"jsonl")");
  ASSERT_EQ(sink.Begin(2, content_), SLUICE_OK) << sink.failure();
  EXPECT_EQ(sink.acked(), 3u);
}

}  // namespace
}  // namespace sluice_file::testing
