// SPDX-License-Identifier: Apache-2.0
#include "node/status_history.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"

namespace sluice {
namespace {

// The mean of what was recorded between two readings.
double MeanSince(const LatencyHistogram::Totals& before, const LatencyHistogram::Totals& now) {
  if (now.count <= before.count) return -1;
  return (now.sum_seconds - before.sum_seconds) / static_cast<double>(now.count - before.count);
}

nlohmann::ordered_json OrNull(double seconds) {
  return seconds < 0 ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(seconds);
}

}  // namespace

StatusHistory::StatusHistory(std::function<Totals()> read, Duration interval)
    : read_(std::move(read)), interval_(interval), thread_([this] { Run(); }) {}

StatusHistory::~StatusHistory() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void StatusHistory::Run() {
  Totals before = read_();
  TimePoint next = Now() + interval_;
  for (;; next += interval_) {
    {
      std::unique_lock lock(mutex_);
      if (changed_.wait_until(lock, next, [this] { return stopping_; })) return;
    }
    Totals now = read_();
    Take(before, now);
    before = std::move(now);
  }
}

void StatusHistory::Take(const Totals& before, const Totals& now) {
  Sample sample;
  sample.time_unix_nanos = WallNanos();
  sample.height = now.height;
  sample.blocks = now.height > before.height ? now.height - before.height : 0;
  sample.commit_seconds = MeanSince(before.commit, now.commit);
  sample.gate_seconds = MeanSince(before.gate, now.gate);
  std::lock_guard lock(mutex_);
  samples_.push_back(sample);
  if (samples_.size() > kSamplesMax) samples_.pop_front();
}

std::string StatusHistory::Json() const {
  nlohmann::ordered_json out;
  out["interval_seconds"] = std::chrono::duration<double>(interval_).count();
  out["samples"] = nlohmann::ordered_json::array();
  std::lock_guard lock(mutex_);
  for (const Sample& sample : samples_) {
    out["samples"].push_back({{"time", FormatTime(sample.time_unix_nanos)},
                              {"height", sample.height.value()},
                              {"blocks", sample.blocks},
                              {"commit_seconds", OrNull(sample.commit_seconds)},
                              {"gate_seconds", OrNull(sample.gate_seconds)}});
  }
  return out.dump();
}

}  // namespace sluice
