// SPDX-License-Identifier: Apache-2.0
#include "node/status_history.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

namespace sluice {
namespace {

using std::chrono::milliseconds;

nlohmann::json SamplesOf(const StatusHistory& history, size_t at_least) {
  for (;;) {
    nlohmann::json samples = nlohmann::json::parse(history.Json())["samples"];
    if (samples.size() >= at_least) return samples;
    std::this_thread::yield();
  }
}

TEST(StatusHistory, SampleHoldsWhatCameSinceTheOneBefore) {
  LatencyHistogram commit;
  const LatencyHistogram gate;
  std::atomic<uint64_t> readings{0};
  StatusHistory history(
      [&] {
        // Each second: three blocks, of 2 ms each.
        const uint64_t reading = readings.fetch_add(1);
        if (reading > 0) {
          for (int i = 0; i < 3; ++i) commit.Record(milliseconds(2));
        }
        return StatusHistory::Totals{Height(10 + 3 * reading), commit.totals(), gate.totals()};
      },
      milliseconds(1));
  const nlohmann::json samples = SamplesOf(history, 3);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(samples[i]["height"], 13 + 3 * i);
    EXPECT_EQ(samples[i]["blocks"], 3);
    EXPECT_NEAR(samples[i]["commit_seconds"], 0.002, 1e-9);
    EXPECT_TRUE(samples[i]["gate_seconds"].is_null());
  }
}

TEST(StatusHistory, KeepsTheLastMinutesOnly) {
  std::atomic<uint64_t> readings{0};
  StatusHistory history(
      [&] {
        return StatusHistory::Totals{Height(readings.fetch_add(1)), {}, {}};
      },
      std::chrono::microseconds(100));
  while (readings.load() < StatusHistory::kSamplesMax + 50) std::this_thread::yield();
  const nlohmann::json samples = nlohmann::json::parse(history.Json())["samples"];
  ASSERT_EQ(samples.size(), StatusHistory::kSamplesMax);
  EXPECT_GE(samples.front()["height"], 49);
}

}  // namespace
}  // namespace sluice
