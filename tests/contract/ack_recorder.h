// SPDX-License-Identifier: Apache-2.0
//
// Takes what an instance reports and holds it to the rules of acks: of what was delivered only, in
// the instance's epoch, with the attempt of the last height's batch, not above the level that start
// gave, never back. The node refuses and counts what breaks a rule; here it is a finding.
//
// Threading: the listener's functions on any thread; the rest on the check's.
// Lifetime: must outlive the instance's Destroy.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "plugin/sink_instance.h"

namespace sluice::contract {

class AckRecorder final : public InstanceListener {
 public:
  explicit AckRecorder(Epoch epoch) : epoch_(epoch) {}

  void Started(const StartResult& started);
  // Everything up to `base` is the sink's; heights above it come next.
  void Attached(Height base);
  // Heights from `first` on are to be acked, also those that were acked before.
  void Expect(Height first);
  // Before deliver is entered.
  void Delivered(Height height, Attempt attempt);
  // Deliver has answered OK.
  void Answered(Height height, Attempt attempt);
  // Everything above `height` is void: it comes again, with another attempt.
  void Rewind(Height height);

  void OnAck(const AckReport& ack) override;
  void OnNack(const NackReport& nack) override;
  void OnReady() override;
  void OnFailed(Status reason) override;

  struct News {
    Height watermark;                // acked without a gap
    std::optional<NackReport> nack;  // the first since the last Rewind
    std::optional<Status> failed;    // `fail` outside of a call
    uint64_t ready_count = 0;
  };
  News news() const;
  // Waits until `height` is acked, or the instance says that it will not be, or `limit` is over.
  News Await(Height height, Duration limit) const;
  // Waits until `height` is not open any more, or a height is refused, or `limit` is over.
  News AwaitClosed(Height height, Duration limit) const;
  // Waits until ready was called more often than `count`, or the instance failed.
  News AwaitReady(uint64_t count, Duration limit) const;

  bool Acked(Height height) const;
  // Delivered, and not acked yet.
  bool Open(Height height) const;
  // The highest height that was acked in this instance, whether or not with a gap.
  Height highest_acked() const;
  std::vector<std::string> violations() const;

 private:
  // All locked.
  void Violation(std::string text);
  void Mark(Height first, Height last, AckLevel level);
  News NewsLocked() const;

  const Epoch epoch_;

  mutable std::mutex mutex_;  // guards what follows
  mutable std::condition_variable changed_;
  StartResult started_;
  Height watermark_;
  Height highest_acked_;
  std::set<Height> acked_;                     // above the watermark
  std::map<Height, std::set<Attempt>> given_;  // with which attempts each height was delivered
  std::map<Height, Attempt> attempt_;          // the last one
  std::map<std::pair<Attempt, AckLevel>, Height> cumulative_;
  std::optional<NackReport> nack_;
  std::optional<Status> failed_;
  uint64_t ready_count_ = 0;
  std::vector<std::string> violations_;
};

}  // namespace sluice::contract
