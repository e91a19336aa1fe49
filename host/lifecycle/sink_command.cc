// SPDX-License-Identifier: Apache-2.0
#include "lifecycle/sink_command.h"

#include <fmt/core.h>

#include <utility>

namespace sluice {
namespace {

constexpr std::pair<SinkCommand, std::string_view> kNames[] = {
    {SinkCommand::kSuspend, "suspend"},   {SinkCommand::kResume, "resume"},
    {SinkCommand::kRepair, "repair"},     {SinkCommand::kTakeOver, "take-over"},
    {SinkCommand::kRestart, "restart"},   {SinkCommand::kReset, "reset"},
    {SinkCommand::kSnapshot, "snapshot"}, {SinkCommand::kRemove, "remove"},
};

Status Refuse(const CommandedSink& sink, std::string_view what) {
  return Status(StatusCode::kInvalid, fmt::format("sink {}: {}", sink.name, what));
}

bool IsSuspendedBy(const CommandedSink& sink, SuspendReason reason) {
  return sink.state == LifecycleState::kSuspended && sink.reason == reason;
}

bool IsSuspendedByFault(const CommandedSink& sink) {
  return sink.state == LifecycleState::kSuspended && IsFault(sink.reason);
}

Status RefuseHung(const CommandedSink& sink) {
  return Refuse(sink,
                "it is hung: a call of its plugin has not returned, and nothing can follow it in "
                "this process; restart the node");
}

Status CheckConfigured(const CommandedSink& sink) {
  if (sink.orphaned) {
    return Refuse(sink, fmt::format("it is gone from the configuration: put it back and reload, or "
                                    "`sluice sink remove {}`",
                                    sink.name));
  }
  if (!sink.enabled) {
    return Refuse(sink, "it is disabled in the configuration: set enabled = true and reload");
  }
  return Status::Ok();
}

Status CheckResume(const CommandedSink& sink) {
  SLUICE_RETURN_IF_ERROR(CheckConfigured(sink));
  if (!sink.suspended_by_operator && IsSuspendedByFault(sink)) {
    return Refuse(sink, fmt::format("it is suspended as {}, not by command: once the cause is "
                                    "mended, `sluice sink repair {}`",
                                    SuspendReasonName(sink.reason), sink.name));
  }
  return Status::Ok();
}

// Of repair and restart: it is not to run at all.
Status CheckWanted(const CommandedSink& sink) {
  SLUICE_RETURN_IF_ERROR(CheckConfigured(sink));
  if (sink.suspended_by_operator) {
    return Refuse(sink,
                  fmt::format("it is suspended by command: `sluice sink resume {}`", sink.name));
  }
  return Status::Ok();
}

Status CheckRepair(const CommandedSink& sink) {
  SLUICE_RETURN_IF_ERROR(CheckWanted(sink));
  if (sink.state == LifecycleState::kRunning) {
    return Refuse(sink, fmt::format("it is running, there is nothing to repair; for a new instance "
                                    "`sluice sink restart {}`",
                                    sink.name));
  }
  return Status::Ok();
}

Status CheckRestart(const CommandedSink& sink) {
  SLUICE_RETURN_IF_ERROR(CheckWanted(sink));
  if (IsSuspendedByFault(sink)) {
    return Refuse(sink, fmt::format("it is suspended as {}: `sluice sink repair {}`",
                                    SuspendReasonName(sink.reason), sink.name));
  }
  return Status::Ok();
}

// Of one that is suspended by command it is done once that is taken back.
Status CheckReset(const CommandedSink& sink) {
  SLUICE_RETURN_IF_ERROR(CheckConfigured(sink));
  if (sink.reason == SuspendReason::kForeign || sink.reason == SuspendReason::kFenced) {
    return Refuse(sink, fmt::format("it is suspended as {}: what it holds may be another node's; "
                                    "`sluice sink repair --take-over {}` first",
                                    SuspendReasonName(sink.reason), sink.name));
  }
  if (sink.can_reset) return Status::Ok();
  return Refuse(sink,
                "its plugin cannot make it empty (no reset in sluice.provision/1): empty it by "
                "hand, or give it an empty place");
}

}  // namespace

std::string_view SinkCommandName(SinkCommand command) {
  for (const auto& [value, name] : kNames) {
    if (value == command) return name;
  }
  return "unknown";
}

std::optional<SinkCommand> SinkCommandNamed(std::string_view name) {
  for (const auto& [value, known] : kNames) {
    if (known == name) return value;
  }
  return std::nullopt;
}

Status CheckCommand(SinkCommand command, const CommandedSink& sink) {
  if (sink.deleted) {
    return command == SinkCommand::kRemove ? Status::Ok() : Refuse(sink, "it is being removed");
  }
  if (IsSuspendedBy(sink, SuspendReason::kHung)) return RefuseHung(sink);
  switch (command) {
    case SinkCommand::kSuspend:
    case SinkCommand::kRemove:
      return Status::Ok();
    case SinkCommand::kResume:
      return CheckResume(sink);
    case SinkCommand::kRepair:
    case SinkCommand::kTakeOver:
      return CheckRepair(sink);
    case SinkCommand::kRestart:
      return CheckRestart(sink);
    case SinkCommand::kReset:
      return CheckReset(sink);
    case SinkCommand::kSnapshot:
      return CheckWanted(sink);
  }
  return Status::Ok();
}

bool IsBroken(const CommandedSink& sink) {
  if (sink.deleted || sink.suspended_by_operator || !sink.enabled || sink.orphaned) {
    return false;
  }
  if (sink.state == LifecycleState::kRepairing) return true;
  return IsSuspendedByFault(sink) && sink.reason != SuspendReason::kHung;
}

}  // namespace sluice
