// SPDX-License-Identifier: Apache-2.0
#include "kafka/key_table.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace sluice_kafka {
namespace {

// The keys that are left of `put` without `erased`, found in passes of tables with the budget, and
// how many passes it took.
std::multiset<std::string> Left(const std::vector<std::string>& put,
                                const std::set<std::string>& erased, uint64_t budget, int* passes) {
  std::multiset<std::string> left;
  *passes = 0;
  std::vector<KeyShare> to_do = {KeyShare()};
  while (!to_do.empty()) {
    ++*passes;
    KeyTable table(to_do.back(), budget);
    to_do.pop_back();
    for (const std::string& key : put) table.Put(key, 0, "main");
    for (const std::string& key : erased) table.Erase(key);
    for (const auto& [key, found] : table.keys()) left.insert(key);
    to_do.insert(to_do.end(), table.given_up().begin(), table.given_up().end());
  }
  return left;
}

TEST(KafkaKeyTable, KeepsTheLastPlaceOfAKey) {
  KeyTable table(KeyShare(), 1 << 20);
  table.Put("a", 1, "main");
  table.Put("a", 2, "orders");
  table.Put("b", 3, "main");
  table.Erase("b");
  table.Erase("never there");
  ASSERT_EQ(table.keys().size(), 1u);
  EXPECT_EQ(table.keys().at("a").partition, 2);
  EXPECT_EQ(table.keys().at("a").store, "orders");
  EXPECT_TRUE(table.given_up().empty());
}

TEST(KafkaKeyTable, FindsEachKeyOnceInWhateverMemory) {
  std::vector<std::string> put;
  std::set<std::string> erased;
  std::multiset<std::string> expected;
  for (int i = 0; i < 3000; ++i) {
    put.push_back("key-" + std::to_string(i));
    if (i % 3 == 0) {
      erased.insert(put.back());
    } else {
      expected.insert(put.back());
    }
  }
  int passes = 0;
  EXPECT_EQ(Left(put, erased, 1 << 20, &passes), expected);
  EXPECT_EQ(passes, 1);
  // About a tenth of them fits.
  EXPECT_EQ(Left(put, erased, 40000, &passes), expected);
  EXPECT_GE(passes, 10);
  EXPECT_LE(passes, 40);
}

TEST(KafkaKeyTable, TakesAKeyThatIsLargerThanItsMemory) {
  const std::vector<std::string> put = {std::string(5000, 'a'), std::string(5000, 'b'),
                                        std::string(5000, 'c')};
  int passes = 0;
  EXPECT_EQ(Left(put, {}, 100, &passes), std::multiset<std::string>(put.begin(), put.end()));
  EXPECT_GE(passes, 3);
}

}  // namespace
}  // namespace sluice_kafka
