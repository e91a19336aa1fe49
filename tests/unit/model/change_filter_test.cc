// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "model/change_set.h"
#include "unit/model/random_change_set.h"

namespace sluice {
namespace {

std::shared_ptr<const ChangeSet> Sample() {
  ChangeSetBuilder builder("s", Height(4), 9);
  builder.AddSet(0, "orders", "o-1", "x", "before");
  builder.AddSet(0, "people", "o-2", "y", "of nobody");
  builder.AddTransactionResult(0, 0);
  builder.AddTransactionResult(1, 3);
  builder.AddDelete(2, "orders", "p-1", "gone");
  builder.AddTransactionResult(2, 0);
  return std::move(builder).Seal(GenesisDigest("s"));
}

std::vector<uint32_t> Sequences(const ChangeSet& change_set) {
  std::vector<uint32_t> sequences;
  for (const Change& change : change_set.changes()) sequences.push_back(change.sequence);
  return sequences;
}

TEST(ChangeFilter, BothPartsMustMatchAndAnEmptyOneIsNoRestriction) {
  const auto full = Sample();
  EXPECT_EQ(Sequences(*FilterChangeSet(*full, {{"orders"}, {}})), (std::vector<uint32_t>{0, 2}));
  EXPECT_EQ(Sequences(*FilterChangeSet(*full, {{}, {"o-"}})), (std::vector<uint32_t>{0, 1}));
  EXPECT_EQ(Sequences(*FilterChangeSet(*full, {{"orders"}, {"o-"}})), (std::vector<uint32_t>{0}));
  EXPECT_EQ(Sequences(*FilterChangeSet(*full, {{"people"}, {"p-"}})), (std::vector<uint32_t>{}));
  EXPECT_EQ(Sequences(*FilterChangeSet(*full, {})), (std::vector<uint32_t>{0, 1, 2}));
  EXPECT_EQ(Sequences(*FilterChangeSet(*full, {{"people", "orders"}, {"p-", "o-2"}})),
            (std::vector<uint32_t>{1, 2}));
  // A longer prefix than the key, and one that only begins like a store.
  EXPECT_EQ(Sequences(*FilterChangeSet(*full, {{"order"}, {"o-11"}})), (std::vector<uint32_t>{}));
}

TEST(ChangeFilter, PassesAllOnlyWithoutAnyRestriction) {
  EXPECT_TRUE(ChangeFilter().passes_all());
  EXPECT_FALSE((ChangeFilter{{"a"}, {}}.passes_all()));
  EXPECT_FALSE((ChangeFilter{{}, {"a"}}.passes_all()));
}

TEST(ChangeFilter, KeepsDigestsResultsAndOldValuesAndIsMarked) {
  const auto full = Sample();
  const auto filtered = FilterChangeSet(*full, {{"orders"}, {}});
  EXPECT_TRUE(filtered->filtered());
  EXPECT_EQ(filtered->stream_id(), "s");
  EXPECT_EQ(filtered->height(), Height(4));
  EXPECT_EQ(filtered->time_unix_nanos(), 9);
  EXPECT_EQ(filtered->digest(), full->digest());
  EXPECT_EQ(filtered->previous_digest(), full->previous_digest());
  EXPECT_EQ(filtered->transactions().size(), 3u);
  EXPECT_EQ(filtered->transactions()[1], (TransactionResult{1, 3}));
  ASSERT_EQ(filtered->changes().size(), 2u);
  EXPECT_EQ(filtered->changes()[0].old_value, "before");
  EXPECT_EQ(filtered->changes()[1].old_value, "gone");
  EXPECT_EQ(filtered->old_values().size(), 2u);
  EXPECT_EQ(filtered->CheckDigest().code(), StatusCode::kInvalid);
}

TEST(ChangeFilter, LeavesWhatPassesAndNothingElse) {
  const uint64_t seed = test::Seed();
  SCOPED_TRACE(test::SeedText(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    const auto full = test::Build(test::RandomPlan(&random), Digest());
    ChangeFilter filter;
    if (random() % 2 == 0) filter.stores = {"orders", "o"};
    if (random() % 2 == 0) {
      for (int i = 0; i < 100; ++i) filter.key_prefixes.push_back(test::RandomBytes(&random, 1));
    }
    const auto filtered = FilterChangeSet(*full, filter);
    size_t next = 0;
    for (const Change& change : full->changes()) {
      if (!filter.Passes(change)) continue;
      ASSERT_LT(next, filtered->changes().size());
      const Change& left = filtered->changes()[next++];
      EXPECT_EQ(left.sequence, change.sequence);
      EXPECT_EQ(left.transaction, change.transaction);
      EXPECT_EQ(left.store, change.store);
      EXPECT_EQ(left.key, change.key);
      EXPECT_EQ(left.value, change.value);
      EXPECT_EQ(left.old_value, change.old_value);
    }
    EXPECT_EQ(next, filtered->changes().size());
    // Filtering again changes nothing.
    EXPECT_EQ(FilterChangeSet(*filtered, filter)->canonical(), filtered->canonical());
  }
}

}  // namespace
}  // namespace sluice
