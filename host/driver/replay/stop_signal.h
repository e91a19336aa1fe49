// SPDX-License-Identifier: Apache-2.0
//
// A stop request that a thread can poll for beside its input.
// Threading: any thread.
#pragma once

#include <atomic>

namespace sluice {

class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  void Set();
  bool is_set() const { return set_.load(std::memory_order_acquire); }
  // Readable, for poll(2), once Set was called.
  int fd() const { return fd_; }

 private:
  const int fd_;
  std::atomic<bool> set_{false};
};

}  // namespace sluice
