// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/checked_config.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/run_command.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

Json ToJson(const std::vector<Problem>& problems) {
  Json out = Json::array();
  for (const Problem& problem : problems) {
    out.push_back({{"file", problem.file},
                   {"line", problem.line},
                   {"column", problem.column},
                   {"key", problem.key},
                   {"text", problem.text},
                   {"nearest", problem.nearest}});
  }
  return out;
}

std::string ToJson(const CheckedConfig& checked) {
  Json plugins = Json::array();
  for (const PreparedSink* sink : checked.unloadable()) {
    plugins.push_back({{"sink", sink->settings.name.str()},
                       {"plugin", sink->plugin},
                       {"text", sink->load_error.message()}});
  }
  const bool ok = checked.problems.empty() && plugins.empty();
  const Json out = {{"ok", ok},
                    {"file", checked.loaded.file.string()},
                    {"policy_text", checked.policy_text},
                    {"problems", ToJson(checked.problems)},
                    {"warnings", ToJson(checked.loaded.warnings)},
                    {"plugins", std::move(plugins)}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

int RunConfigCheck(const CommandLine& line) {
  const CheckedConfig checked = CheckHomeConfig(line.home);
  const std::vector<const PreparedSink*> unloadable = checked.unloadable();
  const int exit_code = !checked.problems.empty() ? kExitConfiguration
                        : !unloadable.empty()     ? kExitPlugin
                                                  : kExitDone;
  if (line.json) {
    PrintBytes(ToJson(checked));
    return exit_code;
  }
  for (const Problem& warning : checked.loaded.warnings) {
    std::fprintf(stderr, "sluice: warning: %s\n", warning.ToString().c_str());
  }
  for (const Problem& problem : checked.problems) {
    std::fprintf(stderr, "sluice: %s\n", problem.ToString().c_str());
  }
  for (const PreparedSink* sink : unloadable) {
    std::fprintf(stderr, "sluice: %s\n", sink->load_error.message().c_str());
  }
  if (exit_code == kExitDone) {
    Print("{}: ok\n{}\n", checked.loaded.file.string(), checked.policy_text);
  }
  return exit_code;
}

}  // namespace sluice
