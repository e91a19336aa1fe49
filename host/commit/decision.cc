// SPDX-License-Identifier: Apache-2.0
#include "commit/decision.h"

#include <algorithm>

namespace sluice {

Decision Decide(const Policy& policy, Height height, std::span<const SinkVote> votes, TimePoint now,
                TimePoint deadline) {
  Decision decision;
  bool satisfied = true;
  bool satisfiable = true;
  for (const Policy::Term& term : policy.terms) {
    size_t acked = 0;
    size_t possible = 0;  // acked, or still could
    size_t left_out = 0;
    for (size_t sink : term.sinks) {
      const SinkVote& vote = votes[sink];
      if (vote.watermark >= height) {
        ++acked;
        ++possible;
      } else if (vote.left_out) {
        ++left_out;
      } else if (vote.availability != SinkAvailability::kGone) {
        ++possible;
      }
    }
    size_t needed = std::min(term.needed, term.sinks.size() - left_out);
    if (acked >= needed) {
      if (acked < term.needed) decision.only_by_leaving_out = true;
      continue;
    }
    satisfied = false;
    if (possible < needed) satisfiable = false;
    for (size_t sink : term.sinks) {
      if (votes[sink].watermark >= height || votes[sink].left_out) continue;
      auto& list = decision.waiting_on;
      if (std::find(list.begin(), list.end(), sink) == list.end()) list.push_back(sink);
    }
  }
  if (satisfied) {
    decision.verdict = Verdict::kSatisfied;
    return decision;
  }
  decision.only_by_leaving_out = false;
  if (!satisfiable) {
    decision.verdict = Verdict::kUnsatisfiable;
  } else {
    decision.verdict = now >= deadline ? Verdict::kTimedOut : Verdict::kWaiting;
  }
  return decision;
}

bool CanHoldWithout(const Policy& policy, std::span<const SinkVote> votes,
                    std::span<const size_t> without) {
  const bool any_counts = std::any_of(without.begin(), without.end(), [&](size_t sink) {
    return policy.Involves(sink) && !votes[sink].left_out;
  });
  if (!any_counts) return true;
  std::vector<SinkVote> left(votes.begin(), votes.end());
  for (SinkVote& vote : left) vote.watermark = Height();
  for (size_t sink : without) left[sink].availability = SinkAvailability::kGone;
  return Decide(policy, Height(1), left, TimePoint(), TimePoint::max()).verdict !=
         Verdict::kUnsatisfiable;
}

}  // namespace sluice
