// SPDX-License-Identifier: Apache-2.0
//
// Acks: each incarnation holds every ack to the rules (ack_recorder.h); these checks make the sink
// give them in every way it has.
#include <fmt/core.h>

#include <algorithm>

#include "contract/check.h"
#include "contract/content.h"

namespace sluice::contract {
namespace {

Status SingleHeights(CheckContext* context) {
  History history = context->NewHistory();
  history.AddOrdinary(20);
  {
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink, context->Open(history));
    for (Height h(1); h <= history.last(); ++h) {
      SLUICE_RETURN_IF_ERROR(sink->Deliver(history, h, h));
      if (sink->acks().highest_acked() != h) {
        return Wrong("height {} is delivered, {} is acked", h, sink->acks().highest_acked());
      }
    }
  }
  SLUICE_RETURN_IF_ERROR(ExpectStandsAt(context, history, history.last()));
  return ExpectContent(context, history, history.last());
}

// A backlog: heights wait, and the sink may take many at once.
Status Backlog(CheckContext* context) {
  History history = context->NewHistory();
  history.AddOrdinary(500);
  SLUICE_RETURN_IF_ERROR(context->Fill(history, history.last()));
  SLUICE_RETURN_IF_ERROR(ExpectStandsAt(context, history, history.last()));
  return ExpectContent(context, history, history.last());
}

// Groups of every size, one after the other, in one incarnation and in several.
Status Groups(CheckContext* context) {
  History history = context->NewHistory();
  history.AddOrdinary(60);
  for (uint64_t size = 1; size <= 8; ++size) {
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink, context->Open(history));
    const Height at = sink->base().height;
    SLUICE_RETURN_IF_ERROR(sink->Deliver(history, at + 1, at + size));
    if (size % 2 == 0) {
      SLUICE_RETURN_IF_ERROR(sink->Deliver(history, at + size + 1, at + size + 2));
    }
  }
  SLUICE_RETURN_IF_ERROR(context->Fill(history, history.last()));
  return ExpectContent(context, history, history.last());
}

Status Parts(CheckContext* context) {
  History history = context->NewHistory();
  SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<Incarnation> sink, context->Open(history));
  const uint64_t part = sink->started().max_part_bytes;
  if (part == 0) {
    context->NotChecked("the sink takes whole heights, not parts");
    return Status::Ok();
  }
  sink.reset();
  const size_t value = std::min<uint64_t>(part, 1U << 20U);
  for (size_t count = 1; count <= 4; ++count) {
    std::vector<Op> ops;
    for (size_t i = 0; i < count; ++i) {
      ops.push_back(Set("main", fmt::format("part-{}", i), std::string(value, 'a')));
    }
    history.Add(ops);
    history.Add({});
  }
  SLUICE_RETURN_IF_ERROR(context->Fill(history, history.last()));
  SLUICE_RETURN_IF_ERROR(ExpectStandsAt(context, history, history.last()));
  return ExpectContent(context, history, history.last());
}

}  // namespace

std::vector<Check> AckChecks() {
  const char* const kRules =
      "ack what was delivered to this instance, once it is stored, with the epoch and the attempt "
      "of the last height's batch and at the level that start gave";
  return {
      {"acks.of_single_heights",
       "a commit waits for the ack of its height; what acks too much or too late loses data or "
       "stops the node",
       kRules, SingleHeights},
      {"acks.of_groups", "heights that wait share one ack; a wrong one names heights that are lost",
       kRules, Groups},
      {"acks.of_a_backlog", "a sink that was down catches up with everything at once", kRules,
       Backlog},
      {"acks.of_parts", "a height that comes in parts is acked once, when its last part is stored",
       "take parts as they come; ack the height after its last part only", Parts},
  };
}

}  // namespace sluice::contract
