// SPDX-License-Identifier: Apache-2.0
#include "model/journal_record.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>

#include "base/crc32c.h"
#include "unit/model/random_change_set.h"

namespace sluice {
namespace {

std::string Join(const EncodedJournalRecord& encoded) {
  return encoded.head + std::string(encoded.canonical) + encoded.tail;
}

JournalRecord Sample() {
  ChangeSetBuilder builder("s", Height(7), 5);
  builder.AddSet(0, "orders", "o-1", "new", "old");
  builder.AddTransactionResult(0, 0);
  builder.AddTransactionResult(1, 2);
  return {std::move(builder).Seal(GenesisDigest("s")), {"data.jsonl", "line 12"}};
}

// `bytes` with the CRC that belongs to them, so that the rules behind the CRC are reached.
std::string WithRightCrc(std::string bytes) {
  const uint32_t crc = Crc32c(std::string_view(bytes).substr(0, bytes.size() - 4));
  for (size_t i = 0; i < 4; ++i) {
    bytes[bytes.size() - 4 + i] = static_cast<char>(crc >> (8 * i));
  }
  return bytes;
}

Status DecodeStatus(uint64_t height, std::string_view bytes) {
  const auto decoded = DecodeJournalRecord(Height(height), bytes);
  return decoded ? Status::Ok() : decoded.error();
}

TEST(JournalRecord, ComesBackWhole) {
  const uint64_t seed = test::Seed();
  SCOPED_TRACE(test::SeedText(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    JournalRecord record;
    record.change_set = test::Build(test::RandomPlan(&random), Sha256("before"));
    record.position.source = test::RandomBytes(&random, test::RandomSize(&random));
    record.position.state = test::RandomBytes(&random, test::RandomSize(&random));
    const EncodedJournalRecord encoded = EncodeJournalRecord(record);
    EXPECT_EQ(encoded.canonical.data(), record.change_set->canonical().data());
    const std::string bytes = Join(encoded);
    EXPECT_EQ(bytes.size(), encoded.size());

    const auto decoded = DecodeJournalRecord(record.change_set->height(), bytes);
    ASSERT_TRUE(decoded.has_value()) << decoded.error().ToString();
    EXPECT_EQ(decoded->position.source, record.position.source);
    EXPECT_EQ(decoded->position.state, record.position.state);
    EXPECT_EQ(decoded->change_set->canonical(), record.change_set->canonical());
    EXPECT_EQ(decoded->change_set->digest(), record.change_set->digest());
    EXPECT_EQ(decoded->change_set->previous_digest(), record.change_set->previous_digest());
    ASSERT_EQ(decoded->change_set->old_values().size(), record.change_set->old_values().size());
    for (size_t i = 0; i < decoded->change_set->changes().size(); ++i) {
      EXPECT_EQ(decoded->change_set->changes()[i].has_old_value,
                record.change_set->changes()[i].has_old_value);
      EXPECT_EQ(decoded->change_set->changes()[i].old_value,
                record.change_set->changes()[i].old_value);
    }
    EXPECT_EQ(Join(EncodeJournalRecord(*decoded)), bytes);
  }
}

TEST(JournalRecord, EveryFlippedBitIsRefused) {
  const std::string bytes = Join(EncodeJournalRecord(Sample()));
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = bytes;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      EXPECT_EQ(DecodeStatus(7, flipped).code(), StatusCode::kCorruption) << i << " " << bit;
    }
  }
}

TEST(JournalRecord, EveryTruncationAndAnythingAppendedIsRefused) {
  const std::string bytes = Join(EncodeJournalRecord(Sample()));
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(DecodeStatus(7, bytes.substr(0, size)).code(), StatusCode::kCorruption) << size;
  }
  EXPECT_EQ(DecodeStatus(7, bytes + '\0').code(), StatusCode::kCorruption);
  EXPECT_EQ(DecodeStatus(7, WithRightCrc(bytes + '\0')).code(), StatusCode::kCorruption);
}

// A CRC can be right over wrong content (a writer's fault): each byte still matters by itself,
// except in what is free, the driver's position and the old values.
TEST(JournalRecord, EveryFlippedByteOfWhatTheDigestCoversIsRefusedBehindTheCrc) {
  const JournalRecord record = Sample();
  const EncodedJournalRecord encoded = EncodeJournalRecord(record);
  const std::string bytes = Join(encoded);
  const size_t free_begin = 4 + 8 + 32 + 32;
  for (size_t i = 0; i + 4 < bytes.size(); ++i) {
    if (i >= free_begin && i < encoded.head.size()) continue;
    std::string flipped = bytes;
    flipped[i] = static_cast<char>(flipped[i] ^ 0x01);
    EXPECT_FALSE(DecodeStatus(7, WithRightCrc(flipped)).ok()) << i;
  }
}

TEST(JournalRecord, SaysWhatIsWrongAndWhere) {
  const std::string bytes = Join(EncodeJournalRecord(Sample()));
  EXPECT_EQ(DecodeStatus(7, "SLJ").message(), "journal record of height 7: cut off at byte 3");

  std::string flipped = bytes;
  flipped[90] = static_cast<char>(flipped[90] ^ 1);
  const std::string text = DecodeStatus(7, flipped).message();
  EXPECT_EQ(text.find("journal record of height 7: CRC-32C of bytes 0 to " +
                      std::to_string(bytes.size() - 4)),
            0u)
      << text;

  EXPECT_EQ(DecodeStatus(8, bytes).message(),
            "journal record of height 8: it is that of height 7, with a change set of 7");

  std::string other_digest = bytes;
  other_digest[12] = static_cast<char>(other_digest[12] ^ 1);
  EXPECT_NE(DecodeStatus(7, WithRightCrc(other_digest)).message().find("its digest should be"),
            std::string::npos);

  std::string not_ours = bytes;
  not_ours[0] = 'X';
  EXPECT_EQ(DecodeStatus(7, WithRightCrc(not_ours)).message(),
            "journal record of height 7: byte 0: not a journal record");

  const size_t head_size = EncodeJournalRecord(Sample()).head.size();
  std::string broken = bytes;
  broken[head_size] = 0x7a;
  EXPECT_EQ(DecodeStatus(7, WithRightCrc(broken)).message(),
            "journal record of height 7: in the part at byte " + std::to_string(head_size) +
                ": change set is not in canonical form: byte 0: no stream id");
}

TEST(JournalRecord, OfANewerVersionNamesItAndAsksForItsRelease) {
  std::string bytes = Join(EncodeJournalRecord(Sample()));
  bytes[3] = 2;
  EXPECT_EQ(
      DecodeStatus(7, WithRightCrc(bytes)),
      Status(StatusCode::kUnsupported,
             "journal record of height 7 has version 2, this program reads 1: use the release "
             "that wrote it"));
}

TEST(JournalRecord, NeverHoldsAFilteredChangeSet) {
  const JournalRecord record{FilterChangeSet(*Sample().change_set, {{"orders"}, {}}), {}};
  EXPECT_EQ(DecodeStatus(7, Join(EncodeJournalRecord(record))).message(),
            "journal record of height 7: its change set is filtered");
}

}  // namespace
}  // namespace sluice
