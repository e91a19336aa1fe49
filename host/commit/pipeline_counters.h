// SPDX-License-Identifier: Apache-2.0
//
// What is counted on the way from sealed to committed, for `status` and /metrics. Counters only
// grow. Threading: all from any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/latency_histogram.h"
#include "base/types.h"

namespace sluice {

struct PipelineCounters {
  LatencyHistogram commit_time;  // sealed to committed; heights rolled forward are not counted
  LatencyHistogram gate_wait;    // delivered to let through
  LatencyHistogram sync_time;    // writing a batch that is synced
  std::atomic<uint64_t> unacked_commits{0};  // by on_failure = degrade

  void CountPolicyFailure(OnFailure action) {
    policy_failures_[static_cast<size_t>(action)].fetch_add(1, std::memory_order_relaxed);
  }
  // Deadlines that passed, or policies that could not hold, by what was done then.
  uint64_t policy_failures(OnFailure action) const {
    return policy_failures_[static_cast<size_t>(action)].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<uint64_t>, 4> policy_failures_{};
};

}  // namespace sluice
