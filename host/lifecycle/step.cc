// SPDX-License-Identifier: Apache-2.0
#include "lifecycle/step.h"

#include <algorithm>
#include <utility>

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

LifecycleStep Begin(SinkState state, const DesiredState& desired) {
  state.state = LifecycleState::kInitializing;
  state.reason = SuspendReason::kNone;
  state.configuration = desired.configuration;
  state.until_used = false;
  return {std::move(state), LifecycleAction::kBegin};
}

// With the attempts and whatever else was remembered of a fault forgotten.
LifecycleStep BeginAfresh(const DesiredState& desired) { return Begin(SinkState(), desired); }

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

// How an instance ends that nobody wants any more, as far as it is not ending already.
LifecycleAction EndInOrder(InstancePhase phase) {
  return phase == InstancePhase::kAttached ? LifecycleAction::kDrain : EndIfAtWork(phase);
}

// From any state that is not suspended: because the sink is not to run, or in order to begin anew.
LifecycleStep StopFrom(SinkState state, const DesiredState& desired, InstancePhase phase) {
  if (phase == InstancePhase::kNone && !desired.run) {
    return Suspend(std::move(state), desired.why_not, LifecycleAction::kNone);
  }
  state.state = LifecycleState::kSuspending;
  return {std::move(state), EndInOrder(phase)};
}

LifecycleStep StepDeleting(SinkState state, const ObservedState& observed) {
  const bool first = state.state != LifecycleState::kDeleting;
  state.state = LifecycleState::kDeleting;
  state.reason = SuspendReason::kNone;
  if (observed.instance != InstancePhase::kNone) {
    return {std::move(state), first ? EndInOrder(observed.instance) : LifecycleAction::kNone};
  }
  if (!observed.forgotten) return {std::move(state), LifecycleAction::kForget};
  state.state = LifecycleState::kDeleted;
  return {std::move(state)};
}

LifecycleStep StepSuspended(const SinkState& state, const DesiredState& desired,
                            const ObservedState& observed) {
  if (observed.instance == InstancePhase::kHung) {
    return Suspend(state, SuspendReason::kHung, LifecycleAction::kNone);
  }
  // Whatever still ends. A request meanwhile is not lost: the loop gives it to the step after.
  if (observed.instance != InstancePhase::kNone) return {state, EndIfAtWork(observed.instance)};
  if (!desired.run) {
    if (IsFault(state.reason) || state.reason == desired.why_not) return {state};
    return Suspend(state, desired.why_not, LifecycleAction::kNone);
  }
  const bool asked = desired.request == SinkRequest::kRepair ||
                     desired.configuration != state.configuration || !IsFault(state.reason);
  return asked ? BeginAfresh(desired) : LifecycleStep{state};
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

LifecycleStep StepRepairing(const SinkState& state, const DesiredState& desired,
                            const ObservedState& observed, TimePoint now) {
  // No new instance before destroy of the old one has returned.
  if (observed.instance != InstancePhase::kNone) return {state, EndIfAtWork(observed.instance)};
  const bool asked =
      desired.request == SinkRequest::kRepair || desired.configuration != state.configuration;
  if (asked) return BeginAfresh(desired);
  if (state.until_used && !observed.used) return {state};
  if (now < state.next_at) return {state, LifecycleAction::kNone, state.next_at};
  // Back to where it came from: running is re-entered through initializing.
  return Begin(state, desired);
}

LifecycleStep StepInitializing(const SinkState& state, const DesiredState& desired,
                               const ObservedState& observed, const LifecycleSettings& settings,
                               TimePoint now) {
  if (observed.instance == InstancePhase::kNone) {
    if (state.until_used && !observed.used) return {state};
    return Begin(state, desired);
  }
  if (observed.instance != InstancePhase::kAttached) return {state};
  SinkState next = state;
  next.state = LifecycleState::kRunning;
  next.running_since = now;
  return {next, LifecycleAction::kNone,
          next.attempt > 0 ? now + settings.healthy_after : TimePoint::max()};
}

// What an instance at work was begun with is no longer what is asked for.
bool IsToBeReplaced(const SinkState& state, const DesiredState& desired, InstancePhase phase) {
  return IsAtWork(phase) &&
         (desired.request == SinkRequest::kRestart || desired.configuration != state.configuration);
}

template <typename Enum>
using Names = std::pair<Enum, std::string_view>;

constexpr Names<LifecycleState> kStateNames[] = {
    {LifecycleState::kInitializing, "initializing"}, {LifecycleState::kRunning, "running"},
    {LifecycleState::kRepairing, "repairing"},       {LifecycleState::kSuspending, "suspending"},
    {LifecycleState::kSuspended, "suspended"},       {LifecycleState::kDeleting, "deleting"},
    {LifecycleState::kDeleted, "deleted"},
};

constexpr Names<SuspendReason> kReasonNames[] = {
    {SuspendReason::kNone, ""},
    {SuspendReason::kOperator, "operator"},
    {SuspendReason::kDisabled, "disabled"},
    {SuspendReason::kOrphaned, "orphaned"},
    {SuspendReason::kExhausted, "exhausted"},
    {SuspendReason::kDiverged, "diverged"},
    {SuspendReason::kForeign, "foreign"},
    {SuspendReason::kGap, "gap"},
    {SuspendReason::kFenced, "fenced"},
    {SuspendReason::kRejected, "rejected"},
    {SuspendReason::kHung, "hung"},
};

template <typename Enum, size_t N>
std::string_view NameIn(const Names<Enum> (&names)[N], Enum value) {
  for (const Names<Enum>& row : names) {
    if (row.first == value) return row.second;
  }
  return "unknown";
}

template <typename Enum, size_t N>
std::optional<Enum> NamedIn(const Names<Enum> (&names)[N], std::string_view name) {
  for (const Names<Enum>& row : names) {
    if (row.second == name) return row.first;
  }
  return std::nullopt;
}

}  // namespace

