// SPDX-License-Identifier: Apache-2.0
//
// Readback over the plugin's extension sluice.readback/1, on an instance of its own that is created
// and never started. Threading: one thread. Ownership: owns the cursor and the instance.
#pragma once

#include <memory>

#include "plugin/raw_instance.h"
#include "plugin/readback.h"

namespace sluice {

// kUnsupported where the plugin has no such extension; else what `open` answered, with its text.
Result<std::unique_ptr<Readback>> OpenReadbackCursor(const sluice_plugin* library,
                                                     const PluginIdentity& identity,
                                                     const ReadbackArgs& args);

}  // namespace sluice
