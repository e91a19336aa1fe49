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
                  "sink a copy that reaches further, or go on without them by on_gap = \"skip\"",
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
  const bool holds_nothing = question.position ? question.position->empty : base.height == Height();
  if (question.first_answer && question.start == SinkStart::kLatest && holds_nothing &&
      !question.has_watermark_record && question.committed > Height()) {
    // Not at J: what waits at the gate may be waiting for this sink.
    base.height = std::max(question.committed + 1, question.first) - 1;
    decision.reason = AttachReason::kLatest;
  } else if (base.height + 1 < question.first) {
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
                    "another history; give it an empty place, or use the home that it belongs to",
                    base.height, said->ToHex().substr(0, 16), base.digest.ToHex().substr(0, 16)));
  }
  decision.base = base;
  return decision;
}

}  // namespace sluice
