// SPDX-License-Identifier: Apache-2.0
//
// Every sink is asked where it is before anything is delivered, and again before anything is
// delivered twice. This file decides what its answer means. Pure but for the digests it looks up.
//
// clang-format off
// | the sink says                           | outcome                                         |
// |-----------------------------------------|-------------------------------------------------|
// | nothing (no resume)                     | attach at the node's own record of its watermark |
// | EMPTY                                   | as height 0 with the genesis digest             |
// | EMPTY, never acked, start = latest      | attach at H: what no policy has let through yet comes |
// | another stream id                       | foreign                                         |
// | first answer: an epoch not below ours   | foreign: a copied home, another node            |
// | the same of one that was refused before | foreign, until a command takes the sink over    |
// | later answer: a larger epoch            | fenced: a newer instance is at work             |
// | that, and a snapshot is on record, H > 0 | snapshot: a copy of the state replaces what it holds |
// | EMPTY, never acked, start = snapshot, H > 0 | snapshot                                  |
// | after a snapshot: AT it                 | attach there; snapshot again where the journal no longer has what comes next |
// | after a snapshot: anything else         | diverged                                        |
// | above J                                 | ahead: wait until the node gets there           |
// | below F-1                               | gap: the journal no longer has what comes next  |
// | the same, on_gap = snapshot             | snapshot                                        |
// | the same, on_gap = skip                 | attach at F-1, and the sink records what it misses |
// | F-1..J, the journal has another digest  | diverged                                        |
// | F-1..J, equal digest                    | attach there                                    |
// clang-format on
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/status.h"
#include "base/types.h"
#include "plugin/sink_instance.h"

namespace sluice {

struct AttachQuestion {
  Epoch epoch;  // the instance's
  // An instance of before was refused with this epoch, for the sink had seen a newer one: whoever
  // raised that is the sink's owner, however large ours has become since, until a command takes the
  // sink over. 0: none was.
  Epoch refused_epoch;
  std::string stream_id;
  std::optional<SinkPosition> position;  // nothing: the plugin has no resume
  bool first_answer = true;              // of this instance
  Height first;                          // F: the journal's first height; J+1 where it is empty
  Height journaled;                      // J
  Height committed;                      // H
  bool has_watermark_record = false;     // the node knows that this sink once acked a height
  Height stored_watermark;               // only looked at where there is no position
  // A copy of the state is wanted, on record: by command, or it has begun before.
  bool snapshot = false;
  // The instance has taken one, as of this height.
  std::optional<Base> copied;
  // Of the first answer only, but for on_gap = snapshot: what an instance once attached loses is a
  // gap.
  SinkStart start = SinkStart::kResume;
  OnGap on_gap = OnGap::kRefuse;
};

enum class AttachOutcome { kAttach, kSnapshot, kGap, kDiverged, kAhead, kForeign, kFenced };

struct AttachDecision {
  AttachOutcome outcome = AttachOutcome::kAttach;
  Base base;                                     // kAttach; kAhead: the sink's height and digest
  AttachReason reason = AttachReason::kResumed;  // kAttach
  Height skipped_from;                           // kGapSkipped: the first height that it misses
  std::string text;                              // all others: what is wrong and what to do
  // kForeign by its epoch alone: the one that the sink has seen.
  std::optional<Epoch> foreign_epoch;
};

using DigestLookup = std::function<Result<Digest>(Height)>;

// `digest_at` is asked for heights in [F-1, J] and for 0. Its error is handed on.
Result<AttachDecision> DecideAttach(const AttachQuestion& question, const DigestLookup& digest_at);

}  // namespace sluice
