// SPDX-License-Identifier: Apache-2.0
//
// The channel between what a plugin reports, on any thread, and the one thread that acts on it. It
// is itself the InstanceListener that an instance is given, and hands on to another when it is
// drained.
//
// Bounded: reports are merged, not queued. For an ordered sink the newest position of each attempt
// and level is kept, for a parallel one the ranges, merged where they touch. Both are bounded by
// what can be in flight, so nothing that a correct plugin reports is ever dropped, and a plugin
// that reports without end costs no memory. What cannot be meant, because it was never delivered to
// this instance, is refused here and counted: were it merged, it would hide the true position.
//
// Never blocking: one short mutex, no waiting.
//
// Threading: the listener's functions and NoteDelivered on any thread; Drain on one thread.
// Lifetime: must outlive the instance's Destroy.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "plugin/sink_instance.h"

namespace sluice {

class AckChannel final : public InstanceListener {
 public:
  struct Options {
    Epoch epoch;                 // the instance's
    uint32_t max_in_flight = 1;  // heights
  };

  // What was refused or dropped since the channel was made.
  struct Counts {
    uint64_t other_epoch = 0;  // acks and nacks of another epoch
    uint64_t future = 0;       // of a height or an attempt that was not delivered yet
    uint64_t dropped = 0;      // oldest ranges and nacks that no correct plugin can have left over
  };

  // `notify`: called without locks, on the reporting thread, when the channel becomes non-empty. It
  // must not block and must not call the instance. May be empty.
  AckChannel(const Options& options, std::function<void()> notify);

  // Before deliver is entered: from here on the height may be acked.
  void NoteDelivered(Height height, Attempt attempt);

  void OnAck(const AckReport& ack) override;
  void OnNack(const NackReport& nack) override;
  void OnReady() override;
  void OnFailed(Status reason) override;

  // Hands all that has been reported to `reader`, without locks: acks, nacks, ready, failed. An ack
  // that was reported before a nack is handed on before it. Returns whether there was anything.
  bool Drain(InstanceListener* reader);

  Counts counts() const;

 private:
  struct Pending {
    std::vector<AckReport> acks;
    std::vector<NackReport> nacks;
    bool ready = false;
    std::optional<Status> failed;
    bool empty() const { return acks.empty() && nacks.empty() && !ready && !failed; }
  };

  // Whether a report of this epoch, attempt and height can be meant; counts it where not. Locked.
  bool Admit(Epoch epoch, Attempt attempt, Height height);
  void Merge(AckReport ack);
  // Tells the reader where the channel was empty before; gives up the lock first.
  void Announce(std::unique_lock<std::mutex> lock, bool was_empty);

  // Set in the constructor.
  const Epoch epoch_;
  const size_t acks_max_;
  const size_t nacks_max_;
  const std::function<void()> notify_;

  mutable std::mutex mutex_;  // guards what follows
  Height newest_height_;
  Attempt newest_attempt_;
  Pending pending_;
  Counts counts_;

  Pending draining_;  // the reader's; keeps the vectors' memory
};

}  // namespace sluice
