// SPDX-License-Identifier: Apache-2.0
//
// The queue of a parallel sink: what is sent side by side, and a random history against the plain
// rule that a height may be sent when every earlier one that shares a key with it is acked.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "delivery/conflict_index.h"
#include "delivery/delivery_queue.h"
#include "support/seed.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

class ParallelQueueTest : public testing::Test {
 protected:
  ParallelQueueTest() {
    settings_.level = AckLevel::kDurable;
    settings_.parallel = true;
    settings_.max_in_flight = 64;
    settings_.retry = {milliseconds(100), milliseconds(100), 1.0, 0.0, 0};
  }

  static std::shared_ptr<const ChangeSet> Block(uint64_t height, const std::set<int>& keys) {
    ChangeSetBuilder builder("s", Height(height), 0);
    for (int key : keys) builder.AddSet(0, "main", "k" + std::to_string(key), "v");
    builder.AddTransactionResult(0, 0);
    return std::move(builder).Seal(Digest());
  }
  void Open() { queue_.emplace(settings_, Height(), Height(), now_); }
  // The next height, with these keys.
  void Insert(const std::set<int>& keys) {
    blocks_.push_back(Block(blocks_.size() + 1, keys));
    keys_.push_back(keys);
    ASSERT_EQ(queue_->Insert(Height(blocks_.size()), blocks_.back(), now_),
              DeliveryQueue::Inserted::kQueued);
  }
  void LearnAll() {
    while (std::optional<DeliveryQueue::Deliverable> next = queue_->NextToLearn()) {
      const auto& block = blocks_[next->height.value() - 1];
      Precedence precedence = index_->Add(*block, ChangeFilter(), queue_->watermark());
      queue_->Load(next->height, block);
      queue_->Learn(next->height, std::move(precedence));
    }
  }
  std::set<uint64_t> Send() {
    std::set<uint64_t> sent;
    while (auto next = queue_->Next(now_)) {
      const uint64_t height = next->height.value();
      if (next->change_set == nullptr) queue_->Load(next->height, blocks_[height - 1]);
      in_flight_[height] = queue_->Begin(next->height, now_).attempt;
      EXPECT_TRUE(sent.insert(height).second);
    }
    return sent;
  }
  bool Ack(uint64_t height) {
    const Attempt attempt = in_flight_[height];
    in_flight_.erase(height);
    acked_.insert(height);
    return queue_->Ack({attempt, Height(height), Height(height), AckLevel::kDurable}, now_);
  }

  DeliveryQueue::Settings settings_;
  std::optional<DeliveryQueue> queue_;
  std::optional<ConflictIndex> index_{std::in_place};
  TimePoint now_{std::chrono::hours(1)};
  std::vector<std::shared_ptr<const ChangeSet>> blocks_;
  std::vector<std::set<int>> keys_;
  std::map<uint64_t, Attempt> in_flight_;
  std::set<uint64_t> acked_;
};

using Set = std::set<uint64_t>;

// The safepoint alone would let it go as soon as the latest of the two is acked.
TEST_F(ParallelQueueTest, AHeightWaitsForEveryLastWriterOfItsKeys) {
  Open();
  Insert({1});
  Insert({2});
  Insert({1, 2});
  LearnAll();
  EXPECT_EQ(Send(), Set({1, 2}));
  EXPECT_TRUE(Ack(2));
  EXPECT_EQ(Send(), Set());
  EXPECT_TRUE(Ack(1));
  EXPECT_EQ(Send(), Set({3}));
}

TEST_F(ParallelQueueTest, EmptyHeightsAdvance) {
  Open();
  Insert({1});
  Insert({});
  Insert({1});
  Insert({});
  LearnAll();
  EXPECT_EQ(Send(), Set({1, 2, 4}));
  EXPECT_TRUE(Ack(4));
  EXPECT_TRUE(Ack(2));
  EXPECT_EQ(queue_->watermark(), Height(0));
  EXPECT_TRUE(Ack(1));
  EXPECT_EQ(queue_->watermark(), Height(2));
  EXPECT_EQ(Send(), Set({3}));
  EXPECT_TRUE(Ack(3));
  EXPECT_EQ(queue_->watermark(), Height(4));
}

