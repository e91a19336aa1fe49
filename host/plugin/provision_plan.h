// SPDX-License-Identifier: Apache-2.0
//
// What a sink needs in the external system before it can start, as text for whoever administers
// it, through the plugin's extension sluice.provision/1.
//
// Threading: the caller waits; the plugin's calls are made on a thread of their own, so that one
// that never returns cannot keep the caller.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "plugin/plugin_library.h"
#include "sluice/plugin.h"

namespace sluice {

// On an instance of its own that is created and never started. `args.deadline` is the plugin's,
// `patience` how long is waited for all of its calls.
//
// kUnsupported where the plugin has no such extension; else what `plan` answered, with its text.
// kTimeout: a call has not returned and still runs; the process has then to end without running
// destructors.
Result<std::string> PlanSinkProvision(const sluice_plugin* library, const PluginIdentity& identity,
                                      const StartArgs& args, Duration patience);

}  // namespace sluice
