// SPDX-License-Identifier: Apache-2.0
#include "commit/journal_room.h"

#include <fmt/core.h>

#include <algorithm>
#include <vector>

#include "base/log.h"

namespace sluice {

std::string JournalRoom::Exceeded() const {
  if (caps_.max_bytes > 0) {
    const uint64_t bytes = database_->journal_bytes();
    if (bytes > caps_.max_bytes) {
      return fmt::format(
          "the journal holds {} bytes, more than journal.max_bytes = {}; a sink has fallen behind",
          bytes, caps_.max_bytes);
    }
  }
  if (caps_.max_blocks > 0) {
    const Height first = database_->journal_first();  // before J, or pruning might overtake it
    const uint64_t blocks = database_->journaled_height() + 1 - first;
    if (blocks > caps_.max_blocks + caps_.retain_blocks) {
      return fmt::format(
          "the journal holds {} blocks, more than journal.max_blocks = {}; a sink has fallen "
          "behind",
          blocks, caps_.max_blocks);
    }
  }
  return "";
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
  std::vector<SinkName> given_up;
  for (size_t i = 0; i < sinks.size(); ++i) {
    if (sinks[i].lost || sinks[i].pin() != lowest) continue;
    const bool needed = gate.settings().policy.Involves(i) && !gate.degraded().LeftOut(i);
    if (needed) return false;
    given_up.push_back(sinks[i].name);
  }
  for (const SinkName& sink : given_up) {
    LogError("commit",
             "sink {} is lost: it is at {}, and the journal's cap is reached at height {}; it has "
             "to start over",
             sink, lowest, committed);
    tracker_->SetLost(sink);
  }
  return !given_up.empty();
}

}  // namespace sluice
