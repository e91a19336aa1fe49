// SPDX-License-Identifier: Apache-2.0
//
// `sluice sink …`: what an operator tells a running node of its sinks, and what comes of it.
#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>

#include "base/clock.h"
#include "cli/ask_node.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/run_command.h"
#include "cli/snapshot_progress.h"
#include "cli/stopped_document.h"
#include "cli/stopped_sink.h"
#include "lifecycle/sink_command.h"
#include "node/node_status.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

// How long a command is watched; what takes longer is said, and goes on.
constexpr Duration kPatience = std::chrono::seconds(30);
constexpr Duration kLookInterval = std::chrono::milliseconds(100);

SinkCommand CommandOf(const CommandLine& line) {
  switch (line.command) {
    case Command::kSinkSuspend:
      return SinkCommand::kSuspend;
    case Command::kSinkResume:
      return SinkCommand::kResume;
    case Command::kSinkRestart:
      return SinkCommand::kRestart;
    case Command::kSinkReset:
      return SinkCommand::kReset;
    case Command::kSinkSnapshot:
      return SinkCommand::kSnapshot;
    case Command::kSinkRemove:
      return SinkCommand::kRemove;
    default:
      return line.take_over ? SinkCommand::kTakeOver : SinkCommand::kRepair;
  }
}

Result<Json> ParseObject(const char* what, const std::string& text) {
  Json object = Json::parse(text, nullptr, false);
  if (!object.is_object()) {
    return Error(StatusCode::kFailed, fmt::format("{} is no JSON object", what));
  }
  return object;
}

Result<Json> Document(const Config& config, const std::string& home) {
  SLUICE_ASSIGN_OR_RETURN(std::optional<std::string> running, AskStatus(config, home));
  std::string text;
  if (running) {
    text = std::move(*running);
  } else {
    SLUICE_ASSIGN_OR_RETURN(text, StoppedDocument(config, home));
  }
  return ParseObject("the status", text);
}

const Json* FindSink(const Json& document, const std::string& name) {
  for (const Json& sink : document["sinks"]) {
    if (sink["name"] == name) return &sink;
  }
  return nullptr;
}

Status NoSuchSink(const Json& document, const std::string& name) {
  std::string known;
  for (const Json& sink : document["sinks"]) {
    known += (known.empty() ? "" : ", ") + sink["name"].get<std::string>();
  }
  return Status(StatusCode::kConfiguration,
                fmt::format("sink {}: there is no such sink: {}", name,
                            known.empty() ? "there are none" : "there are " + known));
}

// Where the command has come to: not yet, done, or as far as it can.
enum class Progress { kUnderWay, kDone, kFailed };

Progress Look(SinkCommand command, const Json* sink) {
  if (command == SinkCommand::kRemove) return sink ? Progress::kUnderWay : Progress::kDone;
  if (sink == nullptr) return Progress::kFailed;
  const std::string lifecycle = (*sink)["lifecycle"];
  if (command == SinkCommand::kSuspend) {
    return lifecycle == "suspended" ? Progress::kDone : Progress::kUnderWay;
  }
  if (lifecycle == "running") return Progress::kDone;
  if (lifecycle != "suspended") return Progress::kUnderWay;
  // It is done once that is taken back.
  const bool put_off = command == SinkCommand::kReset && (*sink)["reason"] == "operator";
  return put_off ? Progress::kDone : Progress::kFailed;
}

// Its last error, where its state does not say it already, or does not mean it any more.
std::string CauseOf(const Json& sink) {
  const Json& error = sink["last_error"];
  if (!error.is_object() || sink["lifecycle"] == "running") return "";
  std::string text = error["text"];
  return sink["reason"] == text ? "" : text;
}

// Watches the sink until the command has come to something, or `give_up_at`. A repairing sink is
// watched on: it may come up with its next attempt; each of its failures is printed once.
Result<Json> Watch(const Config& config, const CommandLine& line, const std::string& name,
                   SinkCommand command, TimePoint give_up_at, Progress* progress) {
  std::string said;
  SnapshotProgressLine shown(command == SinkCommand::kSnapshot, name);
  for (;;) {
    std::this_thread::sleep_for(kLookInterval);
    SLUICE_ASSIGN_OR_RETURN(std::optional<std::string> text, AskStatus(config, line.home));
    if (!text) return Error(StatusCode::kFailed, "the node has ended meanwhile");
    SLUICE_ASSIGN_OR_RETURN(const Json document, ParseObject("the status", *text));
    const Json* sink = FindSink(document, name);
    *progress = Look(command, sink);
    if (sink != nullptr) shown.Show(sink->dump());
    // A copy ends by itself where it makes no progress, however long it takes.
    if (sink != nullptr && (*sink)["mode"] == "snapshot") give_up_at = Now() + kPatience;
    if (*progress != Progress::kUnderWay || Now() >= give_up_at) {
      return sink ? *sink : Json::object();
    }
    if (sink == nullptr || line.json || (*sink)["lifecycle"] != "repairing") continue;
    const std::string reason = (*sink)["reason"];
    if (reason == said) continue;
    said = reason;
    // Progress, not the outcome.
    std::fputs(fmt::format("{}: {}\n", name, SinkStateText(sink->dump())).c_str(), stderr);
  }
}

