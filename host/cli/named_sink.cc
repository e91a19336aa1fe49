// SPDX-License-Identifier: Apache-2.0
#include "cli/named_sink.h"

#include <utility>
#include <vector>

#include "cli/home.h"
#include "cli/read_home.h"

namespace sluice {
namespace {

Result<PreparedSink> Find(const PreparedNode& node, const std::string& name) {
  std::vector<std::string> known;
  for (const PreparedSink& sink : node.sinks) {
    if (sink.settings.name.str() == name) return sink;
    known.push_back(sink.settings.name.str());
  }
  return Error(UnknownName("sink", name, known));
}

}  // namespace

Result<NamedSink> LoadNamedSink(const std::string& home, const std::string& name) {
  SLUICE_ASSIGN_OR_RETURN(Config config, LoadHomeToRead(home));
  for (SinkConfig& sink : config.sinks) {
    if (sink.name.str() == name) sink.enabled = true;
  }
  const std::vector<std::string> folders = PluginFolders(config, home);
  PluginLoader loader({folders.begin(), folders.end()});
  const PreparedNode node = PrepareNode(config, &loader);
  SLUICE_ASSIGN_OR_RETURN(PreparedSink sink, Find(node, name));
  if (!sink.load_error.ok()) return Error(sink.load_error);
  if (!sink.library) return Error(StatusCode::kConfiguration, FormatProblems(node.problems));
  return NamedSink{std::move(config), std::move(sink)};
}

}  // namespace sluice
