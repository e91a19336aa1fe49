// SPDX-License-Identifier: Apache-2.0
//
// TOML 1.0 into the neutral tree. The only place that sees toml++.
// Threading: pure function.
#pragma once

#include <string_view>

#include "base/status.h"
#include "config/problem.h"
#include "config/tree.h"

namespace sluice {

// The tree of `text`, members in the order of the file. `file` is the name shown in positions.
// Error: the first syntax error (duplicate keys are one), as a problem with its place.
tl::expected<ConfigNode, Problem> ReadToml(std::string_view text, std::string_view file);

}  // namespace sluice
