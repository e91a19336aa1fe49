// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "cli/checked_config.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/run_command.h"
#include "config/effective.h"
#include "config/json_tree.h"

namespace sluice {
namespace {

constexpr char kHidden[] = "not shown: the plugin cannot be loaded to say which are secret";

// Which of a plugin's settings are secret is known by the plugin only.
void MaskPluginSettings(const PreparedSink& sink, std::vector<EffectiveValue>* values) {
  const std::string path = "sinks." + sink.settings.name.str() + ".settings";
  for (EffectiveValue& value : *values) {
    if (value.path != path) continue;
    Result<ConfigNode> masked = FromJson(sink.settings.masked_settings_json);
    value.node = sink.library && masked ? std::move(*masked) : ConfigNode::String(kHidden);
    value.text = ToTomlValue(value.node);
  }
}

}  // namespace

int RunConfigShow(const CommandLine& line) {
  CheckedConfig checked = CheckHomeConfig(line.home);
  if (!checked.problems.empty()) {
    return Fail(Status(StatusCode::kConfiguration, FormatProblems(checked.problems)));
  }
  std::vector<EffectiveValue>& values = checked.loaded.effective;
  for (const PreparedSink& sink : checked.prepared.sinks) MaskPluginSettings(sink, &values);
  if (line.json) {
    auto out = nlohmann::ordered_json::parse(EffectiveJson(values), nullptr, false);
    out["file"] = checked.loaded.file.string();
    out["policy_text"] = checked.policy_text;
    PrintBytes(out.dump(2) + "\n");
  } else {
    Print("# {}\n# {}\n\n{}", checked.loaded.file.string(), checked.policy_text,
          EffectiveText(values));
  }
  return kExitDone;
}

}  // namespace sluice
