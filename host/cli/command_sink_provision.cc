// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/exit_code.h"
#include "cli/named_sink.h"
#include "cli/output.h"
#include "cli/run_command.h"

namespace sluice {
namespace {

Result<std::string> Plan(const CommandLine& line) {
  SLUICE_ASSIGN_OR_RETURN(const NamedSink named, LoadNamedSink(line.home, line.sink));
  const SinkSettings& settings = named.sink.settings;
  StartArgs args;
  args.settings_json = settings.settings_json;
  args.stream_id = named.config.node.stream_id;
  args.sink = settings.name;
  args.home = line.home;
  args.deadline = settings.start_timeout;
  args.filter = settings.filter;
  // A plan names what it makes, also for a sink that gets all stores.
  if (args.filter.stores.empty()) args.filter.stores = named.config.stores.names;
  return named.sink.library->PlanProvision(args, settings.start_timeout + settings.stop_timeout);
}

}  // namespace

int RunSinkProvision(const CommandLine& line) {
  Result<std::string> plan = Plan(line);
  if (plan) {
    using Json = nlohmann::ordered_json;
    PrintBytes(line.json ? Json{{"sink", line.sink}, {"plan", *plan}}.dump() + "\n" : *plan);
    return kExitDone;
  }
  const StatusCode code = plan.error().code();
  if (code == StatusCode::kConfiguration || code == StatusCode::kPlugin) return Fail(plan.error());
  const Status status = plan.error().WithContext("sink provision: sink " + line.sink);
  // What was asked for cannot be had with these settings, or of this plugin.
  if (code == StatusCode::kUnsupported || code == StatusCode::kInvalid) {
    return Fail(Status(StatusCode::kConfiguration, status.message()));
  }
  const int exit_code = Fail(status);
  if (code == StatusCode::kTimeout) {
    // A thread still runs in the plugin: no destructor may run under it.
    fflush(nullptr);
    _exit(exit_code);
  }
  return exit_code;
}

}  // namespace sluice
