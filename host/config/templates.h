// SPDX-License-Identifier: Apache-2.0
//
// Templates: a sink clones its template and lays its own keys over it. Maps (settings, retry) are
// merged key by key at every depth; anything else is replaced as a whole.
// Threading: pure function.
#pragma once

#include <vector>

#include "config/problem.h"
#include "config/tree.h"

namespace sluice {

// Rewrites the sinks of `root`; inherited nodes remember the template they come from. Adds a
// problem for each template that does not exist.
void ApplyTemplates(ConfigNode* root, std::vector<Problem>* problems);

}  // namespace sluice
