// SPDX-License-Identifier: Apache-2.0
#include "delivery/retry.h"

#include <algorithm>
#include <cmath>

namespace sluice {

Duration RetryDelay(const RetrySettings& settings, uint64_t attempt, double random,
                    Duration asked) {
  // In floating point, because the power overflows a duration long before it meets the bound.
  const double exponent = static_cast<double>(attempt > 0 ? attempt - 1 : 0);
  const auto max = static_cast<double>(settings.max.count());
  double delay = static_cast<double>(settings.initial.count()) *
                 std::pow(std::max(settings.factor, 1.0), exponent);
  delay = std::min(delay, max);
  // The jitter comes after the bound, or all sinks that wait longest would wait the same.
  delay *= 1.0 - settings.jitter + 2.0 * settings.jitter * random;
  const auto spread = Duration(static_cast<Duration::rep>(std::clamp(delay, 0.0, max)));
  return std::max(spread, asked);
}

bool RetryExhausted(const RetrySettings& settings, uint64_t attempt) {
  return settings.max_attempts > 0 && attempt >= settings.max_attempts;
}

}  // namespace sluice
