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

DesiredState Wanted() { return {}; }
DesiredState Unwanted() {
  DesiredState desired;
  desired.run = false;
  return desired;
}
DesiredState Deleted() {
  DesiredState desired;
  desired.deleted = true;
  return desired;
}
DesiredState Asking(SinkRequest request) {
  DesiredState desired;
  desired.request = request;
  return desired;
}
DesiredState Reconfigured() {
  DesiredState desired;
  desired.configuration = 1;
  return desired;
}

struct NamedDesire {
  const char* name;
  DesiredState desired;
};
const std::vector<NamedDesire>& Desires() {
  static const std::vector<NamedDesire> all = [] {
    DesiredState disabled = Unwanted();
    disabled.why_not = SuspendReason::kDisabled;
    DesiredState deleted_and_stopped = Deleted();
    deleted_and_stopped.run = false;
    return std::vector<NamedDesire>{{"run", Wanted()},
                                    {"stop", Unwanted()},
                                    {"disabled", disabled},
                                    {"deleted", Deleted()},
                                    {"deleted and stopped", deleted_and_stopped},
                                    {"repair", Asking(SinkRequest::kRepair)},
                                    {"restart", Asking(SinkRequest::kRestart)},
                                    {"reconfigured", Reconfigured()}};
  }();
  return all;
}

