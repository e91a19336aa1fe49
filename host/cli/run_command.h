// SPDX-License-Identifier: Apache-2.0
//
// The commands, one function and one source file each. Every one prints what was asked for to
// standard output, everything else to standard error, and returns the process's exit code.
// Threading: the main thread.
#pragma once

#include "cli/command_line.h"

namespace sluice {

int RunCommand(const CommandLine& line);

int RunInit(const CommandLine& line);
int RunStart(const CommandLine& line);
int RunReplay(const CommandLine& line);

}  // namespace sluice
