// SPDX-License-Identifier: Apache-2.0
//
// What the control loop of a sink does next: a pure function of its state, what is desired, what is
// observed, and the time. It waits for nothing and does nothing; sink_loop.cc carries out its
// action.
//
//   initializing ──attached──▶ running ──stop, restart,──▶ suspending ──ended──▶ suspended
//     ▲   │ fails                │ fails   new settings      │                     │ resume
//     │   ▼                      ▼                           └─ still wanted ─▶ initializing
//     └─ repairing ◀─────────────┘
//   time is up  └─ attempts are used up ─▶ suspended(exhausted)
//
//   any state ──remove──▶ deleting ──ended, forgotten──▶ deleted
//
// `repairing` is the only place that retries an instance; single heights are retried by the queue.
// A fault that no retry can mend (diverged, foreign, gap, fenced, rejected) or an instance that
// hangs suspends the sink from any state, until a command or other settings say otherwise.
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

enum class LifecycleState {
  kInitializing,
  kRunning,
  kRepairing,
  kSuspending,
  kSuspended,
  kDeleting,
  kDeleted
};

// "initializing", …: the names in `status`, in the log and in a sink's record.
std::string_view LifecycleStateName(LifecycleState state);
std::optional<LifecycleState> LifecycleStateNamed(std::string_view name);

enum class SuspendReason {
  kNone,
  kOperator,  // by command, or because the node ends
  kDisabled,  // by the configuration
  kOrphaned,  // gone from the configuration
  kExhausted,
  kDiverged,
  kForeign,
  kGap,
  kFenced,
  kRejected,
  kHung,
};
std::string_view SuspendReasonName(SuspendReason reason);
std::optional<SuspendReason> SuspendReasonNamed(std::string_view name);
// Whether it is a fault, which only a command or other settings end.
bool IsFault(SuspendReason reason);

struct SinkState {
  LifecycleState state = LifecycleState::kInitializing;
  SuspendReason reason = SuspendReason::kNone;  // suspended only

  // The repair context. It is kept after repairing, until the sink has been healthy for a while.
  LifecycleState origin = LifecycleState::kInitializing;  // where the failure happened
  Status error;                                           // the last failure
  uint64_t attempt = 0;                                   // failures in a row; 0: healthy
  TimePoint next_at{};                                    // repairing: the next attempt
  TimePoint running_since{};
  // DesiredState::configuration, as of when the sink was last begun or suspended.
  uint64_t configuration = 0;
  // No instance is begun before there is something for it.
  bool until_used = false;
};

// What an operator may ask for once; suspending, resuming and removing are desired states.
enum class SinkRequest {
  kNone,
  kRepair,   // a new instance now, whatever the fault was, with its attempts forgotten
  kRestart,  // of an instance at work: a new one, in order
};

struct DesiredState {
  bool run = true;
  SuspendReason why_not = SuspendReason::kOperator;  // where it is not to run
  bool deleted = false;
  // Counts up with each change of the sink's settings or library.
  uint64_t configuration = 0;
  SinkRequest request = SinkRequest::kNone;  // given to one step only
};

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
  bool used = false;                   // there is something to deliver, or an ack is waited for
  bool forgotten = false;              // deleting: nothing of the sink is left in the node
  double random = 0.5;                 // uniform in [0, 1), for jitter
};

struct LifecycleSettings {
  RetrySettings retry;
  Duration healthy_after{};  // running for so long resets the attempts
};

enum class LifecycleAction {
  kNone,
  kBegin,   // a new instance
  kEnd,     // end the instance at once: cancel, destroy
  kDrain,   // end it in order: what is in flight is acked first
  kForget,  // delete what the node keeps of the sink
};

struct LifecycleStep {
  SinkState next;
  LifecycleAction action = LifecycleAction::kNone;
  TimePoint look_again_at = TimePoint::max();  // if nothing else happens
};

LifecycleStep NextStep(const SinkState& state, const DesiredState& desired,
                       const ObservedState& observed, const LifecycleSettings& settings,
                       TimePoint now);

}  // namespace sluice
