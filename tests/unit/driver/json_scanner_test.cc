// SPDX-License-Identifier: Apache-2.0
#include "driver/replay/json_scanner.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <random>
#include <string>
#include <string_view>

#include "support/seed.h"

namespace sluice {
namespace {

TEST(JsonScanner, ValueEndsBehindItsLastByte) {
  std::string_view text = R"(["a" , {"b":-1.5e3}] ,true)";
  size_t position = 0;
  EXPECT_FALSE(ScanJsonValue(text, &position, 0));
  EXPECT_EQ(text.substr(0, position), R"(["a" , {"b":-1.5e3}])");
  position = text.find("true");
  EXPECT_FALSE(ScanJsonValue(text, &position, 0));
  EXPECT_EQ(position, text.size());
}

TEST(JsonScanner, DepthCountsWhatIsOpenAround) {
  std::string_view text = "[[]]";
  size_t position = 0;
  EXPECT_FALSE(ScanJsonValue(text, &position, kMaxJsonDepth - 2));
  position = 0;
  auto fault = ScanJsonValue(text, &position, kMaxJsonDepth - 1);
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->offset, 1u);
}

TEST(JsonScanner, EmptyAndBlankLinesAreNoValue) {
  EXPECT_TRUE(ScanJsonLine(""));
  EXPECT_TRUE(ScanJsonLine("  "));
}

// simdjson's other parser checks everything; both must agree on what JSON is.
TEST(JsonScanner, AcceptsWhatSimdjsonAcceptsUnderMutation) {
  std::mt19937_64 random(testing_support::Seed());
  const std::string_view seeds[] = {
      R"({"a":[1,-2.5e+10,0.1,true,false,null,"x"],"b":{"c":{}},"d":""})",
      R"(["\u00e9\ud83d\ude00\"\\\/\b\f\n\r\t","ü€𝄞",[[[]]],{"":0}])",
      R"( { "height" : 12 , "txs" : [ ] } )",
      R"("text")",
      R"(-0.0E-1)",
  };
  const std::string_view pieces[] = {
      "{",    "}",    "[", "]", ",", ":", "\"", "\\",   "\\u",  "d8",   "e",
      ".",    "-",    "+", "0", "1", " ", "\t", "\xff", "\xc3", "\xa9", std::string_view("\0", 1),
      "true", "null", "x"};
  simdjson::dom::parser parser;
  for (int round = 0; round < 60'000; ++round) {
    std::string text(seeds[random() % std::size(seeds)]);
    for (uint64_t edits = random() % 4; edits > 0; --edits) {
      size_t at = random() % (text.size() + 1);
      switch (random() % 3) {
        case 0:
          text.insert(at, pieces[random() % std::size(pieces)]);
          break;
        case 1:
          text.erase(at, 1 + random() % 3);
          break;
        default:
          if (at < text.size()) text[at] = static_cast<char>(random());
      }
    }
    // A line has no line feed in it.
    if (text.find('\n') != std::string::npos) continue;
    simdjson::padded_string padded(text);
    auto expected = parser.parse(padded).error();
    // Numbers beyond a double are JSON all the same, and are taken over as they are written.
    if (expected == simdjson::NUMBER_ERROR && text.find_first_of("eE") != std::string::npos)
      continue;
    auto fault = ScanJsonLine(text);
    if (fault && fault->text.find("surrogate") != std::string::npos) continue;
    EXPECT_EQ(fault.has_value(), expected != simdjson::SUCCESS)
        << text << "\nsimdjson: " << expected << "\nscanner: "
        << (fault ? fault->text + " at " + std::to_string(fault->offset) : "accepted");
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace sluice
