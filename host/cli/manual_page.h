// SPDX-License-Identifier: Apache-2.0
//
// The manual page of the `sluice` command, sluice(1), made of its own tree of commands.
// Threading: pure functions.
#pragma once

#include <string>

#include "cli/command_shape.h"

namespace sluice {

// In man's macros.
std::string ManualPage(const CommandShape& root);

}  // namespace sluice
