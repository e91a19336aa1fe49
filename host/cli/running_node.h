// SPDX-License-Identifier: Apache-2.0
//
// Runs a node from start to stop around one driver: what `start` and `replay` share.
// Threading: Run on the main thread; the node runs its own threads.
#pragma once

#include <functional>

#include "base/status.h"
#include "driver/driver.h"
#include "node/node.h"

namespace sluice {

struct RunPlan {
  NodeOptions options;
  Driver* driver = nullptr;
  // `replay`: end only when all sinks are level; after bad input, when they have what came before
  // it, within lifecycle.drain_timeout.
  bool wait_for_sinks = false;
  bool show_progress = false;
  bool take_hang_ups = false;  // `start`: SIGHUP opens the log file anew instead of ending it
  // Called while the node is still open, after a run without error.
  std::function<void(const Node&)> on_done;
};

// The first error in the order of events, or OK. Ends the process where a sink hung and cannot be
// waited for.
Status RunNode(RunPlan plan);

}  // namespace sluice
