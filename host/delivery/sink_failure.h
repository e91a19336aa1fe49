// SPDX-License-Identifier: Apache-2.0
//
// Why an instance of a sink can not go on: what it is (which decides what the lifecycle does) and
// the words for people. Threading: plain values.
#pragma once

#include <string_view>

#include "base/status.h"

namespace sluice {

enum class SinkFault {
  kRetryable,  // a new instance may do better
  // All others are not retried but by command.
  kExhausted,  // one height failed retry.max_attempts times
  kDiverged,   // the sink holds another history
  kForeign,    // the sink belongs to another stream or another node
  kGap,        // the journal no longer has what the sink needs next
  kFenced,     // a newer epoch is at work at the sink
  kRejected,   // the sink can never take this height
};

// "retryable", "exhausted", …: the names in `status`.
constexpr std::string_view SinkFaultName(SinkFault fault) {
  switch (fault) {
    case SinkFault::kRetryable:
      return "retryable";
    case SinkFault::kExhausted:
      return "exhausted";
    case SinkFault::kDiverged:
      return "diverged";
    case SinkFault::kForeign:
      return "foreign";
    case SinkFault::kGap:
      return "gap";
    case SinkFault::kFenced:
      return "fenced";
    case SinkFault::kRejected:
      return "rejected";
  }
  return "unknown";
}

struct SinkFailure {
  SinkFault fault = SinkFault::kRetryable;
  Status status;
};

}  // namespace sluice
