// SPDX-License-Identifier: Apache-2.0
//
// What the control loop of a sink does next: a pure function of its state, what is desired, what is
// observed, and the time. It waits for nothing and does nothing; sink_loop.cc carries out its
// action.
//
//   initializing ──attached──▶ running ──stop──▶ suspending ──ended──▶ suspended(operator)
//     ▲   │ fails                │ fails              ▲                     │ run
//     │   ▼                      ▼                    │stop                 ▼
//     └─ repairing ◀─────────────┘ ───────────────────┘                initializing
//   time is up       └─ attempts are used up ─▶ suspended(exhausted)
//
// `repairing` is the only place that retries an instance; single heights are retried by the queue.
// A fault that no retry can mend (diverged, foreign, gap, fenced, rejected) or an instance that
// hangs suspends the sink from any state, until a command says otherwise.
//
// Threading: pure functions and values.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "delivery/retry.h"
#include "delivery/sink_failure.h"

namespace sluice {

enum class LifecycleState { kInitializing, kRunning, kRepairing, kSuspending, kSuspended };

// "initializing", …: the names in `status` and in the log.
std::string_view LifecycleStateName(LifecycleState state);

enum class SuspendReason {
  kNone,
  kOperator,
  kExhausted,
  kDiverged,
  kForeign,
  kGap,
  kFenced,
  kRejected,
  kHung,
};
std::string_view SuspendReasonName(SuspendReason reason);

struct SinkState {
  LifecycleState state = LifecycleState::kInitializing;
  SuspendReason reason = SuspendReason::kNone;  // suspended only

  // The repair context. It is kept after repairing, until the sink has been healthy for a while.
  LifecycleState origin = LifecycleState::kInitializing;  // where the failure happened
  Status error;                                           // the last failure
  uint64_t attempt = 0;                                   // failures in a row; 0: healthy
  TimePoint next_at{};                                    // repairing: the next attempt
  TimePoint running_since{};
};

enum class DesiredState { kRunning, kStopped };

// What there is of an instance.
enum class InstancePhase {
  kNone,
  kOpening,   // from create to attach; also waiting for the node to reach a sink that is ahead
  kAttached,  // delivering
  kEnding,    // drain, destroy
  kHung,      // abandoned in a call that does not return
};

struct ObservedState {
  InstancePhase instance = InstancePhase::kNone;
  std::optional<SinkFailure> failure;  // of this instance; each is given to one step only
  double random = 0.5;                 // uniform in [0, 1), for jitter
};

struct LifecycleSettings {
  RetrySettings retry;
  Duration healthy_after{};  // running for so long resets the attempts
};

enum class LifecycleAction {
  kNone,
  kBegin,  // a new instance
  kEnd,    // end the instance at once: cancel, destroy
  kDrain,  // end it in order: what is in flight is acked first
};

struct LifecycleStep {
  SinkState next;
  LifecycleAction action = LifecycleAction::kNone;
  TimePoint look_again_at = TimePoint::max();  // if nothing else happens
};

LifecycleStep NextStep(const SinkState& state, DesiredState desired, const ObservedState& observed,
                       const LifecycleSettings& settings, TimePoint now);

}  // namespace sluice
