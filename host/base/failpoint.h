// SPDX-License-Identifier: Apache-2.0
//
// Named places in the code at which a test may act: stop, kill the process, return an error.
//
// The hooks are in the objects of every build and cost one relaxed load where nobody listens. Only
// the test executable sluice-failpoints installs a handler; the shipped `sluice` never does.
//
// Threading: Failpoint() from any thread; SetFailpointHandler before other threads start.
#pragma once

#include <atomic>
#include <cstdint>

namespace sluice {

// `name`: "<folder>.<step>.<before|after>", e.g. "commit.s1.before". `height`: the height at hand,
// or 0.
using FailpointHandler = void (*)(const char* name, uint64_t height);

extern std::atomic<FailpointHandler> g_failpoint_handler;

inline void SetFailpointHandler(FailpointHandler handler) {
  g_failpoint_handler.store(handler, std::memory_order_release);
}

inline void Failpoint(const char* name, uint64_t height = 0) {
  FailpointHandler handler = g_failpoint_handler.load(std::memory_order_relaxed);
  if (handler != nullptr) [[unlikely]]
    handler(name, height);
}

}  // namespace sluice
