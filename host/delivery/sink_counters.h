// SPDX-License-Identifier: Apache-2.0
//
// What is counted of one sink for /metrics, over all its instances. Counters only grow; queue_fill
// is what the instance at work says.
// Threading: all from any thread. Ownership: shared by the sink's loop and its instances, an
// abandoned one included.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/latency_histogram.h"
#include "base/status.h"

namespace sluice {

struct SinkCounters {
  // Heights that the sink has taken, each time it took one.
  std::atomic<uint64_t> delivered_blocks{0};
  std::atomic<uint64_t> delivered_changes{0};
  std::atomic<uint64_t> delivered_bytes{0};  // of canonical bytes, after the filter
  std::atomic<double> queue_fill{0};         // of its queue: 0 empty, 1 full; a gauge
  LatencyHistogram ack_time;                 // from deliver to the ack at the instance's level
  LatencyHistogram loop_time;                // one round of the control loop

  // Failures of single heights and of instances.
  void CountError(StatusCode code) { errors_[Index(code)].fetch_add(1, std::memory_order_relaxed); }
  // Codes that have occurred.
  std::vector<std::pair<StatusCode, uint64_t>> errors() const {
    std::vector<std::pair<StatusCode, uint64_t>> found;
    for (size_t i = 0; i < errors_.size(); ++i) {
      const uint64_t count = errors_[i].load(std::memory_order_relaxed);
      if (count > 0) found.emplace_back(CodeAt(i), count);
    }
    return found;
  }

 private:
  // The ABI's codes, then the host's.
  static constexpr int32_t kAbiCodes = static_cast<int32_t>(StatusCode::kNoMemory) + 1;
  static constexpr int32_t kFirstHostCode = static_cast<int32_t>(StatusCode::kNotFound);
  static constexpr int32_t kHostCodes =
      static_cast<int32_t>(StatusCode::kFailed) - kFirstHostCode + 1;
  static size_t Index(StatusCode code) {
    const auto number = static_cast<int32_t>(code);
    return static_cast<size_t>(number < kAbiCodes ? number : number - kFirstHostCode + kAbiCodes);
  }
  static StatusCode CodeAt(size_t index) {
    const auto number = static_cast<int32_t>(index);
    return static_cast<StatusCode>(number < kAbiCodes ? number
                                                      : number - kAbiCodes + kFirstHostCode);
  }
  std::array<std::atomic<uint64_t>, kAbiCodes + kHostCodes> errors_{};
};

}  // namespace sluice
