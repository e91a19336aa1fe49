// SPDX-License-Identifier: Apache-2.0
//
// Where a node stands, in one line: what `systemctl status` shows. Threading: pure functions.
#pragma once

#include <string>

#include "node/node_status.h"

namespace sluice {

// "height 812, 2 of 3 sinks live; warehouse repairing (connection refused)". `starting`: it does
// not take blocks yet. Without control characters, at most some 200 bytes.
std::string StatusLine(const NodeStatus& status, bool starting);

}  // namespace sluice
