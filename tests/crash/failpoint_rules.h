// SPDX-License-Identifier: Apache-2.0
//
// What sluice-failpoints does at the named places of the code, as the environment says:
//
//   SLUICE_FAILPOINT="<name>[@<height>][#<n>]:<kill|pause>[,…]"
//   SLUICE_FAILPOINT_LOG=<file>
//
// A rule acts at the n-th hit (default: the first) of its name, and of its height where one is
// given. `kill` is SIGKILL: no destructor, no handler, no buffer survives it. `pause` stops the
// thread that came there for ever, and writes "paused at <name> <height>" to standard error first.
// The log gets a line "<name> <height>" for each hit, before any rule acts.
//
// Threading: Install() before other threads start; the handler from any thread.
#pragma once

namespace sluice {

// Ends the program with 125 where the environment cannot be read as above: a test that thinks it
// kills and does not would prove nothing. Does nothing where neither variable is set.
void InstallFailpointRules();

}  // namespace sluice
