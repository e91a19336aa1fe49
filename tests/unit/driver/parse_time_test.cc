// SPDX-License-Identifier: Apache-2.0
#include "driver/replay/parse_time.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string_view>

#include "base/log.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;

TEST(ParseTime, UtcIsNanosecondsSinceTheEpoch) {
  EXPECT_EQ(ParseRfc3339("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(ParseRfc3339("1970-01-01t00:00:01z"), 1'000'000'000);
  EXPECT_EQ(ParseRfc3339("2026-01-31T12:00:00Z"), 1'769'860'800'000'000'000);
  EXPECT_EQ(ParseRfc3339("2000-02-29T23:59:59Z"), 951'868'799'000'000'000);
  EXPECT_EQ(ParseRfc3339("1969-12-31T23:59:59.999999999Z"), -1);
}

TEST(ParseTime, OffsetsAreTakenAway) {
  EXPECT_EQ(ParseRfc3339("1970-01-01T01:30:00+01:30"), 0);
  EXPECT_EQ(ParseRfc3339("1969-12-31T16:00:00-08:00"), 0);
  EXPECT_EQ(ParseRfc3339("1970-01-01T00:00:00-00:00"), 0);
}

TEST(ParseTime, FractionsAreNanosecondsAndCutBehindTheNinthDigit) {
  EXPECT_EQ(ParseRfc3339("1970-01-01T00:00:00.5Z"), 500'000'000);
  EXPECT_EQ(ParseRfc3339("1970-01-01T00:00:00.000000001Z"), 1);
  EXPECT_EQ(ParseRfc3339("1970-01-01T00:00:00.0000000019Z"), 1);
}

TEST(ParseTime, LeapSecondIsTheSecondAfterIt) {
  EXPECT_EQ(ParseRfc3339("1990-12-31T23:59:60Z"), ParseRfc3339("1991-01-01T00:00:00Z"));
  EXPECT_EQ(ParseRfc3339("1990-12-31T15:59:60-08:00"), ParseRfc3339("1991-01-01T00:00:00Z"));
  EXPECT_FALSE(ParseRfc3339("1990-12-31T23:58:60Z").has_value());
}

TEST(ParseTime, RangeIsWhatSixtyFourBitsHold) {
  EXPECT_EQ(ParseRfc3339("2262-04-11T23:47:16.854775807Z"), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(ParseRfc3339("1677-09-21T00:12:43.145224192Z"), std::numeric_limits<int64_t>::min());
  for (std::string_view text : {"2262-04-11T23:47:16.854775808Z", "1677-09-21T00:12:43.145224191Z",
                                "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z"}) {
    auto time = ParseRfc3339(text);
    ASSERT_FALSE(time.has_value()) << text;
    EXPECT_THAT(time.error(), HasSubstr("out of range")) << text;
  }
}

TEST(ParseTime, EverythingElseIsNoTime) {
  for (std::string_view text : {"",
                                "2026",
                                "2026-01-31",
                                "2026-01-31T12:00:00",
                                "2026-01-31 12:00:00Z",
                                "2026-01-31T12:00Z",
                                "2026-13-01T00:00:00Z",
                                "2026-00-01T00:00:00Z",
                                "2026-02-29T00:00:00Z",
                                "1900-02-29T00:00:00Z",
                                "2026-04-31T00:00:00Z",
                                "2026-01-00T00:00:00Z",
                                "2026-01-31T24:00:00Z",
                                "2026-01-31T12:60:00Z",
                                "2026-01-31T12:00:61Z",
                                "2026-01-31T12:00:00.Z",
                                "2026-01-31T12:00:00+0100",
                                "2026-01-31T12:00:00+24:00",
                                "2026-01-31T12:00:00+01:60",
                                "2026-01-31T12:00:00Zx",
                                "2026-01-31T12:00:00ZZ",
                                "+026-01-31T12:00:00Z",
                                "2026-1-31T12:00:00Z"}) {
    auto time = ParseRfc3339(text);
    ASSERT_FALSE(time.has_value()) << text;
    EXPECT_THAT(time.error(), HasSubstr("RFC 3339")) << text;
  }
}

TEST(ParseTime, ReadsWhatFormatTimeWrites) {
  for (int64_t nanos : {int64_t{0}, int64_t{-1}, int64_t{1'769'860'800'123'456'789},
                        std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()}) {
    EXPECT_EQ(ParseRfc3339(FormatTime(nanos)), nanos) << FormatTime(nanos);
  }
}

}  // namespace
}  // namespace sluice
