// SPDX-License-Identifier: Apache-2.0
//
// What every sink has acked, as the gate sees it: written by the sinks' threads, read by the
// committing thread. It holds facts only; decision.h decides.
//
// Threading: all functions from any thread. The notify function is called without a lock held.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/types.h"

namespace sluice {

class AckTracker {
 public:
  struct Sink {
    SinkName name;
    std::array<Height, 4> watermark{};  // by level, 1..3
    AckLevel highest = AckLevel::kReceived;
    SinkAvailability availability = SinkAvailability::kJoining;
    std::string reason;
    bool known = false;  // it has said where it stands
    Height stored;       // as the node last stored it
    Height at(AckLevel level) const { return watermark[static_cast<size_t>(level)]; }
    // The journal keeps everything above this.
    Height pin() const { return known ? at(highest) : Height(); }
  };

  explicit AckTracker(std::vector<SinkName> sinks);

  // `notify` is called after each change; set once, before the sinks start.
  void SetNotify(std::function<void()> notify);

  void SetWatermark(const SinkName& sink, AckLevel level, Height watermark, AckLevel highest);
  void SetAvailability(const SinkName& sink, SinkAvailability availability, std::string reason);
  // This sink's watermark as the node stored it before. `is_position`: nobody else will say where
  // the sink stands (it is disabled), so this is what it pins the journal by.
  void SetStored(const SinkName& sink, Height stored, bool is_position);

  std::vector<Sink> Snapshot() const;
  // Grows with each change; to see cheaply that nothing has happened.
  uint64_t version() const;

  // Watermarks that the next batch should carry, marked as stored from now on: of every sink that
  // has moved, so that a stopped home shows where each one stood.
  std::vector<std::pair<SinkName, Height>> TakeWatermarksToStore();

  // The lowest pin of all sinks; max where there is none.
  Height LowestPin() const;

 private:
  Sink* Find(const SinkName& sink);
  void Changed(std::unique_lock<std::mutex> lock);

  mutable std::mutex mutex_;
  std::vector<Sink> sinks_;       // guarded by mutex_; the list itself never changes
  uint64_t version_ = 0;          // guarded by mutex_
  std::function<void()> notify_;  // guarded by mutex_
};

}  // namespace sluice
