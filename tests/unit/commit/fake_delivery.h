// SPDX-License-Identifier: Apache-2.0
//
// Where journaled heights go: it remembers them, and acks on command, or by itself for sinks that
// keep up.
//
// Threading: any thread; acks of sinks that keep up come from a thread of its own, as a sink's do.
// Lifetime: outlives the pipeline; borrows the tracker.
#pragma once

#include <fmt/format.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "commit/ack_tracker.h"
#include "commit/pipeline.h"
#include "unit/commit/trace.h"

namespace sluice {

class FakeDelivery final : public DeliveryPort {
 public:
  // Adds "delivered 3" to `trace`.
  FakeDelivery(AckTracker* tracker, Trace* trace)
      : tracker_(tracker), trace_(trace), thread_([this] { KeepUp(); }) {}
  ~FakeDelivery() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      changed_.notify_all();
    }
    thread_.join();
  }

  void Enqueue(const std::shared_ptr<const ChangeSet>& change_set) override {
    const std::lock_guard lock(mutex_);
    delivered_.push_back(change_set);
    trace_->Add(fmt::format("delivered {}", change_set->height()));
    changed_.notify_all();
  }

  double QueueFill(size_t sink) const override {
    const std::lock_guard lock(mutex_);
    ++fill_asked_;
    const auto fill = fills_.find(sink);
    return fill == fills_.end() ? 0 : fill->second;
  }
  // How often intake has asked.
  uint64_t fill_asked() const {
    const std::lock_guard lock(mutex_);
    return fill_asked_;
  }
  // By index; 0 where nothing was set.
  void SetFill(size_t sink, double fill) {
    const std::lock_guard lock(mutex_);
    fills_[sink] = fill;
  }

  // The sink says that it holds everything up to `height`, at `level`; it can give durable.
  void Ack(const std::string& sink, uint64_t height, AckLevel level = AckLevel::kDurable) {
    tracker_->SetWatermark(SinkName(sink), level, Height(height), AckLevel::kDurable);
  }
  // From now on the sink acks each height, at `level`, once it has it.
  void AckByItself(const std::string& sink, AckLevel level = AckLevel::kDurable) {
    const std::lock_guard lock(mutex_);
    keeping_up_.emplace_back(sink, level);
    changed_.notify_all();
  }

  std::vector<std::shared_ptr<const ChangeSet>> delivered() const {
    const std::lock_guard lock(mutex_);
    return delivered_;
  }
  // Height 0: none yet.
  Height newest() const {
    const std::lock_guard lock(mutex_);
    return delivered_.empty() ? Height() : delivered_.back()->height();
  }

 private:
  void KeepUp() {
    std::pair<size_t, size_t> acked;  // delivered heights, sinks
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] {
        return stopping_ || acked != std::pair(delivered_.size(), keeping_up_.size());
      });
      if (stopping_) return;
      acked = {delivered_.size(), keeping_up_.size()};
      if (delivered_.empty()) continue;
      const uint64_t height = delivered_.back()->height().value();
      const auto sinks = keeping_up_;
      lock.unlock();
      for (const auto& [sink, level] : sinks) Ack(sink, height, level);
      lock.lock();
    }
  }

  AckTracker* const tracker_;
  Trace* const trace_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::vector<std::shared_ptr<const ChangeSet>> delivered_;
  std::vector<std::pair<std::string, AckLevel>> keeping_up_;
  std::map<size_t, double> fills_;
  mutable uint64_t fill_asked_ = 0;
  bool stopping_ = false;

  std::thread thread_;
};

}  // namespace sluice
