// SPDX-License-Identifier: Apache-2.0
//
// When to try again: exponential backoff with jitter. Pure: the random number is an argument.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace sluice {

struct RetrySettings {
  Duration initial = std::chrono::milliseconds(200);
  Duration max = std::chrono::seconds(10);
  double factor = 2.0;
  double jitter = 0.2;        // the delay is spread over [1 - jitter, 1 + jitter] of itself
  uint64_t max_attempts = 0;  // 0: no limit
};

// The delay before attempt `attempt` + 1, where `attempt` attempts (1, 2, …) have failed; never
// above `max`. `random`: uniform in [0, 1). `asked`: what the sink asked for; the larger of the two
// wins.
Duration RetryDelay(const RetrySettings& settings, uint64_t attempt, double random,
                    Duration asked = Duration::zero());

// True where no further attempt is allowed.
bool RetryExhausted(const RetrySettings& settings, uint64_t attempt);

}  // namespace sluice
