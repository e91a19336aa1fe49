// SPDX-License-Identifier: Apache-2.0
//
// YAML into the neutral tree. The only place that sees yaml-cpp.
//
// Plain scalars are typed by the core schema of YAML 1.2: null, true, false, integers, numbers; all
// else is text (so `no` is text, not false). Anchors and aliases work within one file; merge keys,
// tags of one's own, several documents and keys that are no text are errors, as is a key given
// twice, which yaml-cpp by itself would let pass. Threading: pure function.
#pragma once

#include <string_view>

#include "base/status.h"
#include "config/problem.h"
#include "config/tree.h"

namespace sluice {

// The tree of `text`, members in the order of the file; an empty file is an empty map. `file` is
// the name shown in positions. Error: the first syntax error or duplicate key, with its place.
tl::expected<ConfigNode, Problem> ReadYaml(std::string_view text, std::string_view file);

}  // namespace sluice
