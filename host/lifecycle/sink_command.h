// SPDX-License-Identifier: Apache-2.0
//
// What an operator may tell a running node of one sink, and whether that makes sense in the state
// the sink is in. Threading: pure functions.
#pragma once

#include <optional>
#include <string_view>

#include "base/status.h"
#include "lifecycle/step.h"

namespace sluice {

enum class SinkCommand {
  kSuspend,   // drain and stop it; it stays so over restarts
  kResume,    // takes kSuspend back
  kRepair,    // try again at once what failed, also what is not retried by itself
  kTakeOver,  // as kRepair, with an epoch above the one that the sink has seen
  kRestart,   // a new instance, in order
  kReset,     // the same, before which the sink is made empty
  kSnapshot,  // a new instance, which replaces what the sink holds by a copy of the state
  kRemove,    // drain, stop, and forget it
};

// "suspend", …, "take-over": as in the admin protocol.
std::string_view SinkCommandName(SinkCommand command);
std::optional<SinkCommand> SinkCommandNamed(std::string_view name);

// What of a sink decides whether a command applies.
struct CommandedSink {
  std::string_view name;
  LifecycleState state = LifecycleState::kInitializing;
  SuspendReason reason = SuspendReason::kNone;
  bool enabled = true;    // in the configuration
  bool orphaned = false;  // gone from it
  bool suspended_by_operator = false;
  bool deleted = false;
  bool can_reset = true;  // as far as is known
};

// OK also where there is nothing left to do, so that a command may be given twice. kInvalid: what
// stands in the way and what to do instead.
Status CheckCommand(SinkCommand command, const CommandedSink& sink);

// Whether `repair --all` means this sink.
bool IsBroken(const CommandedSink& sink);

}  // namespace sluice
