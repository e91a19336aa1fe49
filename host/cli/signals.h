// SPDX-License-Identifier: Apache-2.0
//
// SIGTERM and SIGINT: the first asks for an orderly stop, a second one ends the process at once.
// SIGHUP: something outside has changed, such as a log file that was renamed.
//
// Signals are blocked in every thread and taken by one thread of this class, so the stop function
// runs as ordinary code, not in a signal handler. Threading: construct before any other thread
// starts. Lifetime: what the functions use must outlive it.
#pragma once

#include <functional>
#include <thread>

namespace sluice {

class SignalStop {
 public:
  // Both are called on the thread of this class and must not wait for long. Without `on_hang_up`,
  // SIGHUP does what it does to any process: it ends it.
  explicit SignalStop(std::function<void()> on_stop, std::function<void()> on_hang_up = nullptr);
  ~SignalStop();
  SignalStop(const SignalStop&) = delete;
  SignalStop& operator=(const SignalStop&) = delete;

 private:
  void Run();

  const std::function<void()> on_stop_;
  const std::function<void()> on_hang_up_;
  int wake_fd_ = -1;  // written to by the destructor
  int signal_fd_ = -1;
  std::thread thread_;
};

}  // namespace sluice
