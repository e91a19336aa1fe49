// SPDX-License-Identifier: Apache-2.0
//
// The delivery queue of one instance of a sink: which heights it may get next, which it has, and
// how far its acks reach without a gap. Pure: no threads, no clock, no I/O.
//
// Heights are dense, so the queue is a ring indexed by height that begins right above the
// watermark:
//
//   … forgotten │ acked  in flight  in flight  parked  awaiting  awaiting │ … only counted … newest
//      watermark┘└─────────────── entries, at most kLookAhead + max_in_flight ──────────────┘
//
// What lies beyond the ring is known to be journaled and costs nothing; that is how a backlog of a
// million heights drains in bounded memory. An entry holds its change set only while the byte
// budget lasts; without it the height is to be read back from the journal (Next says so) and
// loaded.
//
// Ordered sinks get one height after another. An attempt number serves all heights delivered since
// the last failure, so that one ack can cover a range of them. A failure voids every unacked height
// from that one on. Parallel sinks get side by side every height whose safepoint (the latest
// earlier height that touches one of the same keys) is acked, and so are the last writers of its
// other keys (conflict_index.h); attempts are counted a height there, and a failure concerns its
// height only. What a height touches is learned in the order of heights (NextToLearn, Learn); one
// that is not learned yet waits for everything before it.
//
// Threading: none of its own; the owner guards it.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/latency_histogram.h"
#include "base/types.h"
#include "delivery/parallel_order.h"
#include "delivery/retry.h"
#include "model/change_set.h"

namespace sluice {

class DeliveryQueue {
 public:
  // Heights beyond max_in_flight that have an entry of their own.
  static constexpr uint64_t kLookAhead = 4096;

  struct Settings {
    AckLevel level = AckLevel::kReceived;  // the instance's: acks below it leave a height in flight
    bool parallel = false;
    uint64_t max_in_flight = 1024;  // heights
    uint64_t bytes_max = 64 << 20;  // queued and in flight together
    RetrySettings retry;
    LatencyHistogram* ack_time = nullptr;  // from Begin to the ack at `level`, where it is counted
  };

  // The sink holds everything up to `base`; the journal everything up to `newest`.
  DeliveryQueue(const Settings& settings, Height base, Height newest, TimePoint now);

  enum class Inserted { kQueued, kKnown, kGap };
  // The next journaled height. kKnown: at or below the watermark, or known already (then its change
  // set is kept if it is of use). kGap: refused.
  Inserted Insert(Height height, std::shared_ptr<const ChangeSet> change_set, TimePoint now);
  // The journal holds everything up to `newest`.
  void Extend(Height newest, TimePoint now);

  struct Deliverable {
    Height height;
    std::shared_ptr<const ChangeSet> change_set;  // null: to be read back, then given to Load
  };
  // The height to deliver now, if any.
  std::optional<Deliverable> Next(TimePoint now);
  // Parallel sinks: the next height of which it is not known yet what it must come after, if there
  // is one and there is memory to read it back. Then Learn it.
  std::optional<Deliverable> NextToLearn() const;
  void Learn(Height height, Precedence precedence);
  // No effect where the height is no longer wanted.
  void Load(Height height, std::shared_ptr<const ChangeSet> change_set);
  struct Begun {
    Attempt attempt;
    Height newest_height;  // that could be delivered now
  };
  // The height that Next gave is in flight from here on.
  Begun Begin(Height height, TimePoint now);
  // When a parked height may be delivered, if any: the earliest.
  std::optional<TimePoint> ParkedUntil() const;

  // What an instance reports. False: refused (and counted) or without effect.
  struct AckRange {
    Attempt attempt;
    Height first;  // 0: from the watermark on; ordered sinks only
    Height last;
    AckLevel level = AckLevel::kReceived;
  };
  bool Ack(const AckRange& ack, TimePoint now);
  // The height was not taken; no attempt.
  void Busy(Height height, Attempt attempt);
  struct Failed {
    uint64_t failures = 0;  // of this height
    Duration delay{};       // until it may be delivered again
    bool exhausted = false;
  };
  // Parks the height. Nothing: not in flight by this attempt; refused and counted. `random`:
  // uniform in [0, 1).
  std::optional<Failed> Fail(Height height, Attempt attempt, TimePoint now, double random,
                             Duration asked = Duration::zero());

  // Somebody else advanced the sink: it holds everything up to `height`, which is journaled. Never
  // moves the watermark back.
  void JumpTo(Height height);
  // The sink holds less than it had acked: begins anew above `base`, with a new attempt.
  void Rebase(Height base, TimePoint now);

  Height watermark(AckLevel level) const { return watermark_[static_cast<size_t>(level)]; }
  Height watermark() const { return watermark(settings_.level); }
  Height newest() const { return newest_; }
  uint64_t in_flight() const { return in_flight_; }
  struct InFlight {
    Height height;
    TimePoint begun_at;  // of this attempt
  };
  // The lowest height in flight, if any.
  std::optional<InFlight> OldestInFlight() const;
  uint64_t held_bytes() const { return held_bytes_; }
  // How much of its memory or of its ring is used: 0 empty, 1 full. What is beyond is read back
  // from the journal.
  double fill() const;
  uint64_t entry_count() const { return entries_.size(); }
  uint64_t refused_count() const { return refused_count_; }
  uint64_t retry_count() const { return retry_count_; }
  uint64_t lag_blocks() const { return newest_ - watermark(); }
  // An estimate: heights whose size is not known count with the average of the others.
  uint64_t lag_bytes() const;
  // Since when the oldest unacked height has been waiting, if any.
  std::optional<TimePoint> waiting_since() const;

 private:
  enum class State : uint8_t { kAwaiting, kInFlight, kAcked, kParked };
  struct Entry {
    State state = State::kAwaiting;
    AckLevel acked_level{};  // 0: none
    Attempt attempt;         // 0: never delivered
    uint64_t failures = 0;
    uint64_t bytes = 0;  // 0: not known
    TimePoint parked_until{};
    TimePoint queued_at{};
    TimePoint begun_at{};  // of the last attempt
    std::shared_ptr<const ChangeSet> change_set;
  };

  // Null where the ring does not reach.
  Entry* Find(Height height);
  const Entry* Find(Height height) const;
  Height front() const { return watermark() + 1; }
  // Room for one more height in flight.
  bool HasRoom() const;
  bool IsAcked(Height height) const;
  bool Ready(const Entry& entry, TimePoint now) const;
  void Hold(Entry* entry, std::shared_ptr<const ChangeSet> change_set);
  void Release(Entry* entry);
  void LeaveFlight(Entry* entry, State state);
  void Append(TimePoint now);
  void PopFront();
  void Advance();
  void Materialise(TimePoint now);

  const Settings settings_;
  std::optional<ParallelOrder> order_;  // parallel only
  Height learned_;                      // parallel: everything up to here
  std::deque<Entry> entries_;           // entries_[0] is front()
  std::array<Height, 4> watermark_{};   // by level; above settings_.level unused
  Height newest_;
  Height cursor_;          // ordered: the next height to deliver
  Attempt generation_{1};  // ordered: the attempt of what is delivered from now on
  TimePoint newest_at_{};
  uint64_t in_flight_ = 0;
  uint64_t in_flight_bytes_ = 0;
  uint64_t held_bytes_ = 0;
  uint64_t unheld_count_ = 0;  // entries without a change set that are not acked
  uint64_t seen_count_ = 0;    // heights whose size was seen, and their bytes: for the average
  uint64_t seen_bytes_ = 0;
  uint64_t refused_count_ = 0;
  uint64_t retry_count_ = 0;
};

}  // namespace sluice
