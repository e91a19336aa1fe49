// SPDX-License-Identifier: Apache-2.0
//
// Progress of a run, on standard error: a bar that updates in place on a terminal, a plain line
// every few seconds otherwise. Threading: a thread of its own, from construction to destruction.
// Borrows driver and node.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.h"
#include "driver/driver.h"
#include "node/node.h"

namespace sluice {

// "[######........]"
std::string ProgressBar(double fraction);

class Progress {
 public:
  Progress(bool shown, const Driver* driver, const Node* node);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

 private:
  void Run();
  std::string Line(TimePoint now) const;

  const Driver* const driver_;
  const Node* const node_;
  const bool terminal_;
  const TimePoint started_at_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace sluice
