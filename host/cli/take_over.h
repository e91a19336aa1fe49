// SPDX-License-Identifier: Apache-2.0
//
// `sluice sink repair --take-over NAME` on a home whose node does not run: a node whose policy
// needs a sink that is foreign to it ends before anybody could tell it something. Threading: one
// thread; loads the sink's plugin and reads from the sink.
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

}  // namespace sluice
