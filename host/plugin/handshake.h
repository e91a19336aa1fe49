// SPDX-License-Identifier: Apache-2.0
//
// Whether host and plugin understand each other: pure checks of the tables that a plugin gives.
// Threading: pure functions. Texts name no file and end with what to do.
#pragma once

#include <string>

#include "base/status.h"
#include "plugin/plugin_library.h"
#include "sluice/plugin.h"

namespace sluice {

// What the plugin says of itself; path and sha256 are left empty. kPlugin where the table cannot be
// used.
Result<PluginIdentity> CheckPluginTable(const sluice_plugin* table);

// kPlugin where an instance table is too short or lacks a mandatory function.
Status CheckInstanceTable(const sluice_instance* table);

}  // namespace sluice
