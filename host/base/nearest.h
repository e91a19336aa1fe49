// SPDX-License-Identifier: Apache-2.0
//
// The known name that a mistyped one most likely means: a key, a sink, a store.
// Threading: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

// Insertions, deletions, replacements and swaps of neighbours that turn one text into the other
// (optimal string alignment), in bytes.
size_t EditDistance(std::string_view a, std::string_view b);

// The nearest of `known`, where it is near enough to be meant: at most 2 edits, or a third of the
// longer text. Empty where none is. Of equally near ones the first wins.
std::string NearestName(std::string_view name, const std::vector<std::string>& known);

}  // namespace sluice
