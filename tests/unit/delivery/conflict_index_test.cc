// SPDX-License-Identifier: Apache-2.0
#include "delivery/conflict_index.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice {
namespace {

class ConflictIndexTest : public testing::Test {
 protected:
  static std::shared_ptr<const ChangeSet> Block(uint64_t height,
                                                const std::vector<std::string>& keys,
                                                const std::string& store = "main") {
    ChangeSetBuilder builder("s", Height(height), 0);
    for (const std::string& key : keys) builder.AddSet(0, store, key, "v");
    builder.AddTransactionResult(0, 0);
    return std::move(builder).Seal(Digest());
  }
  // What the next height waits for: "1 3", "..4" for a run, "" for nothing.
  std::string Add(const std::vector<std::string>& keys, const std::string& store = "main") {
    const Precedence precedence = index_.Add(*Block(++height_, keys, store), filter_, watermark_);
    std::string text;
    if (precedence.all_through != Height()) text = fmt::format("..{}", precedence.all_through);
    for (Height height : precedence.heights) {
      text += fmt::format("{}{}", text.empty() ? "" : " ", height);
    }
    return text;
  }
  static std::vector<std::string> Keys(int count, const std::string& prefix) {
    std::vector<std::string> keys;
    for (int i = 0; i < count; ++i) keys.push_back(prefix + std::to_string(i));
    return keys;
  }

  ConflictIndex index_{64};
  ChangeFilter filter_;
  Height watermark_;
  uint64_t height_ = 0;
};

TEST_F(ConflictIndexTest, AHeightComesAfterTheLastWriterOfEachOfItsKeys) {
  EXPECT_EQ(Add({"a", "b"}), "");
  EXPECT_EQ(Add({"c"}), "");
  EXPECT_EQ(Add({"a", "a"}), "1");
  EXPECT_EQ(Add({"a", "b", "c"}), "1 2 3");  // not of the latest only
  EXPECT_EQ(Add({}), "");                    // an empty height waits for nothing
  EXPECT_EQ(Add({"d"}), "");
}

TEST_F(ConflictIndexTest, TheSameKeyOfAnotherStoreIsAnotherKey) {
  EXPECT_EQ(Add({"a"}, "main"), "");
  EXPECT_EQ(Add({"a"}, "orders"), "");
  EXPECT_EQ(Add({"main"}, "a"), "");
  EXPECT_EQ(Add({"a"}, "orders"), "2");
}

TEST_F(ConflictIndexTest, WhatTheSinkDoesNotGetIsNoConflict) {
  filter_.stores = {"orders"};
  EXPECT_EQ(Add({"a"}, "main"), "");
  EXPECT_EQ(Add({"a"}, "main"), "");
  EXPECT_EQ(Add({"a"}, "orders"), "");
  EXPECT_EQ(Add({"a"}, "orders"), "3");
}

TEST_F(ConflictIndexTest, WhatIsAckedIsNotWaitedFor) {
  EXPECT_EQ(Add({"a"}), "");
  EXPECT_EQ(Add({"b"}), "");
  watermark_ = Height(1);
  EXPECT_EQ(Add({"a", "b"}), "2");
}

TEST_F(ConflictIndexTest, ManyPrecedingHeightsBecomeARun) {
  std::vector<std::string> all;
  for (uint64_t i = 0; i <= ConflictIndex::kHeightsMax; ++i) {
    all.push_back("k" + std::to_string(i));
    EXPECT_EQ(Add({all.back()}), "");
  }
  EXPECT_EQ(Add(all), "..17");
}

TEST_F(ConflictIndexTest, BeyondItsRoomAHeightWaitsForAllAndIsWaitedForByAll) {
  EXPECT_EQ(Add(Keys(60, "a")), "");
  EXPECT_EQ(Add({"b"}), "");
  EXPECT_EQ(Add(Keys(10, "c")), "..2");
  EXPECT_EQ(index_.key_count(), 0U);
  EXPECT_EQ(Add({"d"}), "..3");
  EXPECT_EQ(Add({"d"}), "..3 4");
  watermark_ = Height(3);
  EXPECT_EQ(Add({"d"}), "5");
  EXPECT_EQ(Add({"e"}), "");
}

TEST_F(ConflictIndexTest, AHeightLargerThanTheRoomIsARunOfItsOwn) {
  EXPECT_EQ(Add({"a"}), "");
  EXPECT_EQ(Add(Keys(100, "b")), "..1");
  EXPECT_EQ(Add(Keys(100, "c")), "..2");
  EXPECT_EQ(Add({"a"}), "..3");
}

TEST_F(ConflictIndexTest, WhatIsAckedMakesRoom) {
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(Add(Keys(10, std::to_string(i) + "-")), "");
    if (i % 2 == 1) watermark_ = Height(height_);
    ASSERT_LE(index_.key_count(), 64U);
  }
}

}  // namespace
}  // namespace sluice