TEST_F(ParallelQueueTest, WhatIsNotLearnedWaitsForEverythingBeforeIt) {
  Open();
  Insert({1});
  Insert({2});
  Insert({3});
  EXPECT_EQ(Send(), Set({1}));
  EXPECT_TRUE(Ack(1));
  EXPECT_EQ(Send(), Set({2}));
  LearnAll();  // 2 is in flight already; 3 is free now
  EXPECT_EQ(Send(), Set({3}));
}

TEST_F(ParallelQueueTest, NothingIsReadAheadBeyondTheBudget) {
  settings_.bytes_max = 1;
  Open();
  queue_->Extend(Height(3), now_);
  ASSERT_TRUE(queue_->NextToLearn());
  queue_->Load(Height(1), Block(1, {1}));
  queue_->Learn(Height(1), Precedence());
  EXPECT_FALSE(queue_->NextToLearn());
  ASSERT_EQ(queue_->Next(now_)->height, Height(1));
  const Attempt attempt = queue_->Begin(Height(1), now_).attempt;
  ASSERT_TRUE(queue_->Ack({attempt, Height(1), Height(1), AckLevel::kDurable}, now_));
  EXPECT_EQ(queue_->NextToLearn()->height, Height(2));
}

TEST_F(ParallelQueueTest, AJumpOfTheWatermarkFreesWhoWaited) {
  Open();
  Insert({1});
  Insert({1});
  Insert({1});
  Insert({1, 2});
  LearnAll();
  EXPECT_EQ(Send(), Set({1}));
  queue_->JumpTo(Height(3));
  EXPECT_EQ(Send(), Set({4}));
  EXPECT_EQ(queue_->in_flight(), 1U);
}

TEST_F(ParallelQueueTest, RandomHistoriesAreSentAsThePlainRuleSays) {
  std::mt19937_64 random(testing_support::Seed());
  for (int round = 0; round < 20; ++round) {
    blocks_.clear();
    keys_.clear();
    in_flight_.clear();
    acked_.clear();
    // Small ones overflow often: then a height may be late, but never early.
    const bool small = round % 2 == 1;
    index_.emplace(small ? 12 : ConflictIndex::kKeysMax);
    Open();
    const int key_count = 2 + static_cast<int>(random() % 30);
    std::set<uint64_t> parked;
    while (acked_.size() < 300) {
      for (uint64_t i = random() % 4; i > 0 && blocks_.size() < 300; --i) {
        std::set<int> keys;
        for (uint64_t k = random() % 5; k > 0; --k)
          keys.insert(static_cast<int>(random() % key_count));
        Insert(keys);
      }
      LearnAll();
      const std::set<uint64_t> sent = Send();
      for (uint64_t height = 1; height <= blocks_.size(); ++height) {
        const bool was_open = acked_.count(height) == 0 && parked.count(height) == 0 &&
                              (in_flight_.count(height) == 0 || sent.count(height) != 0);
        if (!was_open) continue;
        bool free = true;
        for (uint64_t before = 1; before < height; ++before) {
          if (acked_.count(before) != 0) continue;
          free = free && std::none_of(keys_[before - 1].begin(), keys_[before - 1].end(),
                                      [&](int key) { return keys_[height - 1].count(key) != 0; });
        }
        if (sent.count(height) != 0) {
          ASSERT_TRUE(free) << height;
        } else if (!small) {
          ASSERT_FALSE(free) << height;
        }
      }
      std::vector<uint64_t> under_way;
      for (const auto& [height, attempt] : in_flight_) under_way.push_back(height);
      std::shuffle(under_way.begin(), under_way.end(), random);
      if (!under_way.empty()) under_way.resize(random() % under_way.size() + 1);
      for (uint64_t height : under_way) {
        switch (random() % 8) {
          case 0:
            ASSERT_TRUE(queue_->Fail(Height(height), in_flight_[height], now_, 0.5));
            in_flight_.erase(height);
            parked.insert(height);
            break;
          case 1:
            queue_->Busy(Height(height), in_flight_[height]);
            in_flight_.erase(height);
            break;
          default:
            ASSERT_TRUE(Ack(height));
        }
      }
      if (random() % 4 == 0 || under_way.empty()) {
        now_ += milliseconds(100);
        parked.clear();
      }
    }
    EXPECT_EQ(queue_->watermark(), Height(300));
    EXPECT_EQ(queue_->entry_count(), 0U);
    EXPECT_EQ(queue_->held_bytes(), 0U);
    EXPECT_EQ(queue_->in_flight(), 0U);
  }
}

}  // namespace
}  // namespace sluice
