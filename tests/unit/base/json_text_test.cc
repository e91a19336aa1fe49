// SPDX-License-Identifier: Apache-2.0
#include "base/json_text.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace sluice {
namespace {

std::string Quoted(std::string_view text) {
  std::string out;
  AppendJsonString(&out, text);
  return out;
}

std::string Field(std::string_view name, std::string_view bytes) {
  std::string out;
  AppendJsonField(&out, name, bytes);
  return out;
}

TEST(JsonText, PlainTextIsCopiedBetweenQuotes) {
  EXPECT_EQ(Quoted(""), R"("")");
  EXPECT_EQ(Quoted("abc"), R"("abc")");
  EXPECT_EQ(Quoted("Zürich ✈ 𝄞 /"), R"("Zürich ✈ 𝄞 /")");
}

TEST(JsonText, QuoteBackslashAndControlsAreEscaped) {
  EXPECT_EQ(Quoted("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(Quoted("\b\f\n\r\t"), R"("\b\f\n\r\t")");
  EXPECT_EQ(Quoted(std::string_view("\0\x01\x1f\x7f", 4)), "\"\\u0000\\u0001\\u001f\x7f\"");
  EXPECT_EQ(Quoted("\\"), R"("\\")");
}

TEST(JsonText, AppendsBehindWhatIsThere) {
  std::string out = "{\"a\":";
  AppendJsonString(&out, "x");
  EXPECT_EQ(out, R"({"a":"x")");
}

TEST(JsonText, FieldIsTextWhereBytesAreUtf8) {
  EXPECT_EQ(Field("key", "o-1"), R"("key":"o-1")");
  EXPECT_EQ(Field("value", ""), R"("value":"")");
}

TEST(JsonText, FieldIsBase64WhereBytesAreNotUtf8) {
  EXPECT_EQ(Field("key", "\xff\xfe"), R"("key_base64":"//4=")");
  EXPECT_EQ(Field("value", std::string_view("\xc0\x80", 2)), R"("value_base64":"wIA=")");
}

}  // namespace
}  // namespace sluice
