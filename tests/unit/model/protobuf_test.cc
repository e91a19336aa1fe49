// SPDX-License-Identifier: Apache-2.0
//
// Our bytes against protoc's own code for the same schema.
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "model/change_set.h"
#include "sluice/stream/v1/stream.pb.h"
#include "unit/model/random_change_set.h"

namespace sluice {
namespace {

namespace pb = ::sluice::stream::v1;

std::string SerializeDeterministically(const pb::ChangeSet& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    EXPECT_TRUE(message.SerializeToCodedStream(&coded));
  }
  return bytes;
}

void ExpectSameContent(const pb::ChangeSet& message, const ChangeSet& ours) {
  EXPECT_EQ(message.stream_id(), ours.stream_id());
  EXPECT_EQ(message.height(), ours.height().value());
  EXPECT_EQ(message.time_unix_nanos(), ours.time_unix_nanos());
  EXPECT_EQ(message.filtered(), ours.filtered());
  ASSERT_EQ(static_cast<size_t>(message.changes_size()), ours.changes().size());
  for (int i = 0; i < message.changes_size(); ++i) {
    const pb::Change& theirs = message.changes(i);
    const Change& change = ours.changes()[static_cast<size_t>(i)];
    EXPECT_EQ(theirs.tx(), change.transaction);
    EXPECT_EQ(theirs.seq(), change.sequence);
    EXPECT_EQ(theirs.op(), change.kind == ChangeKind::kSet ? pb::OP_SET : pb::OP_DELETE);
    EXPECT_EQ(theirs.store(), change.store);
    EXPECT_EQ(theirs.key(), change.key);
    EXPECT_EQ(theirs.has_value(), change.kind == ChangeKind::kSet);
    EXPECT_EQ(theirs.value(), change.value);
  }
  ASSERT_EQ(static_cast<size_t>(message.transactions_size()), ours.transactions().size());
  for (int i = 0; i < message.transactions_size(); ++i) {
    EXPECT_EQ(message.transactions(i).index(), ours.transactions()[static_cast<size_t>(i)].index);
    EXPECT_EQ(message.transactions(i).code(), ours.transactions()[static_cast<size_t>(i)].code);
  }
}

TEST(Protobuf, GeneratedCodeReadsOurBytesAndWritesTheSame) {
  const uint64_t seed = test::Seed();
  SCOPED_TRACE(test::SeedText(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    auto ours = test::Build(test::RandomPlan(&random), Digest());
    if (random() % 3 == 0) ours = FilterChangeSet(*ours, {{"orders"}, {}});
    pb::ChangeSet message;
    ASSERT_TRUE(message.ParseFromString(std::string(ours->canonical())));
    ExpectSameContent(message, *ours);
    EXPECT_EQ(SerializeDeterministically(message), ours->canonical());
  }
}

TEST(Protobuf, WhatGeneratedCodeWritesInOrderIsReadByUs) {
  pb::ChangeSet message;
  message.set_stream_id("s");
  message.set_height(3);
  pb::Change* change = message.add_changes();
  change->set_op(pb::OP_SET);
  change->set_store("a");
  change->set_key("k");
  change->set_value("");
  message.add_transactions();
  const auto parsed = ChangeSet::Parse(SerializeDeterministically(message), Digest(), Digest());
  ASSERT_TRUE(parsed.has_value()) << parsed.error().ToString();
  ExpectSameContent(message, **parsed);
}

}  // namespace
}  // namespace sluice
