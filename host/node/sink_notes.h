// SPDX-License-Identifier: Apache-2.0
//
// What the node notes of its sinks when it ends, for whoever looks at the stopped home: those that
// were not plainly running, and last errors. A start that succeeds takes it away again.
// Threading: pure functions.
#pragma once

#include <string>
#include <vector>

#include "lifecycle/sink_loop.h"

namespace sluice {

inline constexpr char kSinkNotesName[] = "sinks_at_end";

// A JSON array, or empty where there is nothing to say. What was configured away is not noted.
std::string EncodeSinkNotes(const std::vector<SinkStatus>& sinks);

// Sets reason, mode, sink_height and last_error of a stopped home's sink as they were noted of it.
// A record that cannot be read notes nothing.
void ApplySinkNotes(const std::string& record, SinkStatus* sink);

}  // namespace sluice
