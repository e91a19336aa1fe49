// SPDX-License-Identifier: Apache-2.0
//
// Exit codes of the `sluice` command, and the one place that derives them.
#pragma once

#include "base/status.h"

namespace sluice {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;         // failed at run time
inline constexpr int kExitConfiguration = 2;  // usage or configuration
inline constexpr int kExitPlugin = 3;         // a plugin could not be loaded or started
inline constexpr int kExitHalted = 75;        // halted by the ack policy; may be started again

int ExitCode(const Status& status);

// Prints "sluice: <message>" to standard error, each line of the message with the prefix, and
// returns the exit code.
int Fail(const Status& status);

}  // namespace sluice
