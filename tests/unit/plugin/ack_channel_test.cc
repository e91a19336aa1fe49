// SPDX-License-Identifier: Apache-2.0
#include "plugin/ack_channel.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "unit/plugin/plugin_fixture.h"

namespace sluice {
namespace {

AckReport Ack(uint64_t last, uint64_t attempt = 1, AckLevel level = AckLevel::kDurable) {
  return {Epoch(7), Attempt(attempt), Height(0), Height(last), level};
}
AckReport Range(uint64_t first, uint64_t last, uint64_t attempt = 1) {
  return {Epoch(7), Attempt(attempt), Height(first), Height(last), AckLevel::kDurable};
}
NackReport Nack(uint64_t height, uint64_t attempt = 1, std::string text = "broken") {
  NackReport nack;
  nack.epoch = Epoch(7);
  nack.attempt = Attempt(attempt);
  nack.height = Height(height);
  nack.text = std::move(text);
  return nack;
}

class AckChannelTest : public testing::Test {
 protected:
  AckChannelTest() { channel_.NoteDelivered(Height(1000), Attempt(3)); }
  FakeListener& Drain() {
    reader_ = std::make_unique<FakeListener>();
    channel_.Drain(reader_.get());
    return *reader_;
  }
  int notified_ = 0;
  AckChannel channel_{{Epoch(7), 8}, [this] { ++notified_; }};
  std::unique_ptr<FakeListener> reader_;
};

TEST_F(AckChannelTest, KeepsTheNewestPositionOfEachLevel) {
  channel_.OnAck(Ack(3));
  channel_.OnAck(Ack(9));
  channel_.OnAck(Ack(5));
  channel_.OnAck(Ack(2, 1, AckLevel::kVisible));
  const auto acks = Drain().acks();
  ASSERT_EQ(acks.size(), 2U);
  EXPECT_EQ(acks[0].last, Height(9));
  EXPECT_EQ(acks[1].last, Height(2));
  EXPECT_EQ(acks[1].level, AckLevel::kVisible);
  EXPECT_FALSE(channel_.Drain(reader_.get()));
}

TEST_F(AckChannelTest, KeepsAttemptsApart) {
  channel_.OnAck(Ack(9, 1));
  channel_.OnAck(Ack(6, 2));
  const auto acks = Drain().acks();
  ASSERT_EQ(acks.size(), 2U);
  EXPECT_EQ(acks[1].attempt, Attempt(2));
  EXPECT_EQ(acks[1].last, Height(6));
}

TEST_F(AckChannelTest, MergesRangesThatTouch) {
  channel_.OnAck(Range(1, 2));
  channel_.OnAck(Range(5, 6));
  channel_.OnAck(Range(9, 9));
  channel_.OnAck(Range(3, 4));
  const auto acks = Drain().acks();
  ASSERT_EQ(acks.size(), 2U);
  EXPECT_EQ(acks[0].first, Height(9));
  EXPECT_EQ(acks[1].first, Height(1));
  EXPECT_EQ(acks[1].last, Height(6));
}

TEST_F(AckChannelTest, ARangeNeverBecomesCumulative) {
  channel_.OnAck(Ack(4));
  channel_.OnAck(Range(5, 6));
  EXPECT_EQ(Drain().acks().size(), 2U);
}

TEST_F(AckChannelTest, RefusesWhatWasNeverDeliveredAndKeepsTheTruePosition) {
  channel_.OnAck(Ack(5000));
  channel_.OnAck(Ack(10));
  channel_.OnAck(Ack(11, 4));
  AckReport foreign = Ack(12);
  foreign.epoch = Epoch(6);
  channel_.OnAck(foreign);
  const auto acks = Drain().acks();
  ASSERT_EQ(acks.size(), 1U);
  EXPECT_EQ(acks[0].last, Height(10));
  EXPECT_EQ(channel_.counts().future, 2U);
  EXPECT_EQ(channel_.counts().other_epoch, 1U);
}

TEST_F(AckChannelTest, KeepsOneNackAHeightTheNewestAttempts) {
  channel_.OnNack(Nack(5, 1, "first"));
  channel_.OnNack(Nack(5, 1, "again"));
  channel_.OnNack(Nack(6, 1, "old"));
  channel_.OnNack(Nack(6, 2, "new"));
  channel_.OnNack(Nack(2000));
  const auto nacks = Drain().nacks();
  ASSERT_EQ(nacks.size(), 2U);
  EXPECT_EQ(nacks[0].text, "first");
  EXPECT_EQ(nacks[1].text, "new");
  EXPECT_EQ(channel_.counts().future, 1U);
}

TEST_F(AckChannelTest, ReadyAndTheFirstFailureAreKept) {
  channel_.OnReady();
  channel_.OnReady();
  channel_.OnFailed(Status(StatusCode::kFatal, "cause"));
  channel_.OnFailed(Status(StatusCode::kFatal, "consequence"));
  Drain();
  EXPECT_EQ(reader_->ready_count(), 1);
  ASSERT_EQ(reader_->failures().size(), 1U);
  EXPECT_EQ(reader_->failures()[0].message(), "cause");
  EXPECT_EQ(Drain().ready_count(), 0);
}

TEST_F(AckChannelTest, NotifiesWhenItBecomesNonEmpty) {
  channel_.OnAck(Ack(1));
  channel_.OnAck(Ack(2));
  channel_.OnReady();
  EXPECT_EQ(notified_, 1);
  Drain();
  channel_.OnAck(Ack(3));
  EXPECT_EQ(notified_, 2);
}

TEST_F(AckChannelTest, IsBoundedAndLosesTheOldestHeightsFirst) {
  for (uint64_t height = 1; height <= 1000; height += 2) channel_.OnAck(Range(height, height));
  for (uint64_t height = 1; height <= 1000; ++height) channel_.OnNack(Nack(height));
  Drain();
  EXPECT_EQ(reader_->acks().size(), 54U);
  EXPECT_EQ(reader_->acks().back().last, Height(999));
  EXPECT_EQ(reader_->nacks().size(), 9U);
  EXPECT_EQ(reader_->nacks().front().height, Height(1));
  EXPECT_EQ(channel_.counts().dropped, 500U - 54 + 1000 - 9);
}

// What `notify` rings and the reader waits for.
class Bell {
 public:
  void Ring() {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++rung_;
    changed_.notify_one();
  }
  // False where it has not been rung since the last call within a minute.
  bool Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    const bool rung =
        changed_.wait_for(lock, std::chrono::minutes(1), [this] { return rung_ > heard_; });
    heard_ = rung_;
    return rung;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int rung_ = 0;
  int heard_ = 0;
};

// Many threads ack every height once, as a parallel sink does, while a reader drains: each height
// comes out, none twice over the whole unless it was acked twice, and nothing is dropped.
TEST(AckChannel, LosesNothingOfManyThreads) {
  const char* given = std::getenv("SLUICE_TEST_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 4711;
  SCOPED_TRACE("SLUICE_TEST_SEED=" + std::to_string(seed));
  constexpr uint64_t kHeights = 4000;
  constexpr int kThreads = 8;
  Bell bell;
  AckChannel channel({Epoch(7), kHeights}, [&bell] { bell.Ring(); });
  channel.NoteDelivered(Height(kHeights), Attempt(1));

  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&channel, seed, thread] {
      std::vector<uint64_t> mine;
      for (uint64_t h = 1 + static_cast<uint64_t>(thread); h <= kHeights; h += kThreads) {
        mine.push_back(h);
      }
      std::mt19937_64 random(seed + static_cast<uint64_t>(thread));
      std::shuffle(mine.begin(), mine.end(), random);
      for (uint64_t height : mine) channel.OnAck(Range(height, height));
    });
  }
  FakeListener reader;
  std::set<uint64_t> seen;
  uint64_t count = 0;
  size_t read = 0;
  while (seen.size() < kHeights) {
    ASSERT_TRUE(bell.Wait());
    channel.Drain(&reader);
    const auto acks = reader.acks();
    for (; read < acks.size(); ++read) {
      for (uint64_t h = acks[read].first.value(); h <= acks[read].last.value(); ++h) {
        seen.insert(h);
        ++count;
      }
    }
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, kHeights);
  EXPECT_EQ(channel.counts().dropped, 0U);
}

// An ordered sink's position as seen by the reader never goes back and ends at the newest.
TEST(AckChannel, TheNewestPositionAlwaysArrives) {
  constexpr uint64_t kHeights = 20000;
  Bell bell;
  AckChannel channel({Epoch(7), 1}, [&bell] { bell.Ring(); });
  std::thread plugin([&channel] {
    for (uint64_t height = 1; height <= kHeights; ++height) {
      channel.NoteDelivered(Height(height), Attempt(1));
      channel.OnAck(Ack(height));
    }
  });
  class Reader final : public InstanceListener {
   public:
    void OnAck(const AckReport& ack) override {
      EXPECT_GT(ack.last, newest);
      newest = ack.last;
    }
    void OnNack(const NackReport&) override {}
    void OnReady() override {}
    void OnFailed(Status) override {}
    Height newest;
  } reader;
  while (reader.newest < Height(kHeights)) {
    ASSERT_TRUE(bell.Wait());
    channel.Drain(&reader);
  }
  plugin.join();
}

}  // namespace
}  // namespace sluice
