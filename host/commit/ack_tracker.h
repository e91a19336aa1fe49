// SPDX-License-Identifier: Apache-2.0
//
// What every sink has acked, as the gate sees it: written by the sinks' threads, read by the
// thread that commits. It holds facts only; decision.h decides.
//
// Threading: all functions from any thread; the notify function may read, but sets nothing.
#pragma once

#include <fmt/core.h>

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/types.h"

namespace sluice {

// What is said of a sink that takes a copy of the state.
inline std::string CopyingReason(Height height) {
  return fmt::format("copying the state at height {}", height);
}

class AckTracker {
 public:
  struct Sink {
    SinkName name;
    std::array<Height, 4> watermark{};  // by level, 1..3
    AckLevel highest = AckLevel::kReceived;
    SinkAvailability availability = SinkAvailability::kJoining;
    std::string reason;
    bool known = false;     // it has said where it stands
    bool lost = false;      // it fell behind the journal's cap, which no longer waits for it
    bool expected = false;  // another instance is to come, which may do what this one cannot
    bool removed = false;   // by command: it counts for nothing any more
    Height stored;          // as the node last stored it
    Height partial_after;   // it is without heights up to this one, for good; 0: it is whole
    // It takes a copy of the state as of this height, which it goes on behind.
    std::optional<Height> copying;
    uint64_t copied_rows = 0;
    Height at(AckLevel level) const { return watermark[static_cast<size_t>(level)]; }
    // The journal keeps everything above this.
    Height pin() const { return copying ? *copying : known ? at(highest) : stored; }
  };

  explicit AckTracker(std::vector<SinkName> sinks);

  // `notify` is called after each change, never twice at once; set before the sinks start. Once
  // this has returned, the one before is not called any more and no call of it is under way.
  void SetNotify(std::function<void()> notify);

  void SetWatermark(const SinkName& sink, AckLevel level, Height watermark, AckLevel highest);
  void SetAvailability(const SinkName& sink, SinkAvailability availability, std::string reason);
  // This sink's watermark as the node stored it before: what it pins the journal by until it says
  // itself where it stands.
  void SetStored(const SinkName& sink, Height stored);
  // It is without heights up to `after`, by the operator's choice; 0: it is whole.
  void SetPartial(const SinkName& sink, Height after);
  // It has been made empty: what it had acked, and what was stored of that, is void.
  void ForgetWatermark(const SinkName& sink);
  // The sink takes a copy of the state at `height`, or no longer does: what it acked before is
  // neither what the journal is kept for nor stored. Without rows it begins: a lost one finds its
  // way back so.
  void SetCopying(const SinkName& sink, std::optional<Height> height, uint64_t rows);
  // The journal's cap is reached, and the policy does without this sink.
  void SetLost(const SinkName& sink);
  bool IsLost(const SinkName& sink) const;

  // A sink that is new; behind all others, or, where it was removed, in its old place.
  void Add(const SinkName& sink);
  // The journal waits for this sink no longer, and nothing is stored of it. Restore: it was not to
  // be.
  void Remove(const SinkName& sink);
  void Restore(const SinkName& sink);
  // Another instance of it is to come: what the one before could do says nothing any more.
  void Expect(const SinkName& sink);
  // An operator has it tried again: the journal waits for it from here on.
  void ClearLost(const SinkName& sink);

  std::vector<Sink> Snapshot() const;

  // Watermarks that the next batch should carry, marked as stored from now on: of every sink that
  // has moved, so that a stopped home shows where each one stood.
  std::vector<std::pair<SinkName, Height>> TakeWatermarksToStore();

  // The lowest pin of all sinks that the journal, which begins at `journal_first`, can still serve;
  // max where there is none. A sink that misses what is gone already is not served by keeping the
  // rest.
  Height LowestPin(Height journal_first) const;

 private:
  Sink* Find(const SinkName& sink);
  const Sink* Find(const SinkName& sink) const;
  void Changed(std::unique_lock<std::mutex> lock);

  mutable std::mutex mutex_;
  std::vector<Sink> sinks_;       // guarded by mutex_; it only grows
  std::mutex notify_mutex_;       // never taken while mutex_ is held
  std::function<void()> notify_;  // guarded by notify_mutex_, also while it runs
};

}  // namespace sluice
