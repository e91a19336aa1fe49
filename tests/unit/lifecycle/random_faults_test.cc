// SPDX-License-Identifier: Apache-2.0
//
// Random faults, then health: whatever a sink did, in the end it has received everything once, in
// order and equal to the journal (I2); its watermark was never above what it holds; no height of an
// older epoch was accepted after a newer one (I4).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <random>

#include "sink_loop_fixture.h"

namespace sluice {
namespace {

uint64_t Seed() {
  if (const char* text = std::getenv("SLUICE_TEST_SEED")) return std::strtoull(text, nullptr, 10);
  return std::random_device()();
}

class RandomFaultsTest : public SinkLoopTest {
 protected:
  static constexpr int kHeights = 400;

  void SetFault(std::mt19937_64* random, uint64_t height) {
    static const std::vector<Kind> kinds = {
        Kind::kStartFails,       Kind::kResumeRetries,   Kind::kResumeFails,
        Kind::kAttachFails,      Kind::kDeliverRetries,  Kind::kDeliverFatal,
        Kind::kDeliverBusyReady, Kind::kDeliverLosesAck, Kind::kDeliverTakesThenRetries,
        Kind::kDeliverBlocks,    Kind::kAcksOldEpoch,    Kind::kAcksFuture,
        Kind::kFailsOutside,     Kind::kGroupNacked,     Kind::kGroupAckLost,
    };
    Kind kind = kinds[(*random)() % kinds.size()];
    // These break a rule of the fake in groups: it writes out of its order.
    const bool writes_itself =
        kind == Kind::kDeliverLosesAck || kind == Kind::kDeliverTakesThenRetries;
    if (world_->options.group > 0 && writes_itself && !world_->options.parallel)
      kind = Kind::kGroupAckLost;
    world_->faults.Set(kind, 1 + static_cast<int>((*random)() % 3), Height(height));
  }

  void RunWith(uint64_t seed, size_t group, bool parallel = false) {
    SCOPED_TRACE(fmt::format("SLUICE_TEST_SEED={} group {}", seed, group));
    std::mt19937_64 random(seed);
    world_->options.group = group;
    world_->options.parallel = parallel;
    settings_.workers = 2 + random() % 7;
    settings_.ack_timeout = std::chrono::milliseconds(15);
    settings_.max_in_flight = 1 + random() % 20;
    settings_.queue_bytes = 1000 + random() % 20'000;
    settings_.retry.max = std::chrono::milliseconds(5);
    journal_.Append(static_cast<int>(random() % 50));
    Start();
    while (journaled().value() < kHeights) {
      if (random() % 8 == 0) SetFault(&random, journaled().value());
      Write(1 + static_cast<int>(random() % 5));
      // Now and then the sink is let go on for a while, so that faults strike at all depths.
      if (random() % 16 == 0) {
        ASSERT_TRUE(observer_.WaitForWatermark(
            journaled() - std::min<uint64_t>(journaled().value(), random() % 30)));
      }
      const Height watermark = observer_.watermark();  // first: the sink goes on meanwhile
      ASSERT_LE(watermark, world_->system.position().height);
    }
    world_->faults.Clear();
    ASSERT_TRUE(observer_.WaitForWatermark(journaled()));
    ASSERT_TRUE(Stop());
    if (parallel) {
      ExpectReceivedEverythingInTheOrderOfKeys(journaled());
    } else {
      ExpectReceivedEverythingOnce(journaled());
    }
    Epoch newest;
    for (const FakeSystem::Received& received : world_->system.log()) {
      ASSERT_GE(received.epoch, newest);
      newest = received.epoch;
    }
    EXPECT_EQ(abandoned(), 0);
    EXPECT_EQ(created(), destroyed());
    for (SinkAvailability told : observer_.availabilities()) {
      // Gone only at the end, when it was stopped.
      if (told == SinkAvailability::kGone) {
        EXPECT_EQ(loop_->status().reason, "operator");
      }
    }
  }
};

TEST_F(RandomFaultsTest, ASinkThatAcksAtOnceReceivesEverythingOnceInOrder) {
  const uint64_t seed = Seed();
  std::cout << "SLUICE_TEST_SEED=" << seed << std::endl;
  RunWith(seed, 0);
}

TEST_F(RandomFaultsTest, ASinkThatAcksHeightByHeightLaterReceivesEverythingOnceInOrder) {
  const uint64_t seed = Seed();
  std::cout << "SLUICE_TEST_SEED=" << seed << std::endl;
  RunWith(seed, 1);
}

TEST_F(RandomFaultsTest, ASinkThatAcksGroupsReceivesEverythingOnceInOrder) {
  const uint64_t seed = Seed();
  std::cout << "SLUICE_TEST_SEED=" << seed << std::endl;
  RunWith(seed, 7);
}

TEST_F(RandomFaultsTest, AParallelSinkReceivesEverythingInTheOrderOfItsKeys) {
  const uint64_t seed = Seed();
  std::cout << "SLUICE_TEST_SEED=" << seed << std::endl;
  RunWith(seed, 0, /*parallel=*/true);
}

TEST_F(RandomFaultsTest, AParallelSinkThatAcksLaterReceivesEverythingInTheOrderOfItsKeys) {
  const uint64_t seed = Seed();
  std::cout << "SLUICE_TEST_SEED=" << seed << std::endl;
  RunWith(seed, 1, /*parallel=*/true);
}

}  // namespace
}  // namespace sluice
