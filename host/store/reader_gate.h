// SPDX-License-Identifier: Apache-2.0
//
// Lets readers in while the database is open, and keeps them out while it is opened again.
//
// No std::shared_mutex: a reader may come in again while it is in (a Get beside an open iterator),
// also when somebody waits to close, and may leave on another thread than it entered on. So who
// comes while somebody waits to close may be such a reader, for whom waiting would be a deadlock:
// it is held back for a moment, so that readers that only follow one another do not keep the gate
// open for ever, and then let in. Once nobody is in, nobody comes in.
//
// Threading: any thread; one closes at a time.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

namespace sluice {

class ReaderGate {
 public:
  // Waits while the gate is closed.
  void Enter() {
    bool held_back = false;
    uint64_t state = state_.load(std::memory_order_relaxed);
    while (true) {
      if (state == kClosing) {
        state_.wait(kClosing);
        state = state_.load(std::memory_order_relaxed);
      } else if ((state & kClosing) != 0 && !held_back) {
        held_back = true;
        std::this_thread::sleep_for(kHoldBack);
        state = state_.load(std::memory_order_relaxed);
      } else if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire,
                                              std::memory_order_relaxed)) {
        return;
      }
    }
  }
  void Leave() {
    if (state_.fetch_sub(1, std::memory_order_release) - 1 == kClosing) state_.notify_all();
  }

  // Waits until nobody is in, and closes.
  void Close() {
    uint64_t state = state_.fetch_or(kClosing, std::memory_order_acquire) | kClosing;
    while (state != kClosing) {
      state_.wait(state);
      state = state_.load(std::memory_order_acquire);
    }
  }
  void Open() {
    state_.store(0, std::memory_order_release);
    state_.notify_all();
  }

 private:
  // Somebody closes; alone: closed. The other bits count the readers that are in.
  static constexpr uint64_t kClosing = uint64_t{1} << 63U;
  // A read takes less; a reader that is in and comes in again loses no more than this each time.
  static constexpr std::chrono::milliseconds kHoldBack{1};

  std::atomic<uint64_t> state_{0};
};

}  // namespace sluice
