// SPDX-License-Identifier: Apache-2.0
#include "contract/kill_in.h"

#include <chrono>
#include <thread>

#include "base/clock.h"
#include "contract/child.h"

namespace sluice::contract {

void KillIn(const std::function<void()>& call, int place, std::atomic<int64_t>* nanos) {
  std::atomic<bool> entered{false};
  std::thread killer;
  if (place < kKillPlaces) {
    const Duration after(*nanos * place / kKillPlaces);
    killer = std::thread([&entered, after] {
      while (!entered.load()) {
      }
      const TimePoint until = Now() + after;
      while (Now() < until) {
      }
      KillSelf();
    });
  }
  const TimePoint began = Now();
  entered = true;
  call();
  *nanos = std::chrono::nanoseconds(Now() - began).count();
  KillSelf();
}

}  // namespace sluice::contract
