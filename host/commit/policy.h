// SPDX-License-Identifier: Apache-2.0
//
// The ack policy: the rule, over sinks, that decides when a height may commit.
//
//   policy = "fire-and-forget" | term { "and" term }
//   term   = "all" | "all" "(" names ")" | number "of" "(" names ")"
//   names  = name { "," name }
//
// Threading: plain values, immutable after parsing.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/types.h"

namespace sluice {

// What the operator wrote, with names.
struct PolicyTerm {
  bool every_counting_sink = false;  // `all` without a list
  bool all_listed = false;           // `all (…)`
  size_t needed = 0;                 // `N of (…)`
  std::vector<SinkName> sinks;
};
struct PolicyText {
  bool fire_and_forget = false;
  std::vector<PolicyTerm> terms;
};

// kConfiguration: the text says what was expected, and at which column (from 1) of `text`.
Result<PolicyText> ParsePolicy(std::string_view text);

// A sink as the policy sees it.
struct PolicySink {
  SinkName name;
  bool counted = true;  // ack = true
  bool enabled = true;
};

// The policy over sinks by their index: at least `needed` of `sinks` must have acked, for every
// term.
struct Policy {
  struct Term {
    size_t needed = 0;
    std::vector<size_t> sinks;
    friend bool operator==(const Term&, const Term&) = default;
  };
  bool fire_and_forget = false;
  std::vector<Term> terms;
  std::string text;  // as configured

  // True where the policy names this sink, or `all` covers it.
  bool Involves(size_t sink) const;
  friend bool operator==(const Policy&, const Policy&) = default;
};

// Checks the names. kConfiguration: unknown sink (with the nearest name there is), a sink that does
// not ack or is not enabled, a sink twice in one list, N zero or larger than its list, nothing to
// wait for.
Result<Policy> ResolvePolicy(std::string_view text, const std::vector<PolicySink>& sinks);

// "a height commits when audit has acked it and at least 1 of kafka, pg have", for status and
// people.
std::string DescribePolicy(const Policy& policy, const std::vector<PolicySink>& sinks,
                           AckLevel level);

}  // namespace sluice
