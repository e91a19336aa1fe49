// SPDX-License-Identifier: Apache-2.0
//
// Back-pressure: how long intake waits before each block, from how full the queues are of the sinks
// that the policy needs. So a sink that is a little slower than the driver slows the driver down
// bit by bit, long before the journal's cap stops it. Pure functions.
#pragma once

#include <span>

#include "base/clock.h"
#include "base/types.h"
#include "commit/policy.h"

namespace sluice {

// Below this nothing is delayed.
inline constexpr double kFillWithoutDelay = 0.5;

// One sink.
struct SinkFill {
  double fill = 0;  // of its queue, or its share of the journal's caps: 0 empty, 1 full
  SinkAvailability availability = SinkAvailability::kJoining;
  bool left_out = false;  // by on_failure = degrade
};

// How full it is where the policy cannot do without: a term that needs N acks is as full as the
// N-th least full of its sinks that could ack; a policy as its fullest term. Who is gone or left
// out slows nobody down. `fills` are by the policy's indices.
double NeededFill(const Policy& policy, std::span<const SinkFill> fills);

// Zero up to kFillWithoutDelay, growing with the square of what is above it, `longest` at 1 and
// beyond.
Duration IntakeDelay(double fill, Duration longest);

}  // namespace sluice