// What has come of a command that was watched.
Status Outcome(const std::string& name, const Json& sink, Progress progress) {
  if (progress == Progress::kDone) return Status::Ok();
  const std::string cause = sink.empty() ? "" : CauseOf(sink);
  return Status(
      StatusCode::kFailed,
      fmt::format("sink {}: {}: it is {}{}{}", name,
                  progress == Progress::kFailed ? "the command was taken, and failed"
                                                : "the command was taken, and is still under way",
                  sink.empty() ? "removed" : SinkStateText(sink.dump()), cause.empty() ? "" : ": ",
                  cause));
}

Status TakeOver(const CommandLine& line) {
  SLUICE_ASSIGN_OR_RETURN(const TakenOver taken, TakeOverStopped(line.home, line.sink));
  if (line.json) {
    Print("{}\n", Json{{"sink", line.sink},
                       {"seen_epoch", taken.seen.value()},
                       {"epoch", taken.epoch.value()}}
                      .dump(2));
  } else {
    Print("{}: it has seen epoch {}, this home is at {} now: start the node\n", line.sink,
          taken.seen, taken.epoch);
  }
  return Status::Ok();
}

Result<bool> ChangeStopped(const CommandLine& line, SinkCommand command) {
  if (command == SinkCommand::kReset) return ResetStopped(line.home, line.sink);
  if (command == SinkCommand::kSnapshot) return SnapshotStopped(line.home, line.sink);
  return command == SinkCommand::kRepair ? RepairStopped(line.home, line.sink)
                                         : ResumeStopped(line.home, line.sink);
}

// The home's record is changed instead.
Status TellRecord(const CommandLine& line, SinkCommand command) {
  SLUICE_ASSIGN_OR_RETURN(const bool changed, ChangeStopped(line, command));
  if (line.json) {
    Print("{}\n", Json{{"sink", line.sink}, {"changed", changed}}.dump(2));
    return Status::Ok();
  }
  std::string_view text =
      changed ? "goes on with the next start" : "it was not suspended by command";
  if (command == SinkCommand::kRepair) {
    text = changed ? "is tried with the next start" : "it was not broken";
  }
  if (command == SinkCommand::kReset) {
    text = changed ? "is made empty with the next start" : "it is to be made empty already";
  }
  if (command == SinkCommand::kSnapshot) {
    text = changed ? "is filled with a copy of the state by the next start"
                   : "no start has seen it yet: start = \"snapshot\" fills it with the first";
  }
  Print("{}: {}\n", line.sink, text);
  return Status::Ok();
}

// Only a person at a terminal can be asked; a script says --yes.
Status AskToReset(const std::string& sink) {
  const Status unasked(
      StatusCode::kConfiguration,
      fmt::format("sink {}: all that it holds would be removed there: say --yes", sink));
  if (isatty(STDIN_FILENO) != 1) return unasked;
  std::fprintf(stderr,
               "All that sink %s holds of this stream is removed there, and delivered again as far "
               "as the journal still has it. Go on? [y/N] ",
               sink.c_str());
  const int answer = std::getchar();
  return answer == 'y' || answer == 'Y' ? Status::Ok() : unasked;
}

Status Tell(const Config& config, const CommandLine& line, SinkCommand command) {
  const Json body = {{"sink", line.sink}, {"command", SinkCommandName(command)}};
  Result<std::string> answer = TellNode(config, line.home, "/v1/sinks/command", body.dump());
  return answer ? Status::Ok() : answer.error();
}

