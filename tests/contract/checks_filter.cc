// SPDX-License-Identifier: Apache-2.0
//
// A sink that gets a part of the changes.
#include <fmt/core.h>

#include "contract/check.h"
#include "contract/content.h"

namespace sluice::contract {
namespace {

// What passes is kept, and the position is that of the unfiltered chain.
Status HoldsWhatPasses(CheckContext* context, const History& history, const ChangeFilter& filter) {
  IncarnationOptions options;
  options.filter = filter;
  SLUICE_RETURN_IF_ERROR(context->Fill(history, history.last() - 2, options));
  SLUICE_RETURN_IF_ERROR(context->Fill(history, history.last(), options));
  SLUICE_RETURN_IF_ERROR(ExpectStandsAt(context, history, history.last(), {}, options));
  return ExpectContent(context, history, history.last(), filter);
}

Status OneStore(CheckContext* context) {
  History history = context->NewHistory();
  history.AddOrdinary(12);
  return HoldsWhatPasses(context, history, {{"orders"}, {}});
}

Status KeyPrefix(CheckContext* context) {
  History history = context->NewHistory();
  history.AddOrdinary(12);
  return HoldsWhatPasses(context, history, {{}, {"order-1", "k3"}});
}

// At the beginning, in the middle, at the end.
Status EmptiedHeights(CheckContext* context) {
  History history = context->NewHistory();
  history.Add({Set("main", "a", "1")});
  history.Add({Set("main", "b", "1")});
  history.Add({Set("orders", "kept", "1"), Set("main", "a", "2")});
  history.Add({Delete("main", "a")});
  history.Add({});
  history.Add({Delete("orders", "kept"), Set("orders", "kept too", "1")});
  history.Add({Set("main", "c", "1")});
  history.Add({Set("main", "c", "2")});
  return HoldsWhatPasses(context, history, {{"orders"}, {}});
}

}  // namespace

std::vector<Check> FilterChecks() {
  const char* const kWhy =
      "with a filter the digests are still those of the whole stream; only so can the node tell "
      "that the sink follows the same history";
  const char* const kChange =
      "store the batch's digest as it is, mark what is FILTERED, and ack heights without changes";
  return {
      {"filter.one_store", kWhy, kChange, OneStore},
      {"filter.key_prefix", kWhy, kChange, KeyPrefix},
      {"filter.emptied_heights", "a height that the filter empties is delivered and acked", kChange,
       EmptiedHeights},
  };
}

}  // namespace sluice::contract
