// SPDX-License-Identifier: Apache-2.0
#include "commit/journal_room.h"

#include <fmt/core.h>

#include <algorithm>
#include <vector>

#include "base/log.h"

namespace sluice {

namespace {

// Who holds the journal, by how much, and what to do about it.
std::string Holders(const std::vector<AckTracker::Sink>& sinks, Height first, Height committed,
                    Height lowest) {
  std::string text;
  for (const AckTracker::Sink& sink : sinks) {
    if (sink.lost || sink.pin() != lowest || sink.pin() + 1 < first) continue;
    text += fmt::format("{}sink {} is at {}, {} heights behind{}", text.empty() ? "" : "; ",
                        sink.name, lowest, committed - lowest,
                        sink.reason.empty() ? "" : " (" + sink.reason + ")");
  }
  return text + ": bring it back, raise the cap, or take it out of the policy";
}

}  // namespace

std::string JournalRoom::Exceeded() const {
  std::string exceeded = ExceededCap();
  if (exceeded.empty()) return "";
  const Height committed = database_->committed().height;
  const Height first = database_->journal_first();
  const Height lowest = tracker_->LowestPin(first);
  // No sink: what is kept besides is about to give way.
  if (lowest >= committed) return exceeded;
  return exceeded + ": " + Holders(tracker_->Snapshot(), first, committed, lowest);
}

std::string JournalRoom::ExceededCap() const {
  if (caps_.max_bytes > 0) {
    const uint64_t bytes = database_->journal_bytes();
    if (bytes > caps_.max_bytes) {
      return fmt::format("the journal holds {} bytes, more than journal.max_bytes = {}", bytes,
                         caps_.max_bytes);
    }
  }
  if (caps_.max_blocks > 0) {
    const Height first = database_->journal_first();  // before J, or pruning might overtake it
    const uint64_t blocks = database_->journaled_height() + 1 - first;
    if (blocks > caps_.max_blocks + caps_.retain_blocks) {
      return fmt::format(
          "the journal holds {} blocks, more than journal.max_blocks = {} beyond "
          "journal.retain_blocks = {}",
          blocks, caps_.max_blocks, caps_.retain_blocks);
    }
  }
  return "";
}

double JournalRoom::FillOf(Height pin) const {
  const Height first = database_->journal_first();  // before J, or pruning might overtake it
  const Height committed = database_->committed().height;
  const Height journaled = database_->journaled_height();
  const Height held_above = std::max(pin, first - 1);
  if (held_above >= committed) return 0;
  const auto held = static_cast<double>(committed - held_above);
  double fill = 0;
  if (caps_.max_blocks > 0) fill = held / static_cast<double>(caps_.max_blocks);
  if (caps_.max_bytes > 0) {
    // Of blocks of an average size.
    const double share = held / static_cast<double>(journaled + 1 - first);
    fill = std::max(fill, share * static_cast<double>(database_->journal_bytes()) /
                              static_cast<double>(caps_.max_bytes));
  }
  return fill;
}

Height JournalRoom::PruneThrough(Height durable) const {
  return Forgettable(durable, caps_.retain_blocks);
}

Height JournalRoom::Forgettable(Height committed, uint64_t retain) const {
  const Height prune = std::min(committed, tracker_->LowestPin(database_->journal_first()));
  return prune.value() > retain ? prune - retain : Height();
}

std::optional<Height> JournalRoom::MakeRoom(Height committed, const Gate& gate) {
  Height through = Forgettable(committed, /*retain=*/0);
  if (through < database_->journal_first()) {
    if (!GiveUpSinks(committed, gate)) return std::nullopt;
    through = Forgettable(committed, /*retain=*/0);
    if (through < database_->journal_first()) return std::nullopt;
  }
  return through;
}

// True where a sink was given up.
bool JournalRoom::GiveUpSinks(Height committed, const Gate& gate) {
  const Height lowest = tracker_->LowestPin(database_->journal_first());
  if (lowest >= committed) return false;
  const std::vector<AckTracker::Sink> sinks = tracker_->Snapshot();
  std::vector<size_t> given_up;  // all of them or none: while one is left it holds the journal
  for (size_t i = 0; i < sinks.size(); ++i) {
    if (!sinks[i].lost && sinks[i].pin() == lowest) given_up.push_back(i);
  }
  // Who is under retry could still come, which is no reason to give up one that may be the last to
  // come: only sinks that are at work replace another for good.
  std::vector<SinkVote> votes = gate.VotesOnceJoined(sinks);
  for (size_t i = 0; i < sinks.size(); ++i) {
    const bool at_work =
        sinks[i].availability == SinkAvailability::kAvailable && sinks[i].reason.empty();
    if (!at_work) votes[i].availability = SinkAvailability::kGone;
  }
  if (!CanHoldWithout(gate.settings().policy, votes, given_up)) return false;
  for (size_t sink : given_up) {
    LogError("commit",
             "sink {} is lost: it is at {}, the journal's cap is reached at height {}, and the "
             "policy can hold without it: `sluice sink snapshot` fills it anew",
             sinks[sink].name, lowest, committed);
    tracker_->SetLost(sinks[sink].name);
  }
  return !given_up.empty();
}

}  // namespace sluice
