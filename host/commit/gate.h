// SPDX-License-Identifier: Apache-2.0
//
// The gate: where a sealed height waits for the policy. It turns decisions (decision.h) and
// on_failure into one of three steps for the height in front: commit it, keep waiting, or halt.
//
// Pure but for its own memory (since when it has been recovering, who is left out): no threads, no
// clock, no I/O, so every row of the failure table is a unit test. Threading: whoever
// has the pipeline's seat.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/types.h"
#include "commit/ack_tracker.h"
#include "commit/decision.h"
#include "commit/degraded.h"
#include "commit/policy.h"

namespace sluice {

struct GateSettings {
  Policy policy;
  AckLevel level = AckLevel::kDurable;
  Duration ack_timeout{};  // one deadline for the whole policy, a height
  OnFailure on_failure = OnFailure::kRecover;
  Duration recover_timeout{};  // with kRecover: how long after the deadline
};

struct GateStep {
  enum class Kind { kCommit, kWait, kHalt };
  Kind kind = Kind::kWait;
  // kCommit: left-out sinks that miss this height; empty where the policy holds.
  std::vector<size_t> missing;
  // kWait: when to look again if nothing changes; nothing: only a change matters.
  std::optional<TimePoint> look_again_at;
  std::vector<size_t> waiting_on;
  // kWait: too few sinks are left, and only a command or another policy brings one back.
  bool hopeless = false;
  // kHalt, and the first step after a deadline has passed: why, in words.
  std::string reason;
};

// As far as availability goes, before anybody has acked: what a policy could still come to.
std::vector<SinkVote> VotesWithoutAcks(std::span<const AckTracker::Sink> sinks);

class Gate {
 public:
  Gate(GateSettings settings, std::vector<UnackedRange> recorded_ranges,
       std::vector<SinkName> sinks);

  // The step for `height`, the one in front, which was delivered (S2) at `delivered_at`. Its
  // deadline runs from the later of that and the decision of the height before it.
  GateStep Step(Height height, TimePoint delivered_at, std::span<const AckTracker::Sink> sinks,
                TimePoint now);

  // Other settings, from the next step on; heights that wait are looked at anew. `sinks`: all there
  // are, those that were known before in their places. A sink that the policy did not name before
  // is not counted before it holds everything up to `journaled`; but a term never goes without
  // anybody, and who is gone is not waited for to come.
  void Reconfigure(GateSettings settings, std::span<const AckTracker::Sink> sinks,
                   Height journaled);

  // Counts sinks again, or for the first time, that hold everything up to `journaled`; their names.
  std::vector<std::string> LetIn(std::span<const AckTracker::Sink> sinks, Height journaled);
  // Whether LetIn has somebody to wait for, or a range may heal.
  bool waits() const;

  // The sinks as a decision sees them now.
  std::vector<SinkVote> Votes(std::span<const AckTracker::Sink> sinks) const;
  // The same, with those that join counted: for what is to hold later, too.
  std::vector<SinkVote> VotesOnceJoined(std::span<const AckTracker::Sink> sinks) const;

  const GateSettings& settings() const { return settings_; }
  DegradedRanges& degraded() { return degraded_; }
  const DegradedRanges& degraded() const { return degraded_; }

 private:
  GateStep Commit(Height height, const Decision& decision, std::span<const AckTracker::Sink> sinks,
                  TimePoint now);
  GateStep Fail(Height height, Decision decision, TimePoint delivered_at,
                std::span<const AckTracker::Sink> sinks, TimePoint now);
  GateStep Degrade(Height height, const Decision& decision, TimePoint delivered_at,
                   std::span<const AckTracker::Sink> sinks, TimePoint now);
  std::string Describe(Height height, const Decision& decision,
                       std::span<const AckTracker::Sink> sinks) const;

  bool Joining(size_t sink) const { return sink < joining_.size() && joining_[sink]; }
  // It cannot ack at the policy's level, whatever happens, without a command.
  bool IsGone(const AckTracker::Sink& sink) const;

  GateSettings settings_;
  DegradedRanges degraded_;
  std::vector<bool> joining_;  // by sink: named by a newer policy, and not level yet
  TimePoint last_decision_{};
  std::optional<TimePoint> failing_since_;  // the height in front has missed its deadline
};

}  // namespace sluice
