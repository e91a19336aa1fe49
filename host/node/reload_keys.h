// SPDX-License-Identifier: Apache-2.0
//
// Which keys of a configuration a reload finds changed, and what can be done about them while the
// node runs. Threading: pure functions.
#pragma once

#include <string>
#include <vector>

#include "config/effective.h"

namespace sluice {

// Keys with other values, or that are in one of the two only, in order. Secrets are masked in both:
// another secret is no difference here.
std::vector<std::string> DifferingKeys(const std::vector<EffectiveValue>& before,
                                       const std::vector<EffectiveValue>& after);

// What decides when a block commits; in force from the next undecided height on.
bool IsOfThePolicy(const std::string& key);
// Looked at only at start. Sinks and the policy are not among these; limits of the lifecycle are
// those of a sink's next instance.
bool NeedsRestart(const std::string& key);

}  // namespace sluice
