// SPDX-License-Identifier: Apache-2.0
#include "commit/back_pressure.h"

#include <algorithm>
#include <vector>

namespace sluice {

double NeededFill(const Policy& policy, std::span<const SinkFill> fills) {
  double fullest = 0;
  std::vector<double> possible;
  for (const Policy::Term& term : policy.terms) {
    possible.clear();
    size_t left_out = 0;
    for (size_t sink : term.sinks) {
      if (fills[sink].left_out) {
        ++left_out;
      } else if (fills[sink].availability != SinkAvailability::kGone) {
        possible.push_back(fills[sink].fill);
      }
    }
    // Where too few are left, the gate waits, and on_failure decides.
    const size_t needed = std::min({term.needed, term.sinks.size() - left_out, possible.size()});
    if (needed == 0) continue;
    const auto nth = possible.begin() + static_cast<std::ptrdiff_t>(needed - 1);
    std::nth_element(possible.begin(), nth, possible.end());
    fullest = std::max(fullest, *nth);
  }
  return fullest;
}

Duration IntakeDelay(double fill, Duration longest) {
  const double above = std::clamp((fill - kFillWithoutDelay) / (1 - kFillWithoutDelay), 0.0, 1.0);
  return std::chrono::duration_cast<Duration>(longest * (above * above));
}

}  // namespace sluice