// Every start state, with and without failures behind it, and every reason to be suspended.
std::vector<SinkState> StartStates() {
  std::vector<SinkState> states;
  for (State state : {State::kInitializing, State::kRunning, State::kRepairing, State::kSuspending,
                      State::kDeleting, State::kDeleted}) {
    for (uint64_t attempt : {0U, 3U}) {
      SinkState start;
      start.state = state;
      start.attempt = attempt;
      start.next_at = kNow + seconds(1);
      start.running_since = kNow - seconds(1);
      states.push_back(start);
      start.until_used = true;
      states.push_back(start);
    }
  }
  for (SuspendReason reason :
       {SuspendReason::kOperator, SuspendReason::kDisabled, SuspendReason::kOrphaned,
        SuspendReason::kExhausted, SuspendReason::kDiverged, SuspendReason::kForeign,
        SuspendReason::kGap, SuspendReason::kFenced, SuspendReason::kRejected,
        SuspendReason::kHung}) {
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

// What must be true of a step, whatever it starts from.
void ExpectRules(const SinkState& start, const DesiredState& desired,
                 const ObservedState& observed) {
  const Phase phase = observed.instance;
  const LifecycleStep step = NextStep(start, desired, observed, Settings(), kNow);
  const SinkState& next = step.next;
  // Never two instances: a new one only where there is none, and only when wanted and of use.
  if (step.action == Action::kBegin) {
    EXPECT_EQ(phase, Phase::kNone);
    EXPECT_TRUE(desired.run && !desired.deleted);
    EXPECT_EQ(next.state, State::kInitializing);
    EXPECT_EQ(next.configuration, desired.configuration);
    const bool asked = desired.request == SinkRequest::kRepair || desired.configuration != 0;
    EXPECT_TRUE(!start.until_used || observed.used || asked || start.state == State::kSuspending);
  }
  // Ending is asked for only of what is at work, draining only of what delivers.
  if (step.action == Action::kEnd) {
    EXPECT_TRUE(phase == Phase::kOpening || phase == Phase::kAttached);
  }
  if (step.action == Action::kDrain) {
    EXPECT_EQ(phase, Phase::kAttached);
    EXPECT_TRUE(next.state == State::kSuspending || next.state == State::kDeleting);
  }
  // Forgotten is what is to be deleted, and has no instance that could come back to life.
  if (step.action == Action::kForget) {
    EXPECT_EQ(phase, Phase::kNone);
    EXPECT_EQ(next.state, State::kDeleting);
  }
  // Deletion comes first, only on command, and is not taken back.
  const bool was_deleting = start.state == State::kDeleting || start.state == State::kDeleted;
  const bool deletes = next.state == State::kDeleting || next.state == State::kDeleted;
  if (deletes && !was_deleting) {
    EXPECT_TRUE(desired.deleted);
  }
  if ((desired.deleted || was_deleting) && phase != Phase::kHung) {
    EXPECT_TRUE(deletes);
  }
  // A hung instance suspends from anywhere.
  if (phase == Phase::kHung && start.state != State::kDeleted) {
    EXPECT_EQ(next.state, State::kSuspended);
    EXPECT_EQ(next.reason, SuspendReason::kHung);
  }
  // Running means an instance that delivers.
  if (next.state == State::kRunning && start.state != State::kRunning) {
    EXPECT_EQ(phase, Phase::kAttached);
  }
  // What is suspended says why; nothing else does.
  EXPECT_EQ(next.state == State::kSuspended, next.reason != SuspendReason::kNone);
  // Only a failure counts as an attempt, and repairing never lacks a time to go on.
  if (next.attempt > start.attempt) {
    EXPECT_TRUE(observed.failure || start.state == State::kRunning);
  }
  const bool put_off = next.until_used && !observed.used;
  if (next.state == State::kRepairing && phase == Phase::kNone && !put_off) {
    EXPECT_GT(step.look_again_at, kNow);
    EXPECT_LT(step.look_again_at, TimePoint::max());
  }
  // Only a command or other settings end a suspension that no retry can mend.
  const bool asked =
      desired.request == SinkRequest::kRepair || desired.configuration != 0 || desired.deleted;
  if (start.state == State::kSuspended && IsFault(start.reason) && !asked) {
    EXPECT_EQ(next.state, State::kSuspended);
  }
}

TEST(LifecycleStep, HoldsItsRulesFromEveryStateUnderEveryInput) {
  for (const SinkState& start : StartStates()) {
    for (const auto& [wish, desired] : Desires()) {
      for (Phase phase : Phases()) {
        for (const std::optional<SinkFailure>& failure : Failures()) {
          for (bool used : {false, true}) {
            SCOPED_TRACE(testing::Message()
                         << LifecycleStateName(start.state) << " attempt " << start.attempt << " "
                         << SuspendReasonName(start.reason) << " until used " << start.until_used
                         << ", desired " << wish << ", phase " << static_cast<int>(phase)
                         << " fault " << (failure ? SinkFaultName(failure->fault) : "-") << " used "
                         << used);
            ObservedState observed = Observed(phase, failure);
            observed.used = used;
            ExpectRules(start, desired, observed);
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
  const DesiredState run = Wanted();
  const DesiredState stop = Unwanted();
  const DesiredState repair = Asking(SinkRequest::kRepair);
  const DesiredState restart = Asking(SinkRequest::kRestart);
  ObservedState forgotten = Observed(Phase::kNone);
  forgotten.forgotten = true;
  ObservedState used = Observed(Phase::kNone);
  used.used = true;
  const SinkFailure again = Failure(SinkFault::kRetryable);
  const SinkFailure gap = Failure(SinkFault::kGap);
  SinkState due = In(State::kRepairing);
  due.next_at = kNow;
  SinkState lazy = In(State::kInitializing);
  lazy.until_used = true;
  SinkState put_off = due;
  put_off.until_used = true;
  SinkState waiting = In(State::kRepairing);
  waiting.next_at = kNow + milliseconds(1);
  const std::vector<Row> rows = {
      {"first", In(State::kInitializing), run, Observed(Phase::kNone), State::kInitializing,
       Action::kBegin},
      {"opening", In(State::kInitializing), run, Observed(Phase::kOpening), State::kInitializing,
       Action::kNone},
      {"attached", In(State::kInitializing), run, Observed(Phase::kAttached), State::kRunning,
       Action::kNone},
      {"start failed", In(State::kInitializing), run, Observed(Phase::kEnding, again),
       State::kRepairing, Action::kNone},
      {"start failed and gone", In(State::kInitializing), run, Observed(Phase::kNone, again),
       State::kRepairing, Action::kNone},
      {"start overdue", In(State::kInitializing), run, Observed(Phase::kOpening, again),
       State::kRepairing, Action::kEnd},
      {"gap", In(State::kInitializing), run, Observed(Phase::kEnding, gap), State::kSuspended,
       Action::kNone, SuspendReason::kGap},
      {"stop before start", In(State::kInitializing), stop, Observed(Phase::kNone),
       State::kSuspended, Action::kNone, SuspendReason::kOperator},
      {"stop in start", In(State::kInitializing), stop, Observed(Phase::kOpening),
       State::kSuspending, Action::kEnd},
      {"well", In(State::kRunning), run, Observed(Phase::kAttached), State::kRunning,
       Action::kNone},
      {"no ack", In(State::kRunning), run, Observed(Phase::kAttached, again), State::kRepairing,
       Action::kEnd},
      {"rejected", In(State::kRunning), run,
       Observed(Phase::kAttached, Failure(SinkFault::kRejected)), State::kSuspended, Action::kEnd,
       SuspendReason::kRejected},
      {"ended by itself", In(State::kRunning), run, Observed(Phase::kNone), State::kRepairing,
       Action::kNone},
      {"stop", In(State::kRunning), stop, Observed(Phase::kAttached), State::kSuspending,
       Action::kDrain},
      {"hung", In(State::kRunning), run, Observed(Phase::kHung), State::kSuspended, Action::kNone,
       SuspendReason::kHung},
      {"repairing, old one ends", due, run, Observed(Phase::kEnding), State::kRepairing,
       Action::kNone},
      {"repairing, old one is at work", due, run, Observed(Phase::kAttached), State::kRepairing,
       Action::kEnd},
      {"repairing, not yet", waiting, run, Observed(Phase::kNone), State::kRepairing,
       Action::kNone},
      {"repairing, due", due, run, Observed(Phase::kNone), State::kInitializing, Action::kBegin},
      {"stop while repairing", waiting, stop, Observed(Phase::kNone), State::kSuspended,
       Action::kNone, SuspendReason::kOperator},
      {"stop while the old one ends", waiting, stop, Observed(Phase::kEnding), State::kSuspending,
       Action::kNone},
      {"stopping", In(State::kSuspending), stop, Observed(Phase::kEnding), State::kSuspending,
       Action::kNone},
      {"stopped", In(State::kSuspending), stop, Observed(Phase::kNone), State::kSuspended,
       Action::kNone, SuspendReason::kOperator},
      {"a stop is finished before it is taken back", In(State::kSuspending), run,
       Observed(Phase::kEnding), State::kSuspending, Action::kNone},
      {"enabled", In(State::kSuspended, SuspendReason::kOperator), run, Observed(Phase::kNone),
       State::kInitializing, Action::kBegin},
      {"diverged stays", In(State::kSuspended, SuspendReason::kDiverged), run,
       Observed(Phase::kNone), State::kSuspended, Action::kNone, SuspendReason::kDiverged},
      {"suspended in its end, hung", In(State::kSuspended, SuspendReason::kGap), run,
       Observed(Phase::kHung), State::kSuspended, Action::kNone, SuspendReason::kHung},
      {"diverged is repaired by command", In(State::kSuspended, SuspendReason::kDiverged), repair,
       Observed(Phase::kNone), State::kInitializing, Action::kBegin},
      {"diverged gets other settings", In(State::kSuspended, SuspendReason::kDiverged),
       Reconfigured(), Observed(Phase::kNone), State::kInitializing, Action::kBegin},
      {"a fault is kept where the operator suspends", In(State::kSuspended, SuspendReason::kGap),
       stop, Observed(Phase::kNone), State::kSuspended, Action::kNone, SuspendReason::kGap},
      {"a repair waits until the old one has ended", In(State::kSuspended, SuspendReason::kGap),
       repair, Observed(Phase::kEnding), State::kSuspended, Action::kNone, SuspendReason::kGap},
      {"a hung sink is not repaired", In(State::kSuspended, SuspendReason::kHung), repair,
       Observed(Phase::kHung), State::kSuspended, Action::kNone, SuspendReason::kHung},
      {"repairing, now", waiting, repair, Observed(Phase::kNone), State::kInitializing,
       Action::kBegin},
      {"restart", In(State::kRunning), restart, Observed(Phase::kAttached), State::kSuspending,
       Action::kDrain},
      {"restart in start", In(State::kInitializing), restart, Observed(Phase::kOpening),
       State::kSuspending, Action::kEnd},
      {"restarted", In(State::kSuspending), run, Observed(Phase::kNone), State::kInitializing,
       Action::kBegin},
      {"outdated", In(State::kRunning), Reconfigured(), Observed(Phase::kAttached),
       State::kSuspending, Action::kDrain},
      {"lazy, nothing for it", lazy, run, Observed(Phase::kNone), State::kInitializing,
       Action::kNone},
      {"lazy, used", lazy, run, used, State::kInitializing, Action::kBegin},
      {"found broken, not used", put_off, run, Observed(Phase::kNone), State::kRepairing,
       Action::kNone},
      {"found broken, used", put_off, run, used, State::kInitializing, Action::kBegin},
      {"removed while it runs", In(State::kRunning), Deleted(), Observed(Phase::kAttached),
       State::kDeleting, Action::kDrain},
      {"removed while it starts", In(State::kInitializing), Deleted(), Observed(Phase::kOpening),
       State::kDeleting, Action::kEnd},
      {"removed while it fails", In(State::kRunning), Deleted(), Observed(Phase::kEnding, again),
       State::kDeleting, Action::kNone},
      {"removed while suspended", In(State::kSuspended, SuspendReason::kForeign), Deleted(),
       Observed(Phase::kNone), State::kDeleting, Action::kForget},
      {"removed, ends", In(State::kDeleting), Deleted(), Observed(Phase::kEnding), State::kDeleting,
       Action::kNone},
      {"removed, is forgotten", In(State::kDeleting), Deleted(), forgotten, State::kDeleted,
       Action::kNone},
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
        NextStep(state, Wanted(), Observed(Phase::kNone, again), Settings(), now);
    ASSERT_EQ(failed.next.state, State::kRepairing);
    EXPECT_EQ(failed.next.attempt, static_cast<uint64_t>(i + 1));
    EXPECT_EQ(failed.look_again_at, now + milliseconds(200) * (1 << i));
    now = failed.look_again_at;
    state = NextStep(failed.next, Wanted(), Observed(Phase::kNone), Settings(), now).next;
    ASSERT_EQ(state.state, State::kInitializing);
  }
  LifecycleStep running = NextStep(state, Wanted(), Observed(Phase::kAttached), Settings(), now);
  EXPECT_EQ(running.next.state, State::kRunning);
  EXPECT_EQ(running.next.attempt, 3U);
  EXPECT_EQ(running.look_again_at, now + seconds(60));
  now += seconds(60);
  running = NextStep(running.next, Wanted(), Observed(Phase::kAttached), Settings(), now);
  EXPECT_EQ(running.next.attempt, 0U);
  EXPECT_EQ(running.look_again_at, TimePoint::max());
}

TEST(LifecycleStep, IsExhaustedAfterAsManyAttemptsAsAllowed) {
  LifecycleSettings settings = Settings();
  settings.retry.max_attempts = 2;
  const ObservedState broken = Observed(Phase::kNone, Failure(SinkFault::kRetryable));
  SinkState state = In(State::kInitializing);
  state = NextStep(state, Wanted(), broken, settings, kNow).next;
  EXPECT_EQ(state.state, State::kRepairing);
  state = NextStep(state, Wanted(), Observed(Phase::kNone), settings, state.next_at).next;
  EXPECT_EQ(state.state, State::kInitializing);
  state = NextStep(state, Wanted(), broken, settings, kNow).next;
  EXPECT_EQ(state.state, State::kSuspended);
  EXPECT_EQ(state.reason, SuspendReason::kExhausted);
  EXPECT_EQ(state.error.message(), "broken");
}

}  // namespace
}  // namespace sluice
