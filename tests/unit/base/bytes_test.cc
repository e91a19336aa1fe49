// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Hex, RoundTripsEveryByteAndRefusesOtherText) {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  EXPECT_EQ(FromHex(ToHex(all)), all);
  EXPECT_EQ(FromHex("abc"), std::nullopt);
  EXPECT_EQ(FromHex("zz"), std::nullopt);
}

TEST(Base64, MatchesRfc4648Vectors) {
  EXPECT_EQ(ToBase64(""), "");
  EXPECT_EQ(ToBase64("f"), "Zg==");
  EXPECT_EQ(ToBase64("fo"), "Zm8=");
  EXPECT_EQ(ToBase64("foo"), "Zm9v");
  EXPECT_EQ(ToBase64("foobar"), "Zm9vYmFy");
  for (std::string text : {"", "f", "fo", "foo", "foob", "fooba", "foobar"}) {
    EXPECT_EQ(FromBase64(ToBase64(text)), text);
  }
}

TEST(Base64, RefusesWhatIsNotCanonical) {
  for (std::string text : {"Zg", "Zg=", "Zh==", "Zm9=", "Z===", "Zm 9v", "Zg==Zg=="}) {
    EXPECT_EQ(FromBase64(text), std::nullopt) << text;
  }
}

TEST(Utf8, RefusesOverlongFormsSurrogatesAndTornSequences) {
  EXPECT_TRUE(IsUtf8("plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\x8a"));
  EXPECT_TRUE(IsUtf8(std::string_view("nul \0 inside", 12)));
  for (std::string_view text :
       {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\xff", "\x80"}) {
    EXPECT_FALSE(IsUtf8(text));
  }
}

TEST(BigEndian, SortsAsNumbersDo) {
  EXPECT_LT(BigEndian64(255), BigEndian64(256));
  EXPECT_EQ(ReadBigEndian64(BigEndian64(0x0123456789abcdefu)), 0x0123456789abcdefu);
}

}  // namespace
}  // namespace sluice
