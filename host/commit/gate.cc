// SPDX-License-Identifier: Apache-2.0
#include "commit/gate.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/check.h"

namespace sluice {
namespace {

// After a change of the policy or of on_failure, what was left out before is waited for again.
std::vector<bool> MayLeaveOut(const GateSettings& settings, size_t sinks) {
  std::vector<bool> may_leave_out(sinks);
  for (size_t i = 0; i < sinks; ++i) {
    may_leave_out[i] = settings.on_failure == OnFailure::kDegrade && settings.policy.Involves(i);
  }
  return may_leave_out;
}

bool IsCopying(const std::vector<size_t>& which, std::span<const AckTracker::Sink> sinks) {
  return std::any_of(which.begin(), which.end(),
                     [&](size_t sink) { return sinks[sink].copying.has_value(); });
}

}  // namespace

std::vector<SinkVote> VotesWithoutAcks(std::span<const AckTracker::Sink> sinks) {
  std::vector<SinkVote> votes;
  votes.reserve(sinks.size());
  for (const AckTracker::Sink& sink : sinks) votes.push_back({Height(), sink.availability, false});
  return votes;
}

Gate::Gate(GateSettings settings, std::vector<UnackedRange> recorded_ranges,
           std::vector<SinkName> sinks)
    : settings_(std::move(settings)),
      degraded_(std::move(recorded_ranges), sinks, MayLeaveOut(settings_, sinks.size())) {}

void Gate::Reconfigure(GateSettings settings, std::span<const AckTracker::Sink> sinks,
                       Height journaled) {
  std::vector<bool> joining(sinks.size());
  std::vector<SinkName> names;
  for (size_t i = 0; i < sinks.size(); ++i) {
    const bool counts = settings.policy.Involves(i);
    const bool counted = settings_.policy.Involves(i) && !Joining(i);
    joining[i] = counts && !counted && sinks[i].at(settings.level) < journaled;
    names.push_back(sinks[i].name);
  }
  for (const Policy::Term& term : settings.policy.terms) {
    const bool nobody = std::all_of(term.sinks.begin(), term.sinks.end(),
                                    [&](size_t sink) { return joining[sink]; });
    if (!nobody) continue;
    for (size_t sink : term.sinks) joining[sink] = false;
  }
  joining_ = std::move(joining);
  settings_ = std::move(settings);
  degraded_.SetSinks(names, MayLeaveOut(settings_, sinks.size()));
  failing_since_.reset();
}

std::vector<std::string> Gate::LetIn(std::span<const AckTracker::Sink> sinks, Height journaled) {
  std::vector<std::string> names = degraded_.LetIn(sinks, settings_.level, journaled);
  for (size_t i = 0; i < joining_.size(); ++i) {
    if (!joining_[i] || sinks[i].at(settings_.level) < journaled) continue;
    joining_[i] = false;
    names.push_back(sinks[i].name.str());
  }
  return names;
}

bool Gate::waits() const {
  return degraded_.waits() || std::find(joining_.begin(), joining_.end(), true) != joining_.end();
}

std::vector<SinkVote> Gate::Votes(std::span<const AckTracker::Sink> sinks) const {
  std::vector<SinkVote> votes = VotesOnceJoined(sinks);
  for (size_t i = 0; i < sinks.size(); ++i) {
    votes[i].left_out = votes[i].left_out || (Joining(i) && !IsGone(sinks[i]));
  }
  return votes;
}

// A sink that cannot give the level is as good as gone, however healthy.
bool Gate::IsGone(const AckTracker::Sink& sink) const {
  return sink.availability == SinkAvailability::kGone ||
         (sink.known && !sink.expected && sink.highest < settings_.level);
}

std::vector<SinkVote> Gate::VotesOnceJoined(std::span<const AckTracker::Sink> sinks) const {
  std::vector<SinkVote> votes(sinks.size());
  for (size_t i = 0; i < sinks.size(); ++i) {
    votes[i].watermark = sinks[i].at(settings_.level);
    votes[i].availability = IsGone(sinks[i]) ? SinkAvailability::kGone : sinks[i].availability;
    votes[i].left_out = degraded_.LeftOut(i);
  }
  return votes;
}

GateStep Gate::Step(Height height, TimePoint delivered_at, std::span<const AckTracker::Sink> sinks,
                    TimePoint now) {
  TimePoint deadline = std::max(delivered_at, last_decision_) + settings_.ack_timeout;
  Decision decision = Decide(settings_.policy, height, Votes(sinks), now, deadline);
  switch (decision.verdict) {
    case Verdict::kSatisfied:
      return Commit(height, decision, sinks, now);
    case Verdict::kWaiting: {
      GateStep step;
      step.look_again_at = deadline;
      step.waiting_on = std::move(decision.waiting_on);
      return step;
    }
    case Verdict::kUnsatisfiable:
    case Verdict::kTimedOut:
      break;
  }
  return Fail(height, std::move(decision), delivered_at, sinks, now);
}

GateStep Gate::Commit(Height height, const Decision& decision,
                      std::span<const AckTracker::Sink> sinks, TimePoint now) {
  GateStep step;
  step.kind = GateStep::Kind::kCommit;
  if (decision.only_by_leaving_out) {
    for (size_t i = 0; i < sinks.size(); ++i) {
      bool missing = degraded_.LeftOut(i) && sinks[i].at(settings_.level) < height;
      if (missing && settings_.policy.Involves(i)) step.missing.push_back(i);
    }
  }
  last_decision_ = now;
  failing_since_.reset();
  return step;
}

GateStep Gate::Fail(Height height, Decision decision, TimePoint delivered_at,
                    std::span<const AckTracker::Sink> sinks, TimePoint now) {
  GateStep step;
  step.waiting_on = decision.waiting_on;
  bool first_time = !failing_since_.has_value();
  if (first_time) {
    failing_since_ = now;
    step.reason = Describe(height, decision, sinks);
  }
  switch (settings_.on_failure) {
    case OnFailure::kHalt:
      step.kind = GateStep::Kind::kHalt;
      step.reason = Describe(height, decision, sinks);
      return step;
    case OnFailure::kRecover:
      // A copy of the state takes its time, and ends by itself where it makes no progress.
      if (decision.verdict != Verdict::kUnsatisfiable && IsCopying(decision.waiting_on, sinks)) {
        failing_since_ = now;
        step.look_again_at = now + settings_.recover_timeout;
        return step;
      }
      // What is gone does not come back by itself; only sinks under retry are worth waiting for.
      if (decision.verdict == Verdict::kUnsatisfiable ||
          now >= *failing_since_ + settings_.recover_timeout) {
        step.kind = GateStep::Kind::kHalt;
        step.reason = Describe(height, decision, sinks);
      } else {
        step.look_again_at = *failing_since_ + settings_.recover_timeout;
      }
      return step;
    case OnFailure::kWait:
      step.hopeless = decision.verdict == Verdict::kUnsatisfiable;
      return step;
    case OnFailure::kDegrade:
      break;
  }
  return Degrade(height, decision, delivered_at, sinks, now);
}

// Leaves out who is to blame and decides again. Before the deadline that is only who is gone: the
// others still have their time. Each round leaves out at least one more sink, so this ends.
GateStep Gate::Degrade(Height height, const Decision& decision, TimePoint delivered_at,
                       std::span<const AckTracker::Sink> sinks, TimePoint now) {
  std::string reason = Describe(height, decision, sinks);
  std::vector<SinkVote> votes = Votes(sinks);
  std::vector<size_t> to_blame;
  for (size_t sink : decision.waiting_on) {
    if (decision.verdict == Verdict::kTimedOut ||
        votes[sink].availability == SinkAvailability::kGone) {
      to_blame.push_back(sink);
    }
  }
  SLUICE_CHECK(!to_blame.empty(), "a policy that cannot hold lacks a sink that is gone");
  degraded_.LeaveOut(to_blame);
  failing_since_.reset();
  GateStep step = Step(height, delivered_at, sinks, now);
  step.reason = std::move(reason);
  return step;
}

std::string Gate::Describe(Height height, const Decision& decision,
                           std::span<const AckTracker::Sink> sinks) const {
  std::string who;
  for (size_t sink : decision.waiting_on) {
    if (!who.empty()) who += "; ";
    who += fmt::format("sink {} is at {}", sinks[sink].name, sinks[sink].at(settings_.level));
    if (!sinks[sink].reason.empty()) who += fmt::format(" ({})", sinks[sink].reason);
  }
  std::string how = decision.verdict == Verdict::kUnsatisfiable
                        ? "cannot hold: too few sinks are left"
                        : fmt::format("did not hold within {} ms",
                                      settings_.ack_timeout / std::chrono::milliseconds(1));
  return fmt::format("height {}: policy \"{}\" at level {} {}: {}", height, settings_.policy.text,
                     AckLevelName(settings_.level), how, who);
}

}  // namespace sluice
