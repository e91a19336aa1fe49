// SPDX-License-Identifier: Apache-2.0
//
// Time. Deciding functions take `now` as an argument; only threads that wait read a clock.
#pragma once

#include <chrono>
#include <cstdint>

namespace sluice {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::nanoseconds;

inline TimePoint Now() { return std::chrono::steady_clock::now(); }

// Nanoseconds since 1970-01-01T00:00:00Z, for what people and sinks read.
inline int64_t WallNanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace sluice
