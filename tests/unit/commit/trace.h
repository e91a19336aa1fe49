// SPDX-License-Identifier: Apache-2.0
//
// What the fakes were asked to do, line by line, in the order in which it was done: a test waits
// for a line, and compares the order of all of them in the end.
// Threading: any thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

namespace sluice {

// How long a test waits for what must happen. Generous: it is only used up where the test fails.
inline constexpr std::chrono::seconds kPatience{60};

class Trace {
 public:
  void Add(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
    changed_.notify_all();
  }
  // False where it has not come within kPatience.
  bool WaitFor(const std::string& line) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return Count(line) > 0; });
  }
  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  bool Has(const std::string& line) const {
    const std::lock_guard lock(mutex_);
    return Count(line) > 0;
  }

 private:
  std::ptrdiff_t Count(const std::string& line) const {
    return std::count(lines_.begin(), lines_.end(), line);
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;  // guarded by mutex_
};

}  // namespace sluice
