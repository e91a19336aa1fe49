// SPDX-License-Identifier: Apache-2.0
//
// Makes a wait for the server end early: a flag, and a descriptor that poll can watch beside the
// socket. Threading: Raise on any thread; all else on the thread that makes the calls.
// Ownership: the descriptor.
#pragma once

#include <atomic>

namespace sluice_postgres {

class Wakeup {
 public:
  Wakeup() = default;
  ~Wakeup();
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  // Makes the descriptor, where there is none yet. False where the system has none left.
  bool Open();
  int descriptor() const { return descriptor_.load(); }
  void Raise();
  // Whether it was raised since the last time that this said so.
  bool Take();

 private:
  std::atomic<bool> raised_{false};
  std::atomic<int> descriptor_{-1};
};

}  // namespace sluice_postgres
