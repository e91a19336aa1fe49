// SPDX-License-Identifier: Apache-2.0
//
// SIGTERM and SIGINT: the first asks for an orderly stop, a second one ends the process at once.
//
// Signals are blocked in every thread and taken by one thread of this class, so the stop function
// runs as ordinary code, not in a signal handler. Threading: construct before any other thread
// starts. Lifetime: `on_stop` must outlive it.
#pragma once

#include <functional>
#include <thread>

namespace sluice {

class SignalStop {
 public:
  explicit SignalStop(std::function<void()> on_stop);
  ~SignalStop();
  SignalStop(const SignalStop&) = delete;
  SignalStop& operator=(const SignalStop&) = delete;

 private:
  void Run();

  std::function<void()> on_stop_;
  int wake_fd_ = -1;  // written to by the destructor
  int signal_fd_ = -1;
  std::thread thread_;
};

}  // namespace sluice
