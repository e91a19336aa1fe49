// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice {
namespace {

using testing::MatchesRegex;

TEST(Time, IsWrittenAsRfc3339) {
  EXPECT_EQ(FormatTime(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(FormatTime(1'500'000'000), "1970-01-01T00:00:01.5Z");
  EXPECT_EQ(FormatTime(-1), "1969-12-31T23:59:59.999999999Z");
}

TEST(Time, OfALogLineHasThreeDigitsBehindTheSecond) {
  EXPECT_EQ(FormatTimeMillis(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(FormatTimeMillis(1'500'000'000), "1970-01-01T00:00:01.500Z");
  EXPECT_EQ(FormatTimeMillis(1'007'999'999), "1970-01-01T00:00:01.007Z");
  EXPECT_EQ(FormatTimeMillis(-1), "1969-12-31T23:59:59.999Z");
}

class LogTest : public testing::Test {
 protected:
  ~LogTest() override { EXPECT_TRUE(InitLog("info", LogFormat::kText).ok()); }

  static std::string Written() {
    testing::internal::CaptureStderr();
    LogWarn("sink audit", "no \"{}\"", "ack");
    LogDebug("sink audit", "below the level");
    return testing::internal::GetCapturedStderr();
  }
};

TEST_F(LogTest, TextLinesStandInColumns) {
  ASSERT_TRUE(InitLog("info", LogFormat::kText).ok());
  EXPECT_THAT(Written(), MatchesRegex("[0-9-]+T[0-9:]+\\.[0-9][0-9][0-9]Z warn  sink audit: no "
                                      "\"ack\"\n"));
}

TEST_F(LogTest, JsonLinesHaveFields) {
  ASSERT_TRUE(InitLog("info", LogFormat::kJson).ok());
  EXPECT_THAT(Written(),
              MatchesRegex("\\{\"time\":\"[0-9-]+T[0-9:]+\\.[0-9][0-9][0-9]Z\",\"level\":\"warn\","
                           "\"component\":\"sink audit\",\"message\":\"no \\\\\"ack\\\\\"\"\\}\n"));
}

TEST_F(LogTest, AnUnknownLevelIsRefused) {
  EXPECT_EQ(InitLog("loud", LogFormat::kText).code(), StatusCode::kConfiguration);
}

}  // namespace
}  // namespace sluice
