// SPDX-License-Identifier: Apache-2.0
//
// What the status page draws: height, and how long heights took, second by second over the last
// minutes. Threading: takes its samples on a thread of its own, from construction to destruction;
// Json from any.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/latency_histogram.h"
#include "base/types.h"

namespace sluice {

class StatusHistory {
 public:
  static constexpr size_t kSamplesMax = 300;

  // What a sample is taken of; sums since the node started.
  struct Totals {
    Height height;
    LatencyHistogram::Totals commit;  // sealed to committed
    LatencyHistogram::Totals gate;    // delivered to let through
  };

  // `read` is called once an `interval`, on the thread of the samples; it must not block.
  StatusHistory(std::function<Totals()> read, Duration interval = std::chrono::seconds(1));
  ~StatusHistory();
  StatusHistory(const StatusHistory&) = delete;
  StatusHistory& operator=(const StatusHistory&) = delete;

  // {"interval_seconds":1,"samples":[{"time","height","blocks","commit_seconds","gate_seconds"}]},
  // the oldest first: blocks committed since the sample before, and their means; null without any.
  std::string Json() const;

 private:
  struct Sample {
    int64_t time_unix_nanos = 0;
    Height height;
    uint64_t blocks = 0;
    double commit_seconds = -1;  // below 0: none
    double gate_seconds = -1;
  };

  void Run();
  void Take(const Totals& before, const Totals& now);

  const std::function<Totals()> read_;
  const Duration interval_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;       // guarded by mutex_
  std::deque<Sample> samples_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace sluice