Status Run(const CommandLine& line) {
  SLUICE_ASSIGN_OR_RETURN(const Config config, LoadHomeToAsk(line.home));
  const SinkCommand command = CommandOf(line);
  if (command == SinkCommand::kReset && !line.yes) SLUICE_RETURN_IF_ERROR(AskToReset(line.sink));
  Status told = Tell(config, line, command);
  // A node that needs a sink which is not its own has ended before it could be told.
  const bool stopped = told.code() == StatusCode::kNotFound;
  if (stopped && command == SinkCommand::kTakeOver) return TakeOver(line);
  if (stopped && (command == SinkCommand::kResume || command == SinkCommand::kRepair ||
                  command == SinkCommand::kReset || command == SinkCommand::kSnapshot)) {
    return TellRecord(line, command);
  }
  SLUICE_RETURN_IF_ERROR(told);
  Progress progress = Progress::kUnderWay;
  SLUICE_ASSIGN_OR_RETURN(const Json sink,
                          Watch(config, line, line.sink, command, Now() + kPatience, &progress));
  const std::string state = sink.empty() ? "removed" : SinkStateText(sink.dump());
  const bool put_off = command == SinkCommand::kReset && state.starts_with("suspended");
  if (line.json) {
    Print("{}\n", sink.dump(2));
  } else {
    Print("{}: {}{}\n", line.sink, state,
          put_off && progress == Progress::kDone ? "; it is made empty once it is resumed" : "");
  }
  return Outcome(line.sink, sink, progress);
}

Status RunRepairAll(const CommandLine& line) {
  SLUICE_ASSIGN_OR_RETURN(const Config config, LoadHomeToAsk(line.home));
  SLUICE_ASSIGN_OR_RETURN(const std::string answer, TellNode(config, line.home, "/v1/sinks/command",
                                                             R"({"all":true,"command":"repair"})"));
  SLUICE_ASSIGN_OR_RETURN(const Json repaired, ParseObject("the answer", answer));
  const TimePoint give_up_at = Now() + kPatience;
  size_t failed = 0;
  Json sinks = Json::array();
  for (const Json& one : repaired["sinks"]) {
    const std::string name = one["name"];
    if (!one["error"].is_null()) {
      ++failed;
      if (!line.json) Print("{}: {}\n", name, one["error"].get<std::string>());
      sinks.push_back(one);
      continue;
    }
    Progress progress = Progress::kUnderWay;
    SLUICE_ASSIGN_OR_RETURN(const Json sink,
                            Watch(config, line, name, SinkCommand::kRepair, give_up_at, &progress));
    const std::string cause = sink.empty() ? "" : CauseOf(sink);
    failed += progress == Progress::kDone ? 0 : 1;
    if (!line.json) {
      Print("{}: {}{}{}\n", name, SinkStateText(sink.dump()), cause.empty() ? "" : ": ", cause);
    }
    sinks.push_back({{"name", name}, {"error", nullptr}, {"sink", sink}});
  }
  if (line.json) Print("{}\n", Json{{"sinks", sinks}}.dump(2));
  if (sinks.empty() && !line.json) Print("no sink is broken\n");
  if (failed == 0) return Status::Ok();
  return Status(StatusCode::kFailed, fmt::format("{} sinks were not repaired, see above", failed));
}

Status RunShow(const CommandLine& line) {
  SLUICE_ASSIGN_OR_RETURN(const Config config, LoadHomeToAsk(line.home));
  SLUICE_ASSIGN_OR_RETURN(const Json document, Document(config, line.home));
  const Json* sink = FindSink(document, line.sink);
  if (sink == nullptr) return NoSuchSink(document, line.sink);
  Print("{}", line.json ? sink->dump(2) + "\n" : SinkJsonToText(sink->dump()));
  return Status::Ok();
}

Status RunList(const CommandLine& line) {
  SLUICE_ASSIGN_OR_RETURN(const Config config, LoadHomeToAsk(line.home));
  SLUICE_ASSIGN_OR_RETURN(const Json document, Document(config, line.home));
  Print("{}", line.json ? document["sinks"].dump(2) + "\n" : SinkTable(document["sinks"].dump()));
  return Status::Ok();
}

int Ended(const Status& status) { return status.ok() ? kExitDone : Fail(status); }

}  // namespace

int RunSinkList(const CommandLine& line) { return Ended(RunList(line)); }
int RunSinkShow(const CommandLine& line) { return Ended(RunShow(line)); }
int RunSinkCommand(const CommandLine& line) {
  const bool all = line.all;
  if (all == !line.sink.empty()) {
    return Fail(
        Status(StatusCode::kConfiguration,
               "sink repair: name one sink, or say --all: see `sluice sink repair --help`"));
  }
  return Ended(all ? RunRepairAll(line) : Run(line));
}

}  // namespace sluice
