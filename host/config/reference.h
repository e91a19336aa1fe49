// SPDX-License-Identifier: Apache-2.0
//
// The configuration reference, from the property table. docs/configuration.md is its Markdown, and
// a test fails where the two differ. Threading: pure functions.
#pragma once

#include <string>

#include "config/properties.h"

namespace sluice {

// The whole of docs/configuration.md.
std::string ReferenceMarkdown(const PropertyTable& table);

// [{"key":…,"type":…,"default":…,"min":…,"max":…,"values":[…],"description":…,"secret":…,
//   "not_yet_available":[…],"environment":…}], indented.
std::string ReferenceJson(const PropertyTable& table);

}  // namespace sluice
