// SPDX-License-Identifier: Apache-2.0
#include "lifecycle/step.h"

#include <algorithm>

namespace sluice {
namespace {

SuspendReason ReasonOf(SinkFault fault) {
  switch (fault) {
    case SinkFault::kRetryable:
      return SuspendReason::kNone;
    case SinkFault::kExhausted:
      return SuspendReason::kExhausted;
    case SinkFault::kDiverged:
      return SuspendReason::kDiverged;
    case SinkFault::kForeign:
      return SuspendReason::kForeign;
    case SinkFault::kGap:
      return SuspendReason::kGap;
    case SinkFault::kFenced:
      return SuspendReason::kFenced;
    case SinkFault::kRejected:
      return SuspendReason::kRejected;
  }
  return SuspendReason::kNone;
}

bool IsAtWork(InstancePhase phase) {
  return phase == InstancePhase::kOpening || phase == InstancePhase::kAttached;
}

// Whatever is still at work of an instance that nobody wants any more.
LifecycleAction EndIfAtWork(InstancePhase phase) {
  return IsAtWork(phase) ? LifecycleAction::kEnd : LifecycleAction::kNone;
}

LifecycleStep Suspend(SinkState state, SuspendReason reason, LifecycleAction action) {
  state.state = LifecycleState::kSuspended;
  state.reason = reason;
  return {std::move(state), action};
}

// A failure in initializing or running. The instance ends; another one may be tried later.
LifecycleStep Fail(SinkState state, const SinkFailure& failure, const ObservedState& observed,
                   const LifecycleSettings& settings, TimePoint now) {
  const LifecycleAction action = EndIfAtWork(observed.instance);
  state.origin = state.state;
  state.error = failure.status;
  const SuspendReason reason = ReasonOf(failure.fault);
  if (reason != SuspendReason::kNone) return Suspend(std::move(state), reason, action);
  ++state.attempt;
  if (RetryExhausted(settings.retry, state.attempt)) {
    return Suspend(std::move(state), SuspendReason::kExhausted, action);
  }
  state.state = LifecycleState::kRepairing;
  state.next_at = now + RetryDelay(settings.retry, state.attempt, observed.random);
  const TimePoint next_at = state.next_at;
  return {std::move(state), action, next_at};
}

// Stopping, from any state that is not suspended.
LifecycleStep StopFrom(SinkState state, InstancePhase phase) {
  if (phase == InstancePhase::kNone) {
    return Suspend(std::move(state), SuspendReason::kOperator, LifecycleAction::kNone);
  }
  const LifecycleAction action =
      phase == InstancePhase::kAttached ? LifecycleAction::kDrain : EndIfAtWork(phase);
  state.state = LifecycleState::kSuspending;
  return {std::move(state), action};
}

LifecycleStep StepRunning(SinkState state, const ObservedState& observed,
                          const LifecycleSettings& settings, TimePoint now) {
  if (!IsAtWork(observed.instance)) {
    // Ended without saying why. There is always a reason; without one it is still a failure.
    if (observed.instance == InstancePhase::kEnding) return {std::move(state)};
    return Fail(std::move(state),
                {SinkFault::kRetryable, Status(StatusCode::kFailed, "the instance has ended")},
                observed, settings, now);
  }
  if (state.attempt == 0) return {std::move(state)};
  const TimePoint healthy_at = state.running_since + settings.healthy_after;
  if (now < healthy_at) return {std::move(state), LifecycleAction::kNone, healthy_at};
  state.attempt = 0;
  state.error = Status::Ok();
  return {std::move(state)};
}

LifecycleStep StepRepairing(SinkState state, const ObservedState& observed, TimePoint now) {
  // No new instance before destroy of the old one has returned.
  if (observed.instance != InstancePhase::kNone) {
    return {std::move(state), EndIfAtWork(observed.instance)};
  }
  if (now < state.next_at) {
    const TimePoint next_at = state.next_at;
    return {std::move(state), LifecycleAction::kNone, next_at};
  }
  // Back to where it came from: running is re-entered through initializing.
  state.state = LifecycleState::kInitializing;
  return {std::move(state), LifecycleAction::kBegin};
}

}  // namespace

std::string_view LifecycleStateName(LifecycleState state) {
  switch (state) {
    case LifecycleState::kInitializing:
      return "initializing";
    case LifecycleState::kRunning:
      return "running";
    case LifecycleState::kRepairing:
      return "repairing";
    case LifecycleState::kSuspending:
      return "suspending";
    case LifecycleState::kSuspended:
      return "suspended";
  }
  return "unknown";
}

std::string_view SuspendReasonName(SuspendReason reason) {
  switch (reason) {
    case SuspendReason::kNone:
      return "";
    case SuspendReason::kOperator:
      return "operator";
    case SuspendReason::kExhausted:
      return "exhausted";
    case SuspendReason::kDiverged:
      return "diverged";
    case SuspendReason::kForeign:
      return "foreign";
    case SuspendReason::kGap:
      return "gap";
    case SuspendReason::kFenced:
      return "fenced";
    case SuspendReason::kRejected:
      return "rejected";
    case SuspendReason::kHung:
      return "hung";
  }
  return "unknown";
}

LifecycleStep NextStep(const SinkState& state, DesiredState desired, const ObservedState& observed,
                       const LifecycleSettings& settings, TimePoint now) {
  // First in every state: in one process nothing can follow an instance that still runs.
  if (observed.instance == InstancePhase::kHung && state.state != LifecycleState::kSuspended) {
    SinkState next = state;
    if (observed.failure) next.error = observed.failure->status;
    return Suspend(std::move(next), SuspendReason::kHung, LifecycleAction::kNone);
  }
  switch (state.state) {
    case LifecycleState::kSuspended: {
      if (observed.instance == InstancePhase::kHung && state.reason != SuspendReason::kHung) {
        return Suspend(state, SuspendReason::kHung, LifecycleAction::kNone);
      }
      const bool may_run = desired == DesiredState::kRunning &&
                           state.reason == SuspendReason::kOperator &&
                           observed.instance == InstancePhase::kNone;
      if (!may_run) return {state, EndIfAtWork(observed.instance)};
      SinkState next;
      next.state = LifecycleState::kInitializing;
      return {std::move(next), LifecycleAction::kBegin};
    }
    case LifecycleState::kSuspending:
      if (observed.instance == InstancePhase::kNone) {
        return Suspend(state, SuspendReason::kOperator, LifecycleAction::kNone);
      }
      return {state, LifecycleAction::kNone};
    case LifecycleState::kInitializing:
      if (observed.failure) return Fail(state, *observed.failure, observed, settings, now);
      if (desired == DesiredState::kStopped) return StopFrom(state, observed.instance);
      if (observed.instance == InstancePhase::kNone) return {state, LifecycleAction::kBegin};
      if (observed.instance == InstancePhase::kAttached) {
        SinkState next = state;
        next.state = LifecycleState::kRunning;
        next.running_since = now;
        return {next, LifecycleAction::kNone,
                next.attempt > 0 ? now + settings.healthy_after : TimePoint::max()};
      }
      return {state, LifecycleAction::kNone};
    case LifecycleState::kRunning:
      if (observed.failure) return Fail(state, *observed.failure, observed, settings, now);
      if (desired == DesiredState::kStopped) return StopFrom(state, observed.instance);
      return StepRunning(state, observed, settings, now);
    case LifecycleState::kRepairing:
      if (desired == DesiredState::kStopped) return StopFrom(state, observed.instance);
      return StepRepairing(state, observed, now);
  }
  return {state, LifecycleAction::kNone};
}

}  // namespace sluice
