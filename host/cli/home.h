// SPDX-License-Identifier: Apache-2.0
//
// A home folder: its configuration loaded, and where plugins are found.
// Threading: one thread.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "config/load.h"
#include "node/node.h"

namespace sluice {

// kConfiguration where there is no configuration, or where it does not check: every problem on a
// line of its own. Warnings are printed to standard error. Logging is set up as [log] says.
Result<Config> LoadHome(const std::string& home);

// [plugins] dir below the home, then the plugin folder of this installation, found beside the
// executable
// (<prefix>/bin/sluice -> <prefix>/lib/sluice/plugins).
std::vector<std::string> PluginFolders(const Config& config, const std::string& home);

// The same, read again while the node runs: nothing is printed, and the log stays as it is.
LoadResult ReadHomeConfig(const std::string& home);

// What a node at this home needs.
Result<NodeOptions> LoadNodeOptions(const std::string& home);

}  // namespace sluice
