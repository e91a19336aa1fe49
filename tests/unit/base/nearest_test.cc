// SPDX-License-Identifier: Apache-2.0
#include "base/nearest.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(NearestName, FindsTypingMistakesAndNothingElse) {
  std::vector<std::string> known = {"ack_timeout", "policy", "level", "window"};
  EXPECT_EQ(NearestName("ack_timeuot", known), "ack_timeout");
  EXPECT_EQ(NearestName("polcy", known), "policy");
  EXPECT_EQ(NearestName("retries", known), "");
  EXPECT_EQ(NearestName("", known), "");
  EXPECT_EQ(NearestName(std::string(1000, 'a'), known), "");
}

TEST(NearestName, SwappedNeighboursAreOneEdit) {
  EXPECT_EQ(EditDistance("ab", "ba"), 1u);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
  EXPECT_EQ(EditDistance("", "abc"), 3u);
}

}  // namespace
}  // namespace sluice
