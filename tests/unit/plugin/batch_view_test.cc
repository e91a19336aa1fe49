// SPDX-License-Identifier: Apache-2.0
#include "plugin/batch_view.h"

#include "unit/plugin/plugin_fixture.h"

namespace sluice {
namespace {

std::string_view View(const sluice_bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data), bytes.size};
}

TEST(BatchView, ShowsTheChangeSetItself) {
  const auto set = MakeChangeSet(5, 2);
  Delivery delivery = MakeDelivery(set, 3);
  delivery.newest_height = Height(9);
  BatchView view;
  view.Fill(delivery, 0);
  ASSERT_EQ(view.part_count(), 1U);
  const sluice_batch* batch = view.SelectPart(0);
  EXPECT_EQ(batch->struct_size, sizeof(sluice_batch));
  EXPECT_EQ(batch->epoch, 7U);
  EXPECT_EQ(batch->attempt, 3U);
  EXPECT_EQ(batch->height, 5U);
  EXPECT_EQ(batch->newest_height, 9U);
  EXPECT_EQ(batch->time_unix_nanos, 1'700'000'000'000'000'000);
  EXPECT_EQ(std::string(batch->stream_id.data, batch->stream_id.size), "test-stream");
  EXPECT_EQ(batch->part, 0U);
  EXPECT_EQ(batch->last_part, 1U);
  EXPECT_EQ(View(batch->canonical).data(), set->canonical().data());
  EXPECT_EQ(View(batch->canonical), set->canonical());
  ASSERT_EQ(batch->change_count, 2U);
  EXPECT_EQ(batch->change_stride, sizeof(sluice_change));
  EXPECT_EQ(View(batch->changes[1].key), "key1");
  EXPECT_EQ(batch->changes[1].sequence, 1U);
  EXPECT_EQ(batch->changes[1].flags, 0U);
  ASSERT_EQ(batch->message_count, 1U);
  EXPECT_EQ(batch->messages[0].result_code, 0U);
}

TEST(BatchView, ShowsOldValuesOnlyWhereAsked) {
  Delivery delivery = MakeDelivery(1);
  delivery.with_old_values = true;
  BatchView view;
  view.Fill(delivery, 0);
  const sluice_batch* batch = view.SelectPart(0);
  EXPECT_EQ(batch->changes[2].flags, SLUICE_CHANGE_HAS_OLD_VALUE);
  EXPECT_EQ(View(batch->changes[2].old_value), "old2");
}

// For every part size: the bytes put together are the height's, each change is in exactly one part,
// in order, and not before its last byte is.
TEST(BatchView, PartsOfEverySizeHoldEverythingOnce) {
  const auto set = MakeChangeSet(1, 7, 13);
  for (uint64_t max = 1; max <= set->canonical().size() + 1; ++max) {
    BatchView view;
    view.Fill(MakeDelivery(set), max);
    std::string bytes;
    uint32_t next_change = 0;
    uint64_t messages = 0;
    for (uint32_t part = 0; part < view.part_count(); ++part) {
      const sluice_batch* batch = view.SelectPart(part);
      ASSERT_EQ(batch->part, part);
      ASSERT_EQ(batch->last_part, part + 1 == view.part_count() ? 1U : 0U);
      ASSERT_LE(batch->canonical.size, max);
      bytes += View(batch->canonical);
      for (uint64_t i = 0; i < batch->change_count; ++i) {
        ASSERT_EQ(batch->changes[i].sequence, next_change++);
        const auto value = View(batch->changes[i].value);
        ASSERT_LE(value.data() + value.size(), set->canonical().data() + bytes.size());
      }
      messages += batch->message_count;
    }
    ASSERT_EQ(bytes, set->canonical()) << max;
    ASSERT_EQ(next_change, 7U) << max;
    ASSERT_EQ(messages, 1U) << max;
  }
}

TEST(BatchView, AFilteredHeightWithoutChangesIsOneEmptyBatch) {
  ChangeFilter filter;
  filter.stores = {"another"};
  BatchView view;
  view.Fill(MakeDelivery(FilterChangeSet(*MakeChangeSet(4), filter)), 0);
  const sluice_batch* batch = view.SelectPart(0);
  EXPECT_EQ(batch->flags, SLUICE_BATCH_FILTERED);
  EXPECT_EQ(batch->change_count, 0U);
  EXPECT_EQ(batch->message_count, 1U);
  EXPECT_EQ(batch->last_part, 1U);
}

TEST(BatchView, CanBeFilledAgain) {
  BatchView view;
  view.Fill(MakeDelivery(MakeChangeSet(1, 9)), 0);
  view.Clear();
  view.Fill(MakeDelivery(MakeChangeSet(2, 1)), 0);
  EXPECT_EQ(view.SelectPart(0)->change_count, 1U);
  EXPECT_EQ(view.SelectPart(0)->height, 2U);
}

}  // namespace
}  // namespace sluice
