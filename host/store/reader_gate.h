// SPDX-License-Identifier: Apache-2.0
//
// Lets readers in while the database is open, and keeps them out while it is opened again.
//
// No std::shared_mutex: a reader may come in again while it is in (a Get beside an open iterator),
// also when somebody waits to close, and may leave on another thread than it entered on.
//
// Threading: any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace sluice {

class ReaderGate {
 public:
  // Waits while the gate is closed.
  void Enter() {
    int64_t readers = readers_.load(std::memory_order_relaxed);
    while (true) {
      if (readers == kClosed) {
        readers_.wait(kClosed);
        readers = readers_.load(std::memory_order_relaxed);
      } else if (readers_.compare_exchange_weak(readers, readers + 1, std::memory_order_acquire,
                                                std::memory_order_relaxed)) {
        return;
      }
    }
  }
  void Leave() {
    if (readers_.fetch_sub(1, std::memory_order_release) == 1) readers_.notify_all();
  }

  // Waits until nobody is in, and closes.
  void Close() {
    int64_t readers = 0;
    while (!readers_.compare_exchange_strong(readers, kClosed, std::memory_order_acquire,
                                             std::memory_order_relaxed)) {
      if (readers != 0) readers_.wait(readers);
      readers = 0;
    }
  }
  void Open() {
    readers_.store(0, std::memory_order_release);
    readers_.notify_all();
  }

 private:
  static constexpr int64_t kClosed = -1;
  std::atomic<int64_t> readers_{0};
};

}  // namespace sluice
