// SPDX-License-Identifier: Apache-2.0
#include "cli/checked_config.h"

#include <algorithm>
#include <utility>

#include "cli/home.h"
#include "config/environment.h"
#include "config/listen_address.h"

namespace sluice {
namespace {

// Where nothing of the file could be read, all that follows from its emptiness is noise.
bool IsReadable(const LoadResult& loaded) {
  return !loaded.file.empty() &&
         std::none_of(loaded.problems.begin(), loaded.problems.end(),
                      [](const Problem& problem) { return problem.key.empty(); });
}

// Whether what the file means as a sink was not taken for one: what the policy then says of sinks
// is a consequence.
bool LacksSinks(const std::vector<Problem>& problems) {
  return std::any_of(problems.begin(), problems.end(), [](const Problem& problem) {
    const bool is_name =
        problem.key.starts_with("sinks.") &&
        problem.key.find('.', std::string_view("sinks.").size()) == std::string::npos;
    return problem.nearest == "sinks" || is_name;
  });
}

// What the node would say at start about the address where it listens.
void CheckAdmin(const LoadResult& loaded, const std::string& home, std::vector<Problem>* problems) {
  Result<ListenAddress> address = ParseListenAddress(loaded.config.admin.listen, home);
  if (!address) return;  // a problem of the file already
  Status status = CheckUnixPathLength(*address);
  if (status.ok()) return;
  SourcePosition at;
  for (const EffectiveValue& value : loaded.effective) {
    if (value.path == "admin.listen" && value.origin != "default") at.file = value.origin;
  }
  problems->push_back(MakeProblem(at, "admin.listen", status.message()));
}

}  // namespace

std::vector<const PreparedSink*> CheckedConfig::unloadable() const {
  std::vector<const PreparedSink*> sinks;
  for (const PreparedSink& sink : prepared.sinks) {
    if (!sink.load_error.ok()) sinks.push_back(&sink);
  }
  return sinks;
}

CheckedConfig CheckHomeConfig(const std::string& home) {
  CheckedConfig checked;
  checked.loaded = LoadConfig(home, ProcessEnvironment());
  checked.problems = checked.loaded.problems;
  if (!IsReadable(checked.loaded)) return checked;
  const Config& config = checked.loaded.config;
  const std::vector<std::string> folders = PluginFolders(config, home);
  PluginLoader loader({folders.begin(), folders.end()});
  checked.prepared = PrepareNode(config, &loader);
  const bool lacks_sinks = LacksSinks(checked.loaded.problems);
  for (const Problem& problem : checked.prepared.problems) {
    if (lacks_sinks && problem.key == "commit.policy") continue;
    checked.problems.push_back(problem);
  }
  CheckAdmin(checked.loaded, home, &checked.problems);
  SortAndDeduplicate(&checked.problems);
  if (checked.problems.empty()) {
    checked.policy_text =
        DescribePolicy(checked.prepared.policy, checked.prepared.policy_sinks, config.commit.level);
  }
  return checked;
}

}  // namespace sluice
