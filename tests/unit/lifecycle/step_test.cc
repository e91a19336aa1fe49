// SPDX-License-Identifier: Apache-2.0
#include "lifecycle/step.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice {
namespace {

using State = LifecycleState;
using Phase = InstancePhase;
using Action = LifecycleAction;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TimePoint kNow{std::chrono::hours(5)};

LifecycleSettings Settings() {
  LifecycleSettings settings;
  settings.retry = {milliseconds(200), seconds(10), 2.0, 0.0, 0};
  settings.healthy_after = seconds(60);
  return settings;
}

const std::vector<Phase>& Phases() {
  static const std::vector<Phase> all = {Phase::kNone, Phase::kOpening, Phase::kAttached,
                                         Phase::kEnding, Phase::kHung};
  return all;
}

const std::vector<std::optional<SinkFailure>>& Failures() {
  static const std::vector<std::optional<SinkFailure>> all = [] {
    std::vector<std::optional<SinkFailure>> faults{std::nullopt};
    for (SinkFault fault :
         {SinkFault::kRetryable, SinkFault::kExhausted, SinkFault::kDiverged, SinkFault::kForeign,
          SinkFault::kGap, SinkFault::kFenced, SinkFault::kRejected}) {
      faults.push_back(SinkFailure{fault, Status(StatusCode::kFatal, "broken")});
    }
    return faults;
  }();
  return all;
}

// Every start state, with and without failures behind it, and every reason to be suspended.
std::vector<SinkState> StartStates() {
  std::vector<SinkState> states;
  for (State state :
       {State::kInitializing, State::kRunning, State::kRepairing, State::kSuspending}) {
    for (uint64_t attempt : {0U, 3U}) {
      SinkState start;
      start.state = state;
      start.attempt = attempt;
      start.next_at = kNow + seconds(1);
      start.running_since = kNow - seconds(1);
      states.push_back(start);
    }
  }
  for (SuspendReason reason :
       {SuspendReason::kOperator, SuspendReason::kExhausted, SuspendReason::kDiverged,
        SuspendReason::kForeign, SuspendReason::kGap, SuspendReason::kFenced,
        SuspendReason::kRejected, SuspendReason::kHung}) {
    SinkState start;
    start.state = State::kSuspended;
    start.reason = reason;
    states.push_back(start);
  }
  return states;
}

ObservedState Observed(Phase phase, std::optional<SinkFailure> failure = std::nullopt) {
  ObservedState observed;
  observed.instance = phase;
  observed.failure = std::move(failure);
  return observed;
}

SinkState In(State state, SuspendReason reason = SuspendReason::kNone) {
  SinkState start;
  start.state = state;
  start.reason = reason;
  start.running_since = kNow;
  return start;
}

TEST(LifecycleStep, HoldsItsRulesFromEveryStateUnderEveryInput) {
  for (const SinkState& start : StartStates()) {
    for (DesiredState desired : {DesiredState::kRunning, DesiredState::kStopped}) {
      for (Phase phase : Phases()) {
        for (const std::optional<SinkFailure>& failure : Failures()) {
          SCOPED_TRACE(testing::Message() << LifecycleStateName(start.state) << " attempt "
                                          << start.attempt << " " << SuspendReasonName(start.reason)
                                          << " stop " << (desired == DesiredState::kStopped)
                                          << " phase " << static_cast<int>(phase) << " fault "
                                          << (failure ? SinkFaultName(failure->fault) : "-"));
          const LifecycleStep step =
              NextStep(start, desired, Observed(phase, failure), Settings(), kNow);
          // Never two instances: a new one only where there is none, and only when wanted.
          if (step.action == Action::kBegin) {
            EXPECT_EQ(phase, Phase::kNone);
            EXPECT_EQ(desired, DesiredState::kRunning);
            EXPECT_EQ(step.next.state, State::kInitializing);
          }
          // Ending is asked for only of what is at work, draining only of what delivers.
          if (step.action == Action::kEnd) {
            EXPECT_TRUE(phase == Phase::kOpening || phase == Phase::kAttached);
          }
          if (step.action == Action::kDrain) {
            EXPECT_EQ(phase, Phase::kAttached);
            EXPECT_EQ(step.next.state, State::kSuspending);
          }
          // A hung instance suspends from anywhere.
          if (phase == Phase::kHung) {
            EXPECT_EQ(step.next.state, State::kSuspended);
            EXPECT_EQ(step.next.reason, SuspendReason::kHung);
          }
          // Running means an instance that delivers.
          if (step.next.state == State::kRunning && start.state != State::kRunning) {
            EXPECT_EQ(phase, Phase::kAttached);
          }
          // What is suspended says why; nothing else does.
          EXPECT_EQ(step.next.state == State::kSuspended, step.next.reason != SuspendReason::kNone);
          // Only a failure counts as an attempt, and repairing never lacks a time to go on.
          if (step.next.attempt > start.attempt) {
            EXPECT_TRUE(failure || start.state == State::kRunning);
          }
          if (step.next.state == State::kRepairing && phase == Phase::kNone) {
            EXPECT_GT(step.look_again_at, kNow);
            EXPECT_LT(step.look_again_at, TimePoint::max());
          }
          // Only a command ends a suspension that no retry can mend.
          if (start.state == State::kSuspended && start.reason != SuspendReason::kOperator) {
            EXPECT_EQ(step.next.state, State::kSuspended);
          }
        }
      }
    }
  }
}

struct Row {
  const char* what;
  SinkState start;
  DesiredState desired;
  ObservedState observed;
  State next;
  Action action;
  SuspendReason reason = SuspendReason::kNone;
};

SinkFailure Failure(SinkFault fault) { return {fault, Status(StatusCode::kFatal, "broken")}; }

TEST(LifecycleStep, Table) {
  constexpr auto kRun = DesiredState::kRunning;
  constexpr auto kStop = DesiredState::kStopped;
  const SinkFailure again = Failure(SinkFault::kRetryable);
  const SinkFailure gap = Failure(SinkFault::kGap);
  SinkState due = In(State::kRepairing);
  due.next_at = kNow;
  SinkState waiting = In(State::kRepairing);
  waiting.next_at = kNow + milliseconds(1);
  const std::vector<Row> rows = {
      {"first", In(State::kInitializing), kRun, Observed(Phase::kNone), State::kInitializing,
       Action::kBegin},
      {"opening", In(State::kInitializing), kRun, Observed(Phase::kOpening), State::kInitializing,
       Action::kNone},
      {"attached", In(State::kInitializing), kRun, Observed(Phase::kAttached), State::kRunning,
       Action::kNone},
      {"start failed", In(State::kInitializing), kRun, Observed(Phase::kEnding, again),
       State::kRepairing, Action::kNone},
      {"start failed and gone", In(State::kInitializing), kRun, Observed(Phase::kNone, again),
       State::kRepairing, Action::kNone},
      {"start overdue", In(State::kInitializing), kRun, Observed(Phase::kOpening, again),
       State::kRepairing, Action::kEnd},
      {"gap", In(State::kInitializing), kRun, Observed(Phase::kEnding, gap), State::kSuspended,
       Action::kNone, SuspendReason::kGap},
      {"stop before start", In(State::kInitializing), kStop, Observed(Phase::kNone),
       State::kSuspended, Action::kNone, SuspendReason::kOperator},
      {"stop in start", In(State::kInitializing), kStop, Observed(Phase::kOpening),
       State::kSuspending, Action::kEnd},
      {"well", In(State::kRunning), kRun, Observed(Phase::kAttached), State::kRunning,
       Action::kNone},
      {"no ack", In(State::kRunning), kRun, Observed(Phase::kAttached, again), State::kRepairing,
       Action::kEnd},
      {"rejected", In(State::kRunning), kRun,
       Observed(Phase::kAttached, Failure(SinkFault::kRejected)), State::kSuspended, Action::kEnd,
       SuspendReason::kRejected},
      {"ended by itself", In(State::kRunning), kRun, Observed(Phase::kNone), State::kRepairing,
       Action::kNone},
      {"stop", In(State::kRunning), kStop, Observed(Phase::kAttached), State::kSuspending,
       Action::kDrain},
      {"hung", In(State::kRunning), kRun, Observed(Phase::kHung), State::kSuspended, Action::kNone,
       SuspendReason::kHung},
      {"repairing, old one ends", due, kRun, Observed(Phase::kEnding), State::kRepairing,
       Action::kNone},
      {"repairing, old one is at work", due, kRun, Observed(Phase::kAttached), State::kRepairing,
       Action::kEnd},
      {"repairing, not yet", waiting, kRun, Observed(Phase::kNone), State::kRepairing,
       Action::kNone},
      {"repairing, due", due, kRun, Observed(Phase::kNone), State::kInitializing, Action::kBegin},
      {"stop while repairing", waiting, kStop, Observed(Phase::kNone), State::kSuspended,
       Action::kNone, SuspendReason::kOperator},
      {"stop while the old one ends", waiting, kStop, Observed(Phase::kEnding), State::kSuspending,
       Action::kNone},
      {"stopping", In(State::kSuspending), kStop, Observed(Phase::kEnding), State::kSuspending,
       Action::kNone},
      {"stopped", In(State::kSuspending), kStop, Observed(Phase::kNone), State::kSuspended,
       Action::kNone, SuspendReason::kOperator},
      {"a stop is finished before it is taken back", In(State::kSuspending), kRun,
       Observed(Phase::kEnding), State::kSuspending, Action::kNone},
      {"enabled", In(State::kSuspended, SuspendReason::kOperator), kRun, Observed(Phase::kNone),
       State::kInitializing, Action::kBegin},
      {"diverged stays", In(State::kSuspended, SuspendReason::kDiverged), kRun,
       Observed(Phase::kNone), State::kSuspended, Action::kNone, SuspendReason::kDiverged},
      {"suspended in its end, hung", In(State::kSuspended, SuspendReason::kGap), kRun,
       Observed(Phase::kHung), State::kSuspended, Action::kNone, SuspendReason::kHung},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    const LifecycleStep step = NextStep(row.start, row.desired, row.observed, Settings(), kNow);
    EXPECT_EQ(step.next.state, row.next) << LifecycleStateName(step.next.state);
    EXPECT_EQ(step.action, row.action);
    EXPECT_EQ(step.next.reason, row.reason);
  }
}

TEST(LifecycleStep, BacksOffLongerWithEachFailureAndResetsWhenHealthyForAWhile) {
  const SinkFailure again = Failure(SinkFault::kRetryable);
  SinkState state = In(State::kInitializing);
  TimePoint now = kNow;
  for (int i = 0; i < 3; ++i) {
    LifecycleStep failed =
        NextStep(state, DesiredState::kRunning, Observed(Phase::kNone, again), Settings(), now);
    ASSERT_EQ(failed.next.state, State::kRepairing);
    EXPECT_EQ(failed.next.attempt, static_cast<uint64_t>(i + 1));
    EXPECT_EQ(failed.look_again_at, now + milliseconds(200) * (1 << i));
    now = failed.look_again_at;
    state =
        NextStep(failed.next, DesiredState::kRunning, Observed(Phase::kNone), Settings(), now).next;
    ASSERT_EQ(state.state, State::kInitializing);
  }
  LifecycleStep running =
      NextStep(state, DesiredState::kRunning, Observed(Phase::kAttached), Settings(), now);
  EXPECT_EQ(running.next.state, State::kRunning);
  EXPECT_EQ(running.next.attempt, 3U);
  EXPECT_EQ(running.look_again_at, now + seconds(60));
  now += seconds(60);
  running =
      NextStep(running.next, DesiredState::kRunning, Observed(Phase::kAttached), Settings(), now);
  EXPECT_EQ(running.next.attempt, 0U);
  EXPECT_EQ(running.look_again_at, TimePoint::max());
}

TEST(LifecycleStep, IsExhaustedAfterAsManyAttemptsAsAllowed) {
  LifecycleSettings settings = Settings();
  settings.retry.max_attempts = 2;
  const ObservedState broken = Observed(Phase::kNone, Failure(SinkFault::kRetryable));
  SinkState state = In(State::kInitializing);
  state = NextStep(state, DesiredState::kRunning, broken, settings, kNow).next;
  EXPECT_EQ(state.state, State::kRepairing);
  state =
      NextStep(state, DesiredState::kRunning, Observed(Phase::kNone), settings, state.next_at).next;
  EXPECT_EQ(state.state, State::kInitializing);
  state = NextStep(state, DesiredState::kRunning, broken, settings, kNow).next;
  EXPECT_EQ(state.state, State::kSuspended);
  EXPECT_EQ(state.reason, SuspendReason::kExhausted);
  EXPECT_EQ(state.error.message(), "broken");
}

}  // namespace
}  // namespace sluice
