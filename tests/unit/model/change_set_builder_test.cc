// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "model/change_set.h"
#include "unit/model/random_change_set.h"

namespace sluice {
namespace {

TEST(ChangeSetBuilder, WritesTheBytesOfTheGrammar) {
  ChangeSetBuilder builder("s", Height(300), 1);
  builder.AddSet(0, "a", "k", "");
  builder.AddTransactionResult(0, 0);
  builder.AddTransactionResult(1, 7);
  builder.AddDelete(2, "a", "k");
  builder.AddTransactionResult(2, 0);
  auto sealed = std::move(builder).Seal(GenesisDigest("s"));
  EXPECT_EQ(ToHex(sealed->canonical()),
            "0a0173"
            "10ac02"
            "190100000000000000"
            "220a"
            "1801"
            "220161"
            "2a016b"
            "3200"
            "220c"
            "0802"
            "1001"
            "1802"
            "220161"
            "2a016b"
            "2a00"
            "2a04"
            "0801"
            "1007"
            "2a02"
            "0802");
  EXPECT_EQ(sealed->digest(), NextDigest(GenesisDigest("s"), sealed->canonical()));
  EXPECT_TRUE(sealed->CheckDigest().ok());
}

TEST(ChangeSetBuilder, RollBackLeavesWhatNeverRecordingLeaves) {
  const uint64_t seed = test::Seed();
  SCOPED_TRACE(test::SeedText(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    const bool fail[] = {random() % 2 == 0, random() % 2 == 0, random() % 2 == 0};
    ChangeSetBuilder with("s", Height(1), 0);
    ChangeSetBuilder without("s", Height(1), 0);
    for (uint32_t t = 0; t < 3; ++t) {
      const auto mark = with.mark();
      for (size_t left = random() % 5; left > 0; --left) {
        const std::string key = test::RandomBytes(&random, 1 + test::RandomSize(&random));
        const std::string store = random() % 2 == 0 ? "a" : "b";
        const bool is_set = random() % 2 == 0;
        if (is_set) {
          with.AddSet(t, store, key, "v", "old");
          if (!fail[t]) without.AddSet(t, store, key, "v", "old");
        } else {
          with.AddDelete(t, store, key);
          if (!fail[t]) without.AddDelete(t, store, key);
        }
      }
      if (fail[t]) with.RollBackTo(mark);
      with.AddTransactionResult(t, fail[t] ? 1 : 0);
      without.AddTransactionResult(t, fail[t] ? 1 : 0);
      EXPECT_EQ(with.change_count(), without.change_count());
    }
    auto sealed = std::move(with).Seal(Digest());
    auto expected = std::move(without).Seal(Digest());
    EXPECT_EQ(sealed->canonical(), expected->canonical());
    EXPECT_EQ(sealed->old_values().size(), expected->old_values().size());
  }
}

TEST(ChangeSetBuilder, SealedViewsAreTheContentAndOutliveTheBuilder) {
  const uint64_t seed = test::Seed();
  SCOPED_TRACE(test::SeedText(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 100; ++round) {
    const auto plan = test::RandomPlan(&random);
    const auto sealed = test::Build(plan, Digest());
    EXPECT_EQ(sealed->stream_id(), plan.stream_id);
    EXPECT_EQ(sealed->height(), plan.height);
    EXPECT_EQ(sealed->time_unix_nanos(), plan.time_unix_nanos);
    EXPECT_FALSE(sealed->filtered());
    ASSERT_EQ(sealed->changes().size(), plan.changes.size());
    for (size_t i = 0; i < plan.changes.size(); ++i) {
      const Change& change = sealed->changes()[i];
      EXPECT_EQ(change.kind, plan.changes[i].kind);
      EXPECT_EQ(change.transaction, plan.changes[i].transaction);
      EXPECT_EQ(change.sequence, i);
      EXPECT_EQ(change.store, plan.changes[i].store);
      EXPECT_EQ(change.key, plan.changes[i].key);
      EXPECT_EQ(change.value, plan.changes[i].value);
      EXPECT_EQ(change.has_old_value, plan.changes[i].old_value.has_value());
      EXPECT_EQ(change.old_value, plan.changes[i].old_value.value_or(""));
    }
    EXPECT_GE(sealed->memory_bytes(), sizeof(ChangeSet) + sealed->canonical().size());
  }
}

using ChangeSetBuilderDeathTest = ::testing::Test;

TEST(ChangeSetBuilderDeathTest, WhatARestartWouldRefuseEndsTheProcess) {
  ChangeSetBuilder builder("s", Height(1), 0);
  EXPECT_DEATH(builder.AddSet(0, "a", "", "v"), "an empty key is no change");
  EXPECT_DEATH(builder.AddSet(0, "", "k", "v"), "a store's name must be text");
  EXPECT_DEATH(builder.AddSet(0, "\xff", "k", "v"), "a store's name must be text");
  EXPECT_DEATH(builder.AddTransactionResult(1, 0), "out of the block's order");
  EXPECT_DEATH(ChangeSetBuilder("", Height(1), 0), "a stream id must be text");
  EXPECT_DEATH(ChangeSetBuilder("s", Height(0), 0), "the first height is 1");
  builder.AddSet(1, "a", "k", "v");
  EXPECT_DEATH(builder.AddSet(0, "a", "k", "v"), "out of the block's order");
  EXPECT_DEATH(std::move(builder).Seal(Digest()), "transaction without result");
}

TEST(ChangeSetBuilderDeathTest, AFailedTransactionMustLeaveNoChange) {
  ChangeSetBuilder builder("s", Height(1), 0);
  builder.AddSet(0, "a", "k", "v");
  builder.AddTransactionResult(0, 1);
  EXPECT_DEATH(builder.AddSet(0, "a", "k", "v"), "after its transaction's result");
  EXPECT_DEATH(std::move(builder).Seal(Digest()), "a change of a failed transaction");
}

}  // namespace
}  // namespace sluice
