// SPDX-License-Identifier: Apache-2.0
#include "delivery/delivery_queue.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "support/fake_journal.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using Inserted = DeliveryQueue::Inserted;

// Reads as a script: Insert(16); EXPECT_EQ(Sent(), "16 17"); Ack(16); Error(17).
class DeliveryQueueTest : public testing::Test {
 protected:
  DeliveryQueueTest() {
    settings_.level = AckLevel::kDurable;
    settings_.max_in_flight = 8;
    settings_.retry = {milliseconds(100), milliseconds(10'000), 2.0, 0.0, 0};
  }

  void Open(uint64_t base, uint64_t newest) {
    queue_.emplace(settings_, Height(base), Height(newest), now_);
  }
  Inserted Insert(uint64_t height, uint64_t safepoint = 0) {
    const Inserted inserted = queue_->Insert(Height(height), ChangeSetAt(height), now_);
    if (settings_.parallel) {
      Precedence precedence;
      if (safepoint > 0) precedence.heights.push_back(Height(safepoint));
      queue_->Learn(Height(height), std::move(precedence));
    }
    return inserted;
  }
  static std::shared_ptr<const ChangeSet> ChangeSetAt(uint64_t height) {
    return MakeChangeSet(Height(height), Digest());
  }
  // Delivers all that may be delivered now: "16 17".
  std::string Sent() {
    std::string sent;
    while (auto next = queue_->Next(now_)) {
      if (next->change_set == nullptr) {
        ++read_back_;
        queue_->Load(next->height, ChangeSetAt(next->height.value()));
        continue;
      }
      EXPECT_EQ(next->change_set->height(), next->height);
      const DeliveryQueue::Begun begun = queue_->Begin(next->height, now_);
      attempts_[next->height.value()] = begun.attempt;
      newest_said_ = begun.newest_height.value();
      sent += (sent.empty() ? "" : " ") + std::to_string(next->height.value());
    }
    return sent;
  }
  bool Ack(uint64_t height, AckLevel level = AckLevel::kDurable) {
    return AckRange(height, height, attempts_[height], level);
  }
  bool AckRange(uint64_t first, uint64_t last, Attempt attempt,
                AckLevel level = AckLevel::kDurable) {
    return queue_->Ack({attempt, Height(first), Height(last), level}, now_);
  }
  std::optional<DeliveryQueue::Failed> Fail(uint64_t height) {
    return queue_->Fail(Height(height), attempts_[height], now_, 0.5);
  }
  uint64_t Watermark(AckLevel level = AckLevel::kDurable) {
    return queue_->watermark(level).value();
  }

  DeliveryQueue::Settings settings_;
  std::optional<DeliveryQueue> queue_;
  TimePoint now_{std::chrono::hours(1)};
  std::map<uint64_t, Attempt> attempts_;
  uint64_t newest_said_ = 0;
  uint64_t read_back_ = 0;
};

TEST_F(DeliveryQueueTest, StatemapInstallerVector) {
  settings_.parallel = true;
  Open(15, 15);
  EXPECT_EQ(Insert(7, 5), Inserted::kKnown);
  EXPECT_EQ(Insert(8), Inserted::kKnown);
  EXPECT_EQ(Insert(16), Inserted::kQueued);
  EXPECT_EQ(Insert(17, 2), Inserted::kQueued);
  EXPECT_EQ(Insert(18, 2), Inserted::kQueued);
  EXPECT_EQ(Sent(), "16 17 18");
  EXPECT_EQ(Insert(19, 16), Inserted::kQueued);
  EXPECT_EQ(Sent(), "");
  EXPECT_TRUE(Ack(18));
  EXPECT_EQ(Watermark(), 15U);
  EXPECT_EQ(Sent(), "");
  EXPECT_TRUE(Ack(16));
  EXPECT_EQ(Watermark(), 16U);
  EXPECT_EQ(Sent(), "19");
  ASSERT_TRUE(Fail(17));
  EXPECT_EQ(Sent(), "");
  EXPECT_EQ(queue_->ParkedUntil(), now_ + milliseconds(100));
  EXPECT_EQ(Insert(20, 17), Inserted::kQueued);
  EXPECT_EQ(Sent(), "");
  now_ += milliseconds(100);
  EXPECT_EQ(Sent(), "17");
  EXPECT_EQ(attempts_[17], Attempt(2));
  EXPECT_TRUE(Ack(19));
  EXPECT_EQ(Sent(), "");
  EXPECT_TRUE(Ack(17));
  EXPECT_EQ(Watermark(), 19U);
  EXPECT_EQ(Sent(), "20");
}

TEST_F(DeliveryQueueTest, OrderedSinksGetOneHeightAfterAnotherUpToMaxInFlight) {
  settings_.max_in_flight = 3;
  Open(0, 10);
  EXPECT_EQ(Sent(), "1 2 3");
  EXPECT_EQ(queue_->in_flight(), 3U);
  EXPECT_TRUE(Ack(1));
  EXPECT_EQ(Sent(), "4");
  EXPECT_TRUE(AckRange(2, 4, Attempt(1)));
  EXPECT_EQ(Sent(), "5 6 7");
  EXPECT_EQ(Watermark(), 4U);
}

TEST_F(DeliveryQueueTest, NewestHeightNeverPromisesWhatIsHeldBack) {
  settings_.max_in_flight = 3;
  Open(0, 10);
  std::vector<uint64_t> said;
  for (uint64_t height = 1; height <= 3; ++height) {
    queue_->Load(Height(height), ChangeSetAt(height));
    said.push_back(queue_->Begin(Height(height), now_).newest_height.value());
  }
  EXPECT_EQ(said, (std::vector<uint64_t>{3, 3, 3}));
  EXPECT_TRUE(AckRange(0, 3, Attempt(1)));
  EXPECT_EQ(Sent(), "4 5 6");
  EXPECT_TRUE(AckRange(0, 6, Attempt(1)));
  EXPECT_EQ(Sent(), "7 8 9");
  EXPECT_TRUE(AckRange(0, 9, Attempt(1)));
  EXPECT_EQ(Sent(), "10");
  EXPECT_EQ(newest_said_, 10U);
}

TEST_F(DeliveryQueueTest, AnAckCoversJustItsRangeAndZeroMeansEverythingBefore) {
  Open(0, 6);
  EXPECT_EQ(Sent(), "1 2 3 4 5 6");
  EXPECT_TRUE(AckRange(4, 5, Attempt(1)));
  EXPECT_EQ(Watermark(), 0U);
  EXPECT_TRUE(AckRange(0, 3, Attempt(1)));
  EXPECT_EQ(Watermark(), 5U);
  // Repeated acks, also of heights that are forgotten, change nothing and are no fault.
  EXPECT_FALSE(AckRange(0, 3, Attempt(1)));
  EXPECT_FALSE(AckRange(4, 5, Attempt(1)));
  EXPECT_EQ(queue_->refused_count(), 0U);
  EXPECT_TRUE(AckRange(2, 6, Attempt(1)));
  EXPECT_EQ(Watermark(), 6U);
}

TEST_F(DeliveryQueueTest, AcksOfUndeliveredHeightsAndOtherAttemptsAreRefusedAndCounted) {
  settings_.max_in_flight = 3;
  Open(0, 6);
  EXPECT_EQ(Sent(), "1 2 3");
  EXPECT_FALSE(AckRange(1, 4, Attempt(1)));  // 4 waits
  EXPECT_EQ(queue_->refused_count(), 1U);
  EXPECT_FALSE(AckRange(0, 100, Attempt(1)));  // nobody knows 100
  EXPECT_EQ(queue_->refused_count(), 2U);
  EXPECT_FALSE(AckRange(1, 1, Attempt(2)));
  EXPECT_EQ(queue_->refused_count(), 3U);
  EXPECT_FALSE(AckRange(3, 2, Attempt(1)));
  EXPECT_EQ(queue_->refused_count(), 4U);
  EXPECT_EQ(Watermark(), 0U);
}

TEST_F(DeliveryQueueTest, AParallelSinkMayNotAckEverythingBefore) {
  settings_.parallel = true;
  Open(0, 0);
  Insert(1);
  EXPECT_EQ(Sent(), "1");
  EXPECT_FALSE(AckRange(0, 1, Attempt(1)));
  EXPECT_EQ(queue_->refused_count(), 1U);
  EXPECT_EQ(Watermark(), 0U);
}

TEST_F(DeliveryQueueTest, OneWatermarkALevel) {
  Open(0, 4);
  EXPECT_EQ(Sent(), "1 2 3 4");
  EXPECT_TRUE(AckRange(0, 3, Attempt(1), AckLevel::kReceived));
  EXPECT_EQ(Watermark(AckLevel::kReceived), 3U);
  EXPECT_EQ(Watermark(AckLevel::kDurable), 0U);
  EXPECT_EQ(queue_->in_flight(), 4U);
  EXPECT_TRUE(AckRange(1, 2, Attempt(1), AckLevel::kDurable));
  EXPECT_EQ(Watermark(AckLevel::kReceived), 3U);
  EXPECT_EQ(Watermark(AckLevel::kDurable), 2U);
  // A level above what the instance said it can give is worth what it said.
  EXPECT_TRUE(AckRange(3, 4, Attempt(1), AckLevel::kVisible));
  EXPECT_EQ(Watermark(AckLevel::kReceived), 4U);
  EXPECT_EQ(Watermark(AckLevel::kDurable), 4U);
}

TEST_F(DeliveryQueueTest, AFailureAtAnOrderedSinkVoidsAllLaterHeights) {
  Open(0, 5);
  EXPECT_EQ(Sent(), "1 2 3 4 5");
  ASSERT_TRUE(Fail(3));
  EXPECT_EQ(queue_->in_flight(), 2U);
  EXPECT_FALSE(Ack(4));  // void
  EXPECT_EQ(queue_->refused_count(), 1U);
  EXPECT_TRUE(Ack(1));  // still in flight
  EXPECT_TRUE(Ack(2));
  EXPECT_EQ(Sent(), "");
  now_ += milliseconds(100);
  EXPECT_EQ(Sent(), "3 4 5");
  EXPECT_EQ(attempts_[4], Attempt(2));
  EXPECT_FALSE(AckRange(3, 5, Attempt(1)));
  EXPECT_TRUE(AckRange(3, 5, Attempt(2)));
  EXPECT_EQ(Watermark(), 5U);
  EXPECT_EQ(queue_->retry_count(), 1U);
}

TEST_F(DeliveryQueueTest, AnAckOfTheNewAttemptCoversWhatIsInFlightFromBeforeTheFailure) {
  Open(0, 5);
  EXPECT_EQ(Sent(), "1 2 3 4 5");
  ASSERT_TRUE(Fail(3));
  now_ += milliseconds(100);
  EXPECT_EQ(Sent(), "3 4 5");
  EXPECT_TRUE(AckRange(0, 4, Attempt(2)));
  EXPECT_EQ(Watermark(), 4U);
  EXPECT_EQ(queue_->refused_count(), 0U);
}

TEST_F(DeliveryQueueTest, AFailureOfWhatIsNotInFlightIsRefused) {
  Open(0, 3);
  EXPECT_EQ(Sent(), "1 2 3");
  EXPECT_TRUE(Ack(1));
  EXPECT_FALSE(Fail(1));
  ASSERT_TRUE(Fail(2));
  EXPECT_FALSE(Fail(2));
  EXPECT_FALSE(Fail(3));  // void since 2 failed
  EXPECT_EQ(queue_->refused_count(), 3U);
}

TEST_F(DeliveryQueueTest, APermanentlyFailingHeightBacksOffAndIsExhausted) {
  settings_.retry.max_attempts = 3;
  Open(0, 2);
  for (uint64_t failures = 1; failures <= 3; ++failures) {
    EXPECT_EQ(Sent(), "1 2");
    const auto failed = Fail(1);
    ASSERT_TRUE(failed);
    EXPECT_EQ(failed->failures, failures);
    EXPECT_EQ(failed->delay, milliseconds(100) * (1 << (failures - 1)));
    EXPECT_EQ(failed->exhausted, failures == 3);
    now_ += failed->delay - milliseconds(1);
    EXPECT_EQ(Sent(), "") << "no hot loop";
    now_ += milliseconds(1);
  }
}

TEST_F(DeliveryQueueTest, BusyIsNoAttempt) {
  Open(0, 2);
  const auto next = queue_->Next(now_);
  ASSERT_TRUE(next);
  queue_->Load(next->height, ChangeSetAt(1));
  const Attempt attempt = queue_->Begin(Height(1), now_).attempt;
  queue_->Busy(Height(1), attempt);
  EXPECT_EQ(queue_->in_flight(), 0U);
  EXPECT_EQ(Sent(), "1 2");
  EXPECT_EQ(attempts_[1], attempt);
  EXPECT_EQ(queue_->retry_count(), 0U);
}

TEST_F(DeliveryQueueTest, GapsInHeightsAreRefused) {
  Open(0, 0);
  EXPECT_EQ(Insert(2), Inserted::kGap);
  EXPECT_EQ(Insert(1), Inserted::kQueued);
  EXPECT_EQ(Insert(3), Inserted::kGap);
  EXPECT_EQ(Insert(2), Inserted::kQueued);
  EXPECT_EQ(Sent(), "1 2");
  EXPECT_EQ(queue_->newest(), Height(2));
  EXPECT_EQ(read_back_, 0U);
}

TEST_F(DeliveryQueueTest, PrunesThroughTheWatermark) {
  Open(0, 8);
  EXPECT_EQ(Sent(), "1 2 3 4 5 6 7 8");
  EXPECT_GT(queue_->held_bytes(), 0U);
  EXPECT_TRUE(AckRange(2, 8, Attempt(1)));
  EXPECT_EQ(queue_->entry_count(), 8U);
  EXPECT_TRUE(Ack(1));
  EXPECT_EQ(queue_->entry_count(), 0U);
  EXPECT_EQ(queue_->held_bytes(), 0U);
  EXPECT_EQ(queue_->in_flight(), 0U);
  EXPECT_FALSE(queue_->waiting_since());
}

TEST_F(DeliveryQueueTest, AJumpOfTheWatermarkFromOutsideForgetsWhatIsBelow) {
  Open(0, 10);
  EXPECT_EQ(Sent(), "1 2 3 4 5 6 7 8");
  queue_->JumpTo(Height(5));
  EXPECT_EQ(Watermark(), 5U);
  EXPECT_EQ(Watermark(AckLevel::kReceived), 5U);
  EXPECT_EQ(queue_->in_flight(), 3U);
  EXPECT_FALSE(Ack(4));  // forgotten: no fault
  EXPECT_EQ(queue_->refused_count(), 0U);
  queue_->JumpTo(Height(3));  // never back
  EXPECT_EQ(Watermark(), 5U);
  EXPECT_EQ(Sent(), "9 10");
  queue_->JumpTo(Height(10));
  EXPECT_EQ(queue_->in_flight(), 0U);
  EXPECT_EQ(queue_->lag_blocks(), 0U);
}

TEST_F(DeliveryQueueTest, AJumpTakesWhatWasAckedAboveItAlong) {
  Open(0, 5);
  EXPECT_EQ(Sent(), "1 2 3 4 5");
  EXPECT_TRUE(AckRange(3, 4, Attempt(1)));
  queue_->JumpTo(Height(2));
  EXPECT_EQ(Watermark(), 4U);
}

TEST_F(DeliveryQueueTest, ASinkThatLostHeightsGetsThemAgainWithANewAttempt) {
  Open(0, 4);
  EXPECT_EQ(Sent(), "1 2 3 4");
  EXPECT_TRUE(AckRange(0, 3, Attempt(1)));
  queue_->Rebase(Height(1), now_);
  EXPECT_EQ(Watermark(), 1U);
  EXPECT_EQ(Sent(), "2 3 4");
  EXPECT_FALSE(AckRange(2, 4, Attempt(1)));
  EXPECT_TRUE(AckRange(2, 4, Attempt(2)));
  EXPECT_EQ(Watermark(), 4U);
}

TEST_F(DeliveryQueueTest, BeyondTheByteBudgetHeightsAreReadBack) {
  const uint64_t each = ChangeSetAt(1)->memory_bytes();
  settings_.bytes_max = 3 * each;
  Open(0, 0);
  for (uint64_t height = 1; height <= 6; ++height) Insert(height);
  EXPECT_EQ(queue_->held_bytes(), 3 * each);
  EXPECT_EQ(Sent(), "1 2 3");  // as much in flight as the budget holds
  EXPECT_EQ(read_back_, 0U);
  EXPECT_TRUE(AckRange(0, 3, Attempt(1)));
  EXPECT_EQ(queue_->held_bytes(), 0U);
  Insert(7);  // is not kept before those that are missing
  EXPECT_EQ(queue_->held_bytes(), 0U);
  EXPECT_EQ(Sent(), "4 5 6");
  EXPECT_EQ(read_back_, 3U);
  EXPECT_EQ(queue_->lag_bytes(), 4 * each);
}

TEST_F(DeliveryQueueTest, AHeightLargerThanTheBudgetIsDeliveredAlone) {
  settings_.bytes_max = 1;
  Open(0, 3);
  EXPECT_EQ(Sent(), "1");
  EXPECT_EQ(newest_said_, 1U);
  EXPECT_TRUE(Ack(1));
  EXPECT_EQ(Sent(), "2");
}

TEST_F(DeliveryQueueTest, AMillionHeightsOfBacklogNeedBoundedMemory) {
  settings_.max_in_flight = 64;
  Open(0, 1'000'000);
  uint64_t delivered = 0;
  uint64_t inserted = 1'000'000;
  uint64_t entries_max = 0;
  const auto change_set = ChangeSetAt(1);
  while (queue_->lag_blocks() > 0) {
    Attempt attempt;
    Height last;
    while (auto next = queue_->Next(now_)) {
      if (next->change_set == nullptr) {
        queue_->Load(next->height, change_set);
        continue;
      }
      ASSERT_EQ(next->height.value(), delivered + 1);
      attempt = queue_->Begin(next->height, now_).attempt;
      last = next->height;
      ++delivered;
    }
    // New heights go on coming meanwhile.
    if (inserted < 1'001'000) {
      ASSERT_EQ(queue_->Insert(Height(++inserted), change_set, now_), Inserted::kQueued);
    }
    entries_max = std::max(entries_max, queue_->entry_count());
    ASSERT_LE(queue_->held_bytes(), 66 * change_set->memory_bytes());
    ASSERT_TRUE(AckRange(0, last.value(), attempt));
  }
  EXPECT_EQ(delivered, 1'001'000U);
  EXPECT_LE(entries_max, 64 + DeliveryQueue::kLookAhead);
}

}  // namespace
}  // namespace sluice
