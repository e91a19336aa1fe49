// SPDX-License-Identifier: Apache-2.0
//
// One value against one row of the property table.
// Threading: pure functions.
#pragma once

#include <string>
#include <vector>

#include "config/problem.h"
#include "config/properties.h"
#include "config/tree.h"

namespace sluice {

// The value in the form that the row's type has once checked (checker.h), its place and marks kept.
// Returns false and adds problems where it does not fit; `key` is its full path.
bool CheckValue(const Property& property, const ConfigNode& in, const std::string& key,
                ConfigNode* out, std::vector<Problem>* problems);

// The row's default, checked; kNull where the row has none.
ConfigNode DefaultValue(const Property& property);

}  // namespace sluice
