// SPDX-License-Identifier: Apache-2.0
#include "driver/replay/line_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {
namespace {

using ::testing::HasSubstr;

const std::vector<std::string> kStores = {"main", "orders"};

struct Outcome {
  Block block;
  ParsedLine parsed;
  std::optional<LineError> error;
};

Outcome Parse(std::string_view line) {
  LineParser parser(kStores);
  std::string padded(line);
  padded += '\n';
  // What stands behind a line in the reader's buffer is the next line or anything else.
  padded.append(LineParser::kPadding, '"');
  Outcome outcome;
  outcome.error = parser.Parse(std::string_view(padded).substr(0, line.size()), &outcome.block,
                               &outcome.parsed);
  return outcome;
}

Operation ParseOperation(std::string_view line) {
  Outcome outcome = Parse(line);
  EXPECT_FALSE(outcome.error) << line << ": " << outcome.error->column << ": "
                              << outcome.error->text;
  if (outcome.error) return {};
  EXPECT_EQ(outcome.block.transactions.size(), 1u);
  return outcome.block.transactions.at(0).operations.at(0);
}

std::string ValueOf(std::string_view raw) {
  return ParseOperation(R"({"op":"set","store":"main","key":"k","value":)" + std::string(raw) + "}")
      .value.value_or("(none)");
}

TEST(LineParser, BlockLineHasHeightTimeAndTransactions) {
  Outcome outcome = Parse(
      R"({"height":1,"time":"1970-01-01T00:00:01Z","txs":[{"ops":[{"op":"set","store":"orders",)"
      R"("key":"o-1","value":"42"},{"op":"delete","store":"orders","key":"o-0"}]},{"ops":[]}]})");
  ASSERT_FALSE(outcome.error) << outcome.error->text;
  EXPECT_EQ(outcome.parsed.kind, LineKind::kBlock);
  EXPECT_EQ(outcome.parsed.height_column, 11u);
  EXPECT_EQ(outcome.block.height, Height(1));
  EXPECT_EQ(outcome.block.time_unix_nanos, 1'000'000'000);
  ASSERT_EQ(outcome.block.transactions.size(), 2u);
  ASSERT_EQ(outcome.block.transactions[0].operations.size(), 2u);
  const Operation& set = outcome.block.transactions[0].operations[0];
  EXPECT_EQ(set.kind, OperationKind::kSet);
  EXPECT_EQ(set.store, "orders");
  EXPECT_EQ(set.key, "o-1");
  EXPECT_EQ(set.value, "42");
  const Operation& removal = outcome.block.transactions[0].operations[1];
  EXPECT_EQ(removal.kind, OperationKind::kDelete);
  EXPECT_EQ(removal.key, "o-0");
  EXPECT_EQ(removal.value, std::nullopt);
  EXPECT_TRUE(outcome.block.transactions[1].operations.empty());
}

TEST(LineParser, BlockWithoutTransactionsIsEmptyAndTimeDefaultsToTheEpoch) {
  Outcome outcome = Parse(R"({"txs":[]})");
  ASSERT_FALSE(outcome.error);
  EXPECT_EQ(outcome.parsed.kind, LineKind::kBlock);
  EXPECT_EQ(outcome.block.height, std::nullopt);
  EXPECT_EQ(outcome.block.time_unix_nanos, 0);
  EXPECT_TRUE(outcome.block.transactions.empty());
}

TEST(LineParser, HighestHeightIsTwoToThe63rdMinusOne) {
  Outcome outcome = Parse(R"({"height":9223372036854775807,"txs":[]})");
  ASSERT_FALSE(outcome.error);
  EXPECT_EQ(outcome.block.height, Height(std::numeric_limits<int64_t>::max()));
}

TEST(LineParser, TransactionLineAppendsOneTransaction) {
  Outcome outcome = Parse(R"({"ops":[{"op":"require","store":"orders","key":"o-1","value":"42"},)"
                          R"({"op":"set","store":"orders","key":"o-1","value":{"qty":43}}]})");
  ASSERT_FALSE(outcome.error);
  EXPECT_EQ(outcome.parsed.kind, LineKind::kTransaction);
  ASSERT_EQ(outcome.block.transactions.size(), 1u);
  ASSERT_EQ(outcome.block.transactions[0].operations.size(), 2u);
  EXPECT_EQ(outcome.block.transactions[0].operations[0].kind, OperationKind::kRequire);
  EXPECT_EQ(outcome.block.transactions[0].operations[0].value, "42");
  EXPECT_EQ(outcome.block.transactions[0].operations[1].value, R"({"qty":43})");
}

TEST(LineParser, OperationLineIsATransactionOfOne) {
  Outcome outcome = Parse(R"({"op":"set","store":"orders","key":"o-2","value":"1"})");
  ASSERT_FALSE(outcome.error);
  EXPECT_EQ(outcome.parsed.kind, LineKind::kOperation);
  ASSERT_EQ(outcome.block.transactions.size(), 1u);
  ASSERT_EQ(outcome.block.transactions[0].operations.size(), 1u);
}

TEST(LineParser, RequireWithNullAsksForAnAbsentKey) {
  Operation operation = ParseOperation(R"({"op":"require","store":"main","key":"k","value":null})");
  EXPECT_EQ(operation.kind, OperationKind::kRequire);
  EXPECT_EQ(operation.value, std::nullopt);
}

TEST(LineParser, FieldsMayStandInAnyOrderWithWhiteSpace) {
  Operation operation = ParseOperation(
      " {\t\"value\" : [ 1 , 2 ] , \"key\":\"k\", \"store\" :\"main\" ,\"op\":\"set\" } \t");
  EXPECT_EQ(operation.value, "[ 1 , 2 ]");
  EXPECT_EQ(operation.key, "k");
}

TEST(LineParser, TextsAreUnescapedToUtf8) {
  Operation operation = ParseOperation(
      R"({"op":"set","store":"m\u0061in","key":"\u00fc\ud834\udd1e\"\\\/\b\f\n\r\t\u0000","value":"Zürich"})");
  EXPECT_EQ(operation.store, "main");
  EXPECT_EQ(operation.key, std::string("ü𝄞\"\\/\b\f\n\r\t\0", 15));
  EXPECT_EQ(operation.value, "Zürich");
}

TEST(LineParser, EscapedFieldNamesAreTheSameFields) {
  EXPECT_EQ(ParseOperation(R"({"\u006fp":"set","store":"main","k\u0065y":"k","value":"v"})").key,
            "k");
}

TEST(LineParser, Base64CarriesAnyBytes) {
  Operation operation =
      ParseOperation(R"({"op":"set","store":"main","key_base64":"/wA=","value_base64":""})");
  EXPECT_EQ(operation.key, std::string("\xff\x00", 2));
  EXPECT_EQ(operation.value, "");
}

TEST(LineParser, EmptyValueIsAValue) { EXPECT_EQ(ValueOf(R"("")"), ""); }

TEST(LineParser, ValuesThatAreNoTextsStandAsTheyAreWritten) {
  for (std::string_view raw :
       {"42", "-0", "1.50e+07", "true", "false", "{}", "[]", "{ \"a\" : [1, {\"b\":null}] }",
        "[\"}\",\"]\\\"\", \"\\u00e9\"]", "123456789012345678901234567890"}) {
    EXPECT_EQ(ValueOf(raw), raw);
    EXPECT_EQ(ValueOf(std::string(raw) + " \t"), raw) << "no white space at the end";
  }
}

TEST(LineParser, SixtyFourLevelsOfNestingAreTaken) {
  // The line's object is the first level.
  std::string arrays = std::string(63, '[') + std::string(63, ']');
  EXPECT_EQ(ValueOf(arrays), arrays);
}

TEST(LineParser, ReusedAfterAnErrorParsesTheNextLine) {
  LineParser parser(kStores);
  auto parse = [&](std::string line) {
    size_t size = line.size();
    line += '\n';
    line.append(LineParser::kPadding, ' ');
    Block block;
    ParsedLine parsed;
    return parser.Parse(std::string_view(line).substr(0, size), &block, &parsed).has_value();
  };
  EXPECT_TRUE(parse(R"({"op":"set")"));
  EXPECT_FALSE(parse(R"({"op":"delete","store":"main","key":"k"})"));
}

struct BadLine {
  std::string
      line;  // a ^ marks the byte at which the error is reported, and is no part of the line
  std::string text;

