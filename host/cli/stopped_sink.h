// SPDX-License-Identifier: Apache-2.0
//
// What can be told of a sink on a home whose node does not run: a node whose policy needs a sink
// that is foreign to it, or that was suspended by command, ends before anybody could tell it
// something.
//
// Threading: one thread; loads the sink's plugin, and TakeOverStopped reads from the sink.
#pragma once

#include <string>

#include "base/status.h"
#include "base/types.h"

namespace sluice {

struct TakenOver {
  Epoch seen;   // by the sink
  Epoch epoch;  // of the home from now on
};

// Asks the sink, through its readback, which epoch it has seen, and raises the home's to it, so
// that every instance from the next start on is above it. kConfiguration: no such sink, or its
// plugin cannot be asked; kInvalid: the sink holds another stream; kLocked: a node runs.
Result<TakenOver> TakeOverStopped(const std::string& home, const std::string& sink);

// Takes `sluice sink suspend` back. False: it was not suspended by command. kConfiguration: no such
// sink; kLocked: a node runs; kCorruption: its record cannot be read.
Result<bool> ResumeStopped(const std::string& home, const std::string& sink);

// Has the next start try the sink at once, whatever lifecycle.recover_on_start says. False: it was
// not broken.
Result<bool> RepairStopped(const std::string& home, const std::string& sink);

// Has the next start make the sink empty before it begins with it. False: it is to be already.
Result<bool> ResetStopped(const std::string& home, const std::string& sink);

// Has the next start replace what the sink holds by a copy of the state. False: the home has no
// record of the sink: it has never been started with it.
Result<bool> SnapshotStopped(const std::string& home, const std::string& sink);

}  // namespace sluice
