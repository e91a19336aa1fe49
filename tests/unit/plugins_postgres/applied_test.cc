// SPDX-License-Identifier: Apache-2.0
#include "postgres/applied.h"

#include <gtest/gtest.h>

#include <cstring>

namespace sluice_postgres {
namespace {

using sluice::sdk::operator==;

sluice_digest Digest(uint64_t number) {
  sluice_digest digest{};
  std::memcpy(digest.bytes, &number, sizeof(number));
  return digest;
}

// A history in which height h has digest h.
AppliedHeights Applied(std::initializer_list<uint64_t> heights) {
  AppliedHeights applied;
  for (const uint64_t height : heights) applied[height] = {Digest(height), Digest(height - 1)};
  return applied;
}

GuardRow At(uint64_t height) {
  GuardRow row;
  row.found = true;
  row.height = height;
  row.digest = Digest(height);
  return row;
}

uint64_t StandsAt(const AppliedHeights& applied, GuardRow row) {
  AdvanceOver(applied, &row);
  EXPECT_TRUE(row.digest == Digest(row.height));
  return row.height;
}

TEST(Applied, TheRunWithoutAGapCounts) {
  EXPECT_EQ(StandsAt({}, At(4)), 4U);
  EXPECT_EQ(StandsAt(Applied({5, 6, 8}), At(4)), 6U);
  EXPECT_EQ(StandsAt(Applied({6, 7}), At(4)), 4U);
  EXPECT_EQ(StandsAt(Applied({1, 2}), At(0)), 2U);
  EXPECT_EQ(StandsAt(Applied({3, 4, 5}), At(4)), 5U) << "what the guard row has gone over already";
}

TEST(Applied, ARunOfAnotherHistoryDoesNotCount) {
  AppliedHeights applied = Applied({5, 6, 7});
  applied[6].previous_digest = Digest(99);
  EXPECT_EQ(StandsAt(applied, At(4)), 5U);
}

TEST(Applied, NothingCountsWhereACopyIsNotWhole) {
  GuardRow row = At(0);
  row.filling = true;
  EXPECT_EQ(StandsAt(Applied({1, 2}), row), 0U);
  EXPECT_EQ(StandsAt(Applied({1, 2}), GuardRow()), 0U);
}

TEST(Applied, WhatAFilterLeftOutIsNotForgotten) {
  AppliedHeights applied = Applied({5, 6});
  applied[5].filtered = true;
  GuardRow row = At(4);
  AdvanceOver(applied, &row);
  EXPECT_TRUE(row.filtered);
}

TEST(Applied, AHeightIsLetInUnderItsEpochOnly) {
  EXPECT_EQ(ShareGuardSql(Settings(), {"demo", "pg"}, 7),
            "SELECT 1 FROM \"sluice\".\"sluice_position\" WHERE stream = 'demo' AND sink = 'pg'"
            " AND epoch = 7 FOR KEY SHARE");
  GuardRow to = At(9);
  const std::string sql = MoveGuardSql(Settings(), {"demo", "pg"}, 7, to);
  EXPECT_NE(sql.find("SET height = 9"), std::string::npos) << sql;
  EXPECT_NE(sql.find("AND epoch = 7 AND height < 9"), std::string::npos) << sql;
}

}  // namespace
}  // namespace sluice_postgres