  friend void PrintTo(const BadLine& bad, std::ostream* out) { *out << bad.line.substr(0, 100); }
};

class BadLines : public ::testing::TestWithParam<BadLine> {};

TEST_P(BadLines, AreReportedAtTheirColumn) {
  std::string line = GetParam().line;
  size_t mark = line.find('^');
  ASSERT_NE(mark, std::string::npos);
  line.erase(mark, 1);
  Outcome outcome = Parse(line);
  ASSERT_TRUE(outcome.error) << line;
  EXPECT_EQ(outcome.error->column, mark + 1) << line.substr(0, 100) << ": " << outcome.error->text;
  EXPECT_THAT(outcome.error->text, HasSubstr(GetParam().text)) << line.substr(0, 100);
}

// `levels` objects and arrays in one another, the line's object counted; the 65th is marked.
std::string Nested(int levels) {
  std::string arrays(static_cast<size_t>(levels - 1), '[');
  arrays.insert(63, "^");
  return R"({"op":"set","store":"main","key":"k","value":)" + arrays +
         std::string(static_cast<size_t>(levels - 1), ']') + "}";
}

INSTANTIATE_TEST_SUITE_P(
    Fields, BadLines,
    ::testing::Values(
        BadLine{R"({"op":"set","store":"main",^"colour":1,"key":"k","value":"v"})",
                "unknown field \"colour\""},
        BadLine{R"({^"colour":1})", "unknown field \"colour\""},
        BadLine{R"({"height":1,^"op":"set"})", "unknown field \"op\": a block has"},
        BadLine{R"({"ops":[],^"txs":[]})", "unknown field \"txs\": a transaction has"},
        BadLine{R"({"op":"set",^"height":1})", "unknown field \"height\": an operation has"},
        BadLine{R"({"txs":[{^"op":"set"}]})", "unknown field \"op\""},
        BadLine{R"({"ops":[{^"ops":[]}]})", "unknown field \"ops\""},
        BadLine{R"({^"":1})", "unknown field \"\""},
        BadLine{R"({"height":1,^"height":1,"txs":[]})", "field \"height\" stands here twice"},
        BadLine{R"({"txs":[],^"txs":[]})", "field \"txs\" stands here twice"},
        BadLine{R"({"ops":[],^"ops":[]})", "field \"ops\" stands here twice"},
        BadLine{R"({"txs":[{"ops":[],^"ops":[]}]})", "field \"ops\" stands here twice"},
        BadLine{R"({"op":"set",^"op":"set"})", "field \"op\" stands here twice"},
        BadLine{R"({"op":"set",^"\u006fp":"set"})", "field \"op\" stands here twice"},
        BadLine{R"({"ops":[{"op":"set","store":"main",^"store":"main"}]})", "stands here twice"},
        BadLine{R"({"key":"k",^"key_base64":"aw=="})", "key beside key_base64"},
        BadLine{R"({"value_base64":"",^"value":1})", "value beside value_base64"},
        BadLine{R"({"op":"delete","store":"main","key":"k",^"value":"v"})", "a value on delete"},
        BadLine{R"({"op":"delete","store":"main","key":"k",^"value":null})", "a value on delete"},
        BadLine{R"({^"value_base64":"","op":"delete","store":"main","key":"k"})",
                "a value on delete"},
        BadLine{R"(^{"store":"main","key":"k"})", "without op"},
        BadLine{R"(^{"op":"delete","key":"k"})", "without store"},
        BadLine{R"({"ops":[^{"op":"delete","store":"main"}]})", "without key"},
        BadLine{R"(^{"op":"set","store":"main","key":"k"})", "set without a value"},
        BadLine{R"(^{"op":"require","store":"main","key":"k"})", "require without a value"},
        BadLine{R"({"op":"set","store":"main","key":"k","value":^null})",
                "null is no value to set"},
        BadLine{R"(^{"height":5})", "a block without txs"},
        BadLine{R"({"txs":[^{}]})", "a transaction without ops"},
        BadLine{R"({"ops":[^{}]})", "an operation without op"},
        BadLine{R"(^{})", "an empty object"}));

INSTANTIATE_TEST_SUITE_P(
    Values, BadLines,
    ::testing::Values(
        BadLine{R"({"op":"set","store":"main","key":^""})", "an empty key"},
        BadLine{R"({"op":"set","store":"main","key_base64":^""})", "an empty key"},
        BadLine{R"({"op":"set","store":^"nowhere"})", "unknown store \"nowhere\""},
        BadLine{R"({"op":^"put"})", "unknown op \"put\""},
        BadLine{R"({"op":^1})", "op must be a text"},
        BadLine{R"({"store":^null})", "store must be a text"},
        BadLine{R"({"key":^{"a":1}})", "key must be a text"},
        BadLine{R"({"key_base64":^[1]})", "key_base64 must be a text"},
        BadLine{R"({"value_base64":^true})", "value_base64 must be a text"},
        BadLine{R"({"key_base64":^"a"})", "not base64"},
        BadLine{R"({"value_base64":^"ab=="})", "not base64"},
        BadLine{R"({"ops":^{}})", "ops must be an array"},
        BadLine{R"({"ops":[^1]})", "an operation must be an object"},
        BadLine{R"({"txs":^null})", "txs must be an array"},
        BadLine{R"({"txs":[^[]]})", "a transaction must be an object"},
        BadLine{R"({"txs":[{"ops":^"x"}]})", "ops must be an array"},
        BadLine{R"({"height":^0,"txs":[]})", "height must be a whole number"},
        BadLine{R"({"height":^-1,"txs":[]})", "height must be a whole number"},
        BadLine{R"({"height":^-0,"txs":[]})", "height must be a whole number"},
        BadLine{R"({"height":^1.0,"txs":[]})", "height must be a whole number"},
        BadLine{R"({"height":^1e3,"txs":[]})", "height must be a whole number"},
        BadLine{R"({"height":^"1","txs":[]})", "height must be a whole number"},
        BadLine{R"({"height":^null,"txs":[]})", "height must be a whole number"},
        BadLine{R"({"height":^9223372036854775808,"txs":[]})", "height must be a whole number"},
        BadLine{R"({"height":^18446744073709551617,"txs":[]})", "height must be a whole number"},
        BadLine{R"({"time":^"yesterday","txs":[]})", "RFC 3339"},
        BadLine{R"({"time":^0,"txs":[]})", "time must be a text"},
        BadLine{R"({"time":^"2500-01-01T00:00:00Z","txs":[]})", "out of range"},
        BadLine{R"(^[])", "one JSON object"}, BadLine{R"(^42)", "one JSON object"},
        BadLine{R"(  ^"text")", "one JSON object"}));

INSTANTIATE_TEST_SUITE_P(
    Json, BadLines,
    ::testing::Values(
        BadLine{R"({"op":"set"^)", "the line ends within an object"},
        BadLine{R"({^)", "a field's name"}, BadLine{R"({"op"^)", "':' is due"},
        BadLine{R"({"op":^)", "a value is due"},
        BadLine{R"({"op":"set^)", "the line ends within a text"},
        BadLine{R"({"op":"set",^})", "a field's name"}, BadLine{R"({"op" ^"set"})", "':' is due"},
        BadLine{R"({"op":"set" ^"store":"main"})", "',' or '}' is due"},
        BadLine{R"({"ops":[^,]})", "a value is due"},
        BadLine{R"({"ops":[{"op":"delete","store":"main","key":"k"},^]})", "a value is due"},
        BadLine{R"({"txs":[{"ops":[]}^)", "the line ends within an array"},
        BadLine{R"({"txs":[{"ops":[]}^})", "',' or ']' is due"},
        BadLine{R"({^op:"set"})", "a field's name"}, BadLine{R"({"op":^'set'})", "a value is due"},
        BadLine{R"({"op":"s^\xet"})", "unknown escape"}, BadLine{R"({"^\q":1})", "unknown escape"},
        BadLine{R"({"key":"^\u12G4"})", "four hexadecimal digits"},
        BadLine{R"({"key":"^\ud800"})", "surrogate"}, BadLine{R"({"key":"^\udc00"})", "surrogate"},
        BadLine{R"({"key":"a^\ud800\u0041"})", "surrogate"},
        BadLine{"{\"key\":\"a^\tb\"}", "control character"},
        BadLine{std::string("{\"key\":\"a^\0b\"}", 14), "control character"},
        BadLine{"{\"key\":\"^\xff\"}", "not UTF-8"},
        BadLine{"{\"key\":\"ab^\xc0\x80\"}", "not UTF-8"},
        BadLine{"{\"key\":\"ü^\xed\xa0\x80\"}", "not UTF-8"},
        BadLine{"{\"value\":[\"^\xf5\"]}", "not UTF-8"},
        BadLine{"{\"ops\":[]}^\xe2\x82", "not UTF-8"},
        BadLine{R"({"ops":[]}^{"ops":[]})", "more than one JSON value"},
        BadLine{R"({"ops":[]} ^{"ops":[]})", "more than one JSON value"},
        BadLine{R"({"ops":[]}^,)", "more than one JSON value"},
        BadLine{R"({"ops":[]}^})", "more than one JSON value"},
        BadLine{R"({"ops":[]} ^x)", "more than one JSON value"},
        BadLine{R"({"value":0^1})", "leading zero"}, BadLine{R"({"value":1.^})", "a digit is due"},
        BadLine{R"({"value":-^})", "a digit is due"}, BadLine{R"({"value":1e^})", "a digit is due"},
        BadLine{R"({"value":^+1})", "a value is due"},
        BadLine{R"({"value":^.5})", "a value is due"},
        BadLine{R"({"value":1^x})", "cannot stand right after"},
        BadLine{R"({"value":true^x})", "cannot stand right after"},
        BadLine{R"({"value":^nul})", "a value is due"},
        BadLine{R"({"value":^NaN})", "a value is due"},
        BadLine{R"({"value":[1 ^2]})", "',' or ']' is due"},
        BadLine{R"({"value":[1,^]})", "a value is due"},
        BadLine{R"({"value":{"a":1,^}})", "a field's name"},
        BadLine{R"({"value":{"a" ^1}})", "':' is due"},
        BadLine{R"({"value":{^a:1}})", "a field's name"},
        BadLine{R"({"value":["^\x"]})", "unknown escape"},
        BadLine{R"({"value":["^\ud83d"]})", "surrogate"},
        BadLine{R"({"value":[1^}})", "',' or ']' is due"},
        BadLine{R"({"height":1^x,"txs":[]})", "cannot stand right after"},
        BadLine{R"({"height":0^1,"txs":[]})", "leading zero"},
        BadLine{R"({"op":"set" ^x})", "',' or '}' is due"},
        BadLine{Nested(65), "more than 64 levels of nesting"},
        BadLine{Nested(5000), "more than 64 levels of nesting"}));

TEST(LineParser, LongTextsAreShortenedInErrors) {
  Outcome outcome =
      Parse(R"({"op":")" + std::string(39, 'x') + "ü" + std::string(1000, 'x') + R"("})");
  ASSERT_TRUE(outcome.error);
  EXPECT_THAT(outcome.error->text, HasSubstr("\"" + std::string(39, 'x') + "\"…;"));
}

}  // namespace
}  // namespace sluice
