// SPDX-License-Identifier: Apache-2.0
//
// Environment overrides: SLUICE_COMMIT__ACK_TIMEOUT=5s sets commit.ack_timeout, two underscores a
// level. Names are compared without case, and "-" counts as "_", so SLUICE_SINKS__KAFKA_EU__ACK
// means the sink kafka-eu. A list is JSON or separated by commas, a table is JSON; one key of a
// table is SLUICE_SINKS__AUDIT__SETTINGS__PATH. SLUICE_HOME, SLUICE_TEST_… and SLUICE_FAILPOINT…
// are no overrides, nor is any name without two underscores. Threading: pure functions;
// ProcessEnvironment reads the process's environment.
#pragma once

#include <vector>

#include "config/problem.h"
#include "config/properties.h"
#include "config/references.h"
#include "config/tree.h"

namespace sluice {

// A copy of the environment of this process.
Environment ProcessEnvironment();

// Puts the overrides into the tree, before templates are applied. Problems: an override that names
// no key, no sink. Warnings: a name that would be an override with two underscores.
void ApplyEnvironment(const PropertyTable& table, const Environment& environment, ConfigNode* root,
                      std::vector<Problem>* problems, std::vector<Problem>* warnings);

// "SLUICE_COMMIT__ACK_TIMEOUT" for "commit.ack_timeout".
std::string OverrideName(std::string_view path);

}  // namespace sluice