std::string_view LifecycleStateName(LifecycleState state) { return NameIn(kStateNames, state); }
std::optional<LifecycleState> LifecycleStateNamed(std::string_view name) {
  return NamedIn(kStateNames, name);
}

std::string_view SuspendReasonName(SuspendReason reason) { return NameIn(kReasonNames, reason); }
std::optional<SuspendReason> SuspendReasonNamed(std::string_view name) {
  return NamedIn(kReasonNames, name);
}

bool IsFault(SuspendReason reason) {
  return reason != SuspendReason::kNone && reason != SuspendReason::kOperator &&
         reason != SuspendReason::kDisabled && reason != SuspendReason::kOrphaned;
}

LifecycleStep NextStep(const SinkState& state, const DesiredState& desired,
                       const ObservedState& observed, const LifecycleSettings& settings,
                       TimePoint now) {
  if (state.state == LifecycleState::kDeleted) return {state};
  // In one process nothing can follow an instance that still runs.
  if (observed.instance == InstancePhase::kHung && state.state != LifecycleState::kSuspended) {
    SinkState next = state;
    if (observed.failure) next.error = observed.failure->status;
    return Suspend(std::move(next), SuspendReason::kHung, LifecycleAction::kNone);
  }
  // Deletion first, in every state.
  if (desired.deleted && observed.instance != InstancePhase::kHung) {
    return StepDeleting(state, observed);
  }
  switch (state.state) {
    case LifecycleState::kSuspended:
      return StepSuspended(state, desired, observed);
    case LifecycleState::kSuspending:
      if (observed.instance != InstancePhase::kNone) return {state};
      if (desired.run) return BeginAfresh(desired);
      return Suspend(state, desired.why_not, LifecycleAction::kNone);
    case LifecycleState::kInitializing:
    case LifecycleState::kRunning:
      if (observed.failure) return Fail(state, *observed.failure, observed, settings, now);
      if (!desired.run || IsToBeReplaced(state, desired, observed.instance)) {
        return StopFrom(state, desired, observed.instance);
      }
      return state.state == LifecycleState::kRunning
                 ? StepRunning(state, observed, settings, now)
                 : StepInitializing(state, desired, observed, settings, now);
    case LifecycleState::kRepairing:
      if (!desired.run) return StopFrom(state, desired, observed.instance);
      return StepRepairing(state, desired, observed, now);
    case LifecycleState::kDeleting:  // a removal is not taken back
    case LifecycleState::kDeleted:
      return {state};
  }
  return {state};
}

}  // namespace sluice
