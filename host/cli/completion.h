// SPDX-License-Identifier: Apache-2.0
//
// Scripts by which a shell completes the `sluice` command, made of its own tree of commands, so
// that they know what this program knows. Threading: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "cli/command_shape.h"

namespace sluice {

// `shell`: bash, zsh or fish.
std::string CompletionScript(std::string_view shell, const CommandShape& root);

}  // namespace sluice
