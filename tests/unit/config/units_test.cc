// SPDX-License-Identifier: Apache-2.0
#include "config/units.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Units, DurationsCarryTheirUnit) {
  EXPECT_EQ(ParseDuration("2s"), 2'000'000'000);
  EXPECT_EQ(ParseDuration("0ms"), 0);
  EXPECT_EQ(ParseDuration("1500us"), 1'500'000);
  EXPECT_EQ(ParseDuration("1.5h"), 5'400'000'000'000);
  EXPECT_EQ(ParseDuration("1m30s"), 90'000'000'000);
  EXPECT_EQ(ParseDuration("7ns"), 7);
  EXPECT_EQ(ParseDuration("2d"), 172'800'000'000'000);
}

TEST(Units, WhatIsNoDurationIsRefused) {
  for (const char* text :
       {"", "2", "s", "2 s", "-2s", "+2s", "2S", "2sec", "1.s", ".5s", "1..5s", "1.5ns", "1.23456s",
        "2s3", "999999999999d", "99999999999999999999s", "0x2s"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
}

TEST(Units, SizesCarryTheirUnit) {
  EXPECT_EQ(ParseSize("64MiB"), 67'108'864);
  EXPECT_EQ(ParseSize("0B"), 0);
  EXPECT_EQ(ParseSize("1.5KiB"), 1536);
  EXPECT_EQ(ParseSize("2GB"), 2'000'000'000);
  EXPECT_EQ(ParseSize("3TiB"), int64_t{3} << 40);
}

TEST(Units, WhatIsNoSizeIsRefused) {
  for (const char* text :
       {"", "64", "MiB", "64 MiB", "-1B", "64mib", "64M", "1KiB1B", "1.5B", "8388608TiB"}) {
    EXPECT_EQ(ParseSize(text), std::nullopt) << text;
  }
}

TEST(Units, WhatIsFormattedParsesToTheSame) {
  for (int64_t value :
       {int64_t{0}, int64_t{1}, int64_t{999}, int64_t{1024}, int64_t{90'000'000'000},
        int64_t{67'108'864}, int64_t{3'600'000'000'000}, INT64_MAX}) {
    EXPECT_EQ(ParseDuration(FormatDuration(value)), value);
    EXPECT_EQ(ParseSize(FormatSize(value)), value);
  }
  EXPECT_EQ(FormatDuration(1'500'000'000), "1500ms");
  EXPECT_EQ(FormatSize(64 << 20), "64MiB");
}

}  // namespace
}  // namespace sluice
