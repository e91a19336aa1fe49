// SPDX-License-Identifier: Apache-2.0
//
// A process that ends itself by SIGKILL in the middle of a call, at several places of it.
// Threading: the check's; the kill comes from a thread of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

namespace sluice::contract {

// In the middle of a call: at i/kKillPlaces of the time that it takes.
inline constexpr int kKillPlaces = 6;

// Runs `call`, and ends this process when the share `place` of the time that it took before is
// over; at the latest when it returns. Place 0: at once; kKillPlaces: after it, with the time that
// it took left in *nanos, which processes share.
void KillIn(const std::function<void()>& call, int place, std::atomic<int64_t>* nanos);

}  // namespace sluice::contract
