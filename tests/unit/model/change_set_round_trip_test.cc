// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "model/change_set.h"
#include "unit/model/random_change_set.h"

namespace sluice {
namespace {

void ExpectEqual(const ChangeSet& a, const ChangeSet& b) {
  EXPECT_EQ(a.canonical(), b.canonical());
  EXPECT_EQ(a.stream_id(), b.stream_id());
  EXPECT_EQ(a.height(), b.height());
  EXPECT_EQ(a.time_unix_nanos(), b.time_unix_nanos());
  EXPECT_EQ(a.filtered(), b.filtered());
  EXPECT_EQ(a.digest(), b.digest());
  EXPECT_EQ(a.previous_digest(), b.previous_digest());
  ASSERT_EQ(a.changes().size(), b.changes().size());
  for (size_t i = 0; i < a.changes().size(); ++i) {
    const Change& x = a.changes()[i];
    const Change& y = b.changes()[i];
    EXPECT_EQ(x.kind, y.kind);
    EXPECT_EQ(x.has_old_value, y.has_old_value);
    EXPECT_EQ(x.transaction, y.transaction);
    EXPECT_EQ(x.sequence, y.sequence);
    EXPECT_EQ(x.store, y.store);
    EXPECT_EQ(x.key, y.key);
    EXPECT_EQ(x.value, y.value);
    EXPECT_EQ(x.old_value, y.old_value);
  }
  EXPECT_EQ(std::vector(a.transactions().begin(), a.transactions().end()),
            std::vector(b.transactions().begin(), b.transactions().end()));
}

TEST(ChangeSetRoundTrip, ParsingGivesWhatWasSealed) {
  const uint64_t seed = test::Seed();
  SCOPED_TRACE(test::SeedText(seed));
  std::mt19937_64 random(seed);
  Digest previous = GenesisDigest("s");
  for (int round = 0; round < 300; ++round) {
    const auto sealed = test::Build(test::RandomPlan(&random), previous);
    const auto parsed =
        ChangeSet::Parse(std::string(sealed->canonical()), sealed->previous_digest(),
                         sealed->digest(), sealed->old_values());
    ASSERT_TRUE(parsed.has_value()) << parsed.error().ToString();
    ExpectEqual(**parsed, *sealed);
    EXPECT_TRUE((*parsed)->CheckDigest().ok());
    previous = sealed->digest();
  }
}

// A message has no end mark, so what is cut off after its head is a smaller change set: that it is
// not the one that was sealed is for the digest to say.
TEST(ChangeSetRoundTrip, EveryTruncationIsRefusedOrHasAnotherDigest) {
  ChangeSetBuilder builder("s", Height(1), 5);
  builder.AddSet(0, "a", "k", "v");
  builder.AddTransactionResult(0, 0);
  const auto sealed = std::move(builder).Seal(Digest());
  int refused = 0;
  for (size_t size = 0; size < sealed->canonical().size(); ++size) {
    const auto parsed = ChangeSet::Parse(std::string(sealed->canonical().substr(0, size)), Digest(),
                                         sealed->digest());
    if (parsed) {
      EXPECT_EQ((*parsed)->CheckDigest().code(), StatusCode::kCorruption) << size;
    } else {
      ++refused;
    }
  }
  EXPECT_EQ(refused, static_cast<int>(sealed->canonical().size()) - 2);
}

// Whatever else the bytes are changed to, what is accepted is the one encoding of its content:
// writing the content again gives the same bytes.
TEST(ChangeSetRoundTrip, AcceptedBytesAreTheOnlyOnesOfTheirContent) {
  const uint64_t seed = test::Seed();
  SCOPED_TRACE(test::SeedText(seed));
  std::mt19937_64 random(seed);
  int accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    ChangeSetBuilder builder("s", Height(1 + random() % 200), static_cast<int64_t>(random() % 2));
    builder.AddSet(0, "a", "k", "v");
    builder.AddTransactionResult(0, 0);
    builder.AddDelete(1, "a", "k");
    builder.AddTransactionResult(1, 0);
    std::string bytes(std::move(builder).Seal(Digest())->canonical());
    for (size_t flips = 1 + random() % 3; flips > 0; --flips) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    const auto parsed = ChangeSet::Parse(bytes, Digest(), Digest());
    if (!parsed) continue;
    ++accepted;
    const auto again = FilterChangeSet(**parsed, ChangeFilter());
    EXPECT_EQ(again->canonical(), (*parsed)->filtered() ? bytes : bytes + "\x30\x01");
  }
  EXPECT_GT(accepted, 0);
}

TEST(ChangeSetRoundTrip, WrongDigestIsFound) {
  ChangeSetBuilder builder("s", Height(1), 0);
  const auto sealed = std::move(builder).Seal(GenesisDigest("s"));
  const auto parsed =
      ChangeSet::Parse(std::string(sealed->canonical()), GenesisDigest("other"), sealed->digest());
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ((*parsed)->CheckDigest().code(), StatusCode::kCorruption);
}

TEST(ChangeSetRoundTrip, OldValuesMustRiseAndBelongToChanges) {
  ChangeSetBuilder builder("s", Height(1), 0);
  builder.AddSet(0, "a", "k", "v");
  builder.AddSet(0, "a", "l", "v");
  builder.AddTransactionResult(0, 0);
  const std::string bytes(std::move(builder).Seal(Digest())->canonical());
  const auto parse = [&bytes](std::vector<OldValue> old_values) {
    const auto parsed = ChangeSet::Parse(bytes, Digest(), Digest(), std::move(old_values));
    return parsed ? std::string() : parsed.error().message();
  };
  EXPECT_EQ(parse({{0, "x"}, {1, ""}}), "");
  EXPECT_EQ(parse({{1, "x"}, {0, "y"}}),
            "change set of height 1: old value for change 0, which is out of order");
  EXPECT_EQ(parse({{1, "x"}, {1, "y"}}),
            "change set of height 1: old value for change 1, which is out of order");
  EXPECT_EQ(parse({{2, "x"}}),
            "change set of height 1: old value for change 2, which is not in it");
}

}  // namespace
}  // namespace sluice
