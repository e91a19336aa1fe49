// SPDX-License-Identifier: Apache-2.0
#include "delivery/attach.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace sluice {
namespace {

AttachDecision Refuse(AttachOutcome outcome, std::string text) {
  AttachDecision decision;
  decision.outcome = outcome;
  decision.text = std::move(text);
  return decision;
}

AttachDecision Gap(const AttachQuestion& question, Height height) {
  const bool empty = height == Height();
  const std::string where = empty ? "the sink is empty" : fmt::format("the sink is at {}", height);
  return Refuse(
      AttachOutcome::kGap,
      fmt::format("{}{}, and the journal begins at {}: heights {} to {} are missing; give the "
                  "sink the present state by `sluice sink snapshot`, or go on without them by "
                  "on_gap = \"skip\"",
                  where,
                  empty && question.has_watermark_record ? " although it has acked heights" : "",
                  question.first, height + 1, question.first - 1));
}

std::optional<AttachDecision> CheckOwner(const AttachQuestion& question,
                                         const SinkPosition& position) {
  if (position.stream_id != question.stream_id) {
    return Refuse(AttachOutcome::kForeign,
                  fmt::format("the sink holds stream '{}', this node's is '{}': point the sink "
                              "elsewhere, or use the home that it belongs to",
                              position.stream_id, question.stream_id));
  }
  const bool refused_before =
      question.refused_epoch > Epoch() && position.epoch >= question.refused_epoch;
  if (question.first_answer && (position.epoch >= question.epoch || refused_before)) {
    AttachDecision decision = Refuse(
        AttachOutcome::kForeign,
        fmt::format("the sink has seen epoch {}, this node came with {}: another node or a copy of "
                    "this home writes to it: stop that one; of a restored home `sluice sink repair "
                    "--take-over` makes this node its owner",
                    position.epoch, refused_before ? question.refused_epoch : question.epoch));
    decision.foreign_epoch = position.epoch;
    return decision;
  }
  if (position.epoch > question.epoch) {
    return Refuse(
        AttachOutcome::kFenced,
        fmt::format("the sink has seen epoch {}, this instance has {}: a newer instance is "
                    "at work on it: stop whichever of the two nodes is not to write there",
                    position.epoch, question.epoch));
  }
  return std::nullopt;
}

AttachDecision Snapshot() {
  AttachDecision decision;
  decision.outcome = AttachOutcome::kSnapshot;
  return decision;
}

// What an instance answers that has just taken a snapshot at *question.copied.
Result<AttachDecision> DecideAfterSnapshot(const AttachQuestion& question) {
  const Base& base = *question.copied;
  const SinkPosition& position = *question.position;
  if (position.empty || position.height != base.height || position.digest != base.digest) {
    return Refuse(
        AttachOutcome::kDiverged,
        fmt::format("the sink has taken a snapshot at height {}, and says that it {}: its "
                    "plugin does not keep what the extension promises",
                    base.height,
                    position.empty ? "is empty" : fmt::format("is at {}", position.height)));
  }
  if (base.height + 1 < question.first) return Snapshot();
  AttachDecision decision;
  decision.reason = AttachReason::kAfterSnapshot;
  decision.base = base;
  return decision;
}

}  // namespace

Result<AttachDecision> DecideAttach(const AttachQuestion& question, const DigestLookup& digest_at) {
  Base base;
  std::optional<Digest> said;  // the digest that the sink itself names
  if (!question.position) {
    base.height = question.stored_watermark;
  } else if (!question.position->empty) {
    if (auto refused = CheckOwner(question, *question.position)) return *std::move(refused);
    base.height = question.position->height;
    said = question.position->digest;
  }

  if (question.copied && question.position) return DecideAfterSnapshot(question);
  const bool holds_nothing = question.position ? question.position->empty : base.height == Height();
  const bool is_new = question.first_answer && holds_nothing && !question.has_watermark_record;
  const bool copies = question.snapshot || (is_new && question.start == SinkStart::kSnapshot);
  if (copies && question.committed > Height()) return Snapshot();

  if (base.height > question.journaled) {
    AttachDecision decision =
        Refuse(AttachOutcome::kAhead,
               fmt::format("the sink is at {}, the node at {}: nothing is delivered until the node "
                           "gets there",
                           base.height, question.journaled));
    if (said) base.digest = *said;
    decision.base = base;
    return decision;
  }
  AttachDecision decision;
  decision.reason = base.height == Height() ? AttachReason::kGenesis : AttachReason::kResumed;
  if (is_new && question.start == SinkStart::kLatest && question.committed > Height()) {
    // Not at J: what waits at the gate may be waiting for this sink.
    base.height = std::max(question.committed + 1, question.first) - 1;
    decision.reason = AttachReason::kLatest;
  } else if (base.height + 1 < question.first) {
    if (question.on_gap == OnGap::kSnapshot) return Snapshot();
    if (!question.first_answer || question.on_gap != OnGap::kSkip) {
      return Gap(question, base.height);
    }
    decision.skipped_from = base.height + 1;
    base.height = question.first - 1;
    decision.reason = AttachReason::kGapSkipped;
    said.reset();
  }

  SLUICE_ASSIGN_OR_RETURN(base.digest, digest_at(base.height));
  if (said && *said != base.digest) {
    return Refuse(
        AttachOutcome::kDiverged,
        fmt::format("the sink's digest at height {} is {}, the node's is {}: it holds "
                    "another history: `sluice sink snapshot` replaces it by the present state; or "
                    "give the sink an empty place, or use the home that it belongs to",
                    base.height, said->ToHex().substr(0, 16), base.digest.ToHex().substr(0, 16)));
  }
  decision.base = base;
  return decision;
}

}  // namespace sluice
