// SPDX-License-Identifier: Apache-2.0
//
// From configuration to what the parts take: libraries loaded, settings checked against the
// plugins' own schemas, the policy resolved. Used by the node at start and by `sluice config
// check`. Threading: one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "commit/pipeline.h"
#include "config/config.h"
#include "config/problem.h"
#include "lifecycle/sink_loop.h"
#include "plugin/plugin_library.h"
#include "store/database.h"

namespace sluice {

// One configured sink, ready to be started, or why it cannot be.
struct PreparedSink {
  SinkSettings settings;
  std::shared_ptr<PluginLibrary> library;  // nothing where it could not be loaded
  std::string plugin;                      // as configured
  bool enabled = true;
  Status load_error;
};

struct PreparedNode {
  std::vector<PreparedSink> sinks;
  Policy policy;
  std::vector<PolicySink> policy_sinks;
  // Everything that is wrong with the configuration once plugins and policy are known.
  std::vector<Problem> problems;
};

// Loads what the configuration names, and nothing else.
PreparedNode PrepareNode(const Config& config, PluginLoader* loader);

DatabaseOptions MakeDatabaseOptions(const Config& config, const std::string& home);
PipelineSettings MakePipelineSettings(const Config& config, Policy policy);

}  // namespace sluice
