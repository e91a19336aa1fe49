// SPDX-License-Identifier: Apache-2.0
//
// May this height commit? A pure function of watermarks, availability and time. All waiting,
// writing and logging is elsewhere (gate.h, pipeline.h).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/types.h"
#include "commit/policy.h"

namespace sluice {

enum class Verdict {
  kSatisfied,      // enough sinks have acked the height
  kWaiting,        // not yet, but it still could, before the deadline
  kUnsatisfiable,  // too few sinks are left that still could
  kTimedOut,       // the deadline has passed
};

// One sink, at the policy's level.
struct SinkVote {
  Height watermark;
  SinkAvailability availability = SinkAvailability::kJoining;
  // By on_failure = degrade: decisions go on without this sink until it has caught up.
  bool left_out = false;
};

struct Decision {
  Verdict verdict = Verdict::kWaiting;
  // Sinks of unfulfilled terms that have not acked, by index, without doubles: whom the height
  // waits for.
  std::vector<size_t> waiting_on;
  // The policy holds only because sinks were left out: the height is to be recorded as unacked.
  bool only_by_leaving_out = false;
};

// A sink counts for `height` when its watermark is at or above it. A left-out sink neither counts
// against nor is needed: a term needs at most as many acks as it has sinks that are not left out.
Decision Decide(const Policy& policy, Height height, std::span<const SinkVote> votes, TimePoint now,
                TimePoint deadline);

// Whether a height that nobody has acked yet could still get enough acks if no more came from
// `without` (indices). Only a sink for which this is false is worth stopping for; of one that
// decisions go without already it never is.
bool CanHoldWithout(const Policy& policy, std::span<const SinkVote> votes,
                    std::span<const size_t> without);

}  // namespace sluice
