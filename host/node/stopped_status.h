// SPDX-License-Identifier: Apache-2.0
//
// The status document of a home whose node does not run: what its configuration and its database
// say. No plugin is loaded for it: a status must not depend on code that may be what is broken, so
// the sinks' settings, whose secrets only the plugin can name, are left out.
// Threading: reads the database; one thread.
#pragma once

#include "base/status.h"
#include "config/config.h"
#include "node/node_status.h"
#include "store/database.h"

namespace sluice {

// `database` is null where the node has never been started.
Result<NodeStatus> StoppedStatus(const Config& config, const Database* database);

}  // namespace sluice
