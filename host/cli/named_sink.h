// SPDX-License-Identifier: Apache-2.0
//
// One sink of a home, named on the command line: its plugin loaded, its settings checked and
// completed. What `verify` and `sink provision` begin with. Threading: one thread; loads plugin
// libraries, which runs code of them.
#pragma once

#include <string>

#include "base/status.h"
#include "config/config.h"
#include "node/node_setup.h"

namespace sluice {

struct NamedSink {
  Config config;
  PreparedSink sink;  // with its library
};

// kConfiguration for an unknown name and for settings that do not check; kPlugin where the plugin
// cannot be loaded. A sink that is switched off is loaded too.
Result<NamedSink> LoadNamedSink(const std::string& home, const std::string& name);

}  // namespace sluice
