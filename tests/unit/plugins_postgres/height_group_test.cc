// SPDX-License-Identifier: Apache-2.0
#include "postgres/height_group.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice_postgres {
namespace {

using sluice::sdk::Batch;
using sluice::sdk::Bytes;
using sluice::sdk::Text;

struct TestChange {
  const char* store;
  std::string key;
  std::string value;
  bool is_delete = false;
};

class HeightGroupTest : public ::testing::Test {
 protected:
  void Add(uint64_t height, const std::vector<TestChange>& changes, uint32_t flags = 0) {
    std::vector<sluice_change> raw;
    for (const TestChange& from : changes) {
      sluice_change to{};
      to.kind = from.is_delete ? SLUICE_CHANGE_DELETE : SLUICE_CHANGE_SET;
      to.sequence = static_cast<uint32_t>(raw.size());
      to.store = Text(from.store);
      to.key = Bytes(from.key);
      to.value = Bytes(from.value);
      raw.push_back(to);
    }
    sluice_batch batch{};
    batch.struct_size = sizeof(batch);
    batch.flags = flags;
    batch.height = height;
    batch.attempt = height + 100;
    batch.digest.bytes[0] = static_cast<uint8_t>(height);
    batch.previous_digest.bytes[0] = static_cast<uint8_t>(height - 1);
    batch.last_part = 1;
    batch.changes = raw.data();
    batch.change_count = raw.size();
    batch.change_stride = sizeof(sluice_change);
    group_.Add(Batch(&batch), {});
  }
  // The rows of the staging table as "store/key=value@height.seq" and "-store/key@height.seq".
  std::vector<std::string> Staged() {
    std::vector<std::string> out;
    const std::string rows = group_.StagingRows();
    std::string_view left = rows;
    while (!left.empty()) {
      CopyRow row;
      EXPECT_TRUE(row.Parse(left, 6));
      size_t size = 2;
      const auto take = [&](std::string_view field) {
        size += 4 + field.size();
        return std::string(field);
      };
      const std::string store = take(row.TakeBytes());
      const std::string key = take(row.TakeBytes());
      const std::string value = take(row.TakeBytes());
      const int64_t height = row.TakeInt64();
      const int32_t sequence = row.TakeInt32();
      const std::string place = "@" + std::to_string(height) + "." + std::to_string(sequence);
      const std::string_view form = row.TakeBytes();
      size += 12 + 8 + 6;
      out.push_back(form.back() == 0 ? "-" + store + "/" + key + place
                                     : store + "/" + key + "=" + value + place);
      left.remove_prefix(size);
    }
    return out;
  }

  Settings settings_;
  SinkKey key_{"demo", "pg"};
  HeightGroup group_{settings_, key_};
};

TEST_F(HeightGroupTest, TheLastWriteOfAKeyWins) {
  Add(1, {{"a", "k", "1"}, {"a", "k", "2"}, {"b", "k", "3"}});
  Add(2, {{"a", "k", "", true}, {"a", "j", "4"}});
  Add(3, {{"b", "k", "", true}, {"b", "k", "5"}});
  EXPECT_EQ(Staged(), (std::vector<std::string>{"a/j=4@2.1", "-a/k@2.0", "b/k=5@3.1"}));
}

TEST_F(HeightGroupTest, EveryChangeIsALogRow) {
  Add(1, {{"a", "k", "1"}, {"a", "k", "2"}});
  const size_t two = group_.change_rows().size();
  Add(2, {{"a", "k", "1"}, {"a", "k", "2"}});
  EXPECT_EQ(group_.change_rows().size(), 2 * two);
  EXPECT_EQ(group_.heights().size(), 2U);
  EXPECT_EQ(group_.heights()[0].change_count, 2U);
  EXPECT_EQ(group_.last().attempt, 102U);
  EXPECT_EQ(group_.previous_digest().bytes[0], 0);
}

TEST_F(HeightGroupTest, AnEmptyHeightIsAHeight) {
  Add(5, {});
  EXPECT_FALSE(group_.empty());
  EXPECT_TRUE(group_.change_rows().empty());
  EXPECT_TRUE(Staged().empty());
  EXPECT_FALSE(group_.filtered());
  Add(6, {}, SLUICE_BATCH_FILTERED);
  EXPECT_TRUE(group_.filtered());
  group_.Clear();
  EXPECT_TRUE(group_.empty());
  EXPECT_EQ(group_.bytes(), 0U);
}

TEST_F(HeightGroupTest, KeysWithZeroBytesAndStoresAreToldApart) {
  const std::string zero("\0k", 2);
  Add(1, {{"a", zero, "1"}, {"a", "k", "2"}, {"ab", "k", "3"}});
  EXPECT_EQ(Staged().size(), 3U);
}

TEST_F(HeightGroupTest, StagedRowsAreOrderedByStoreAndKey) {
  const std::string long_key = "a common beginning, and more than eight bytes";
  Add(1, {{"b", "a", "1"},
          {"a", long_key + "2", "2"},
          {"a", long_key + "1", "3"},
          {"a", std::string("a\0", 2), "4"},
          {"a", "a", "5"},
          {"a", "\xff", "6"},
          {"a", "", "7"},
          {"a", long_key, "8"}});
  std::string values;
  for (const std::string& row : Staged()) values += row[row.rfind('@') - 1];
  EXPECT_EQ(values, "75483261");
  group_.Clear();
  Add(2, {{"a", long_key + "2", "2"}, {"a", long_key + "10", "1"}, {"a", long_key, "0"}});
  values.clear();
  for (const std::string& row : Staged()) values += row[row.rfind('@') - 1];
  EXPECT_EQ(values, "012");
}

TEST_F(HeightGroupTest, ValuesPassedOver) {
  settings_.value_as["j"] = ValueForm::kJsonb;
  Add(1, {{"j", "x", "no json"}, {"j", "y", "1"}, {"a", "x", "bytes"}, {"j", "z", "", true}});
  std::vector<StateRow*> typed = group_.TypedRows();
  ASSERT_EQ(typed.size(), 2U);
  group_.PassOver(typed[0], "why");
  EXPECT_EQ(typed[0]->form, RowForm::kBytes);
  EXPECT_EQ(typed[0]->value, "no json");
  settings_.on_bad_value = OnBadValue::kSkip;
  group_.PassOver(typed[1], "why");
  EXPECT_EQ(typed[1]->form, RowForm::kDelete);
  ASSERT_EQ(group_.passed_over().size(), 2U);
  EXPECT_EQ(group_.passed_over()[0].key, "x");
  EXPECT_TRUE(group_.TypedRows().empty());
}

}  // namespace
}  // namespace sluice_postgres
