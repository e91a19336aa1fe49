// SPDX-License-Identifier: Apache-2.0
//
// What a topic holds before the sink writes to it. Offsets do not tell: records of a transaction
// that was aborted leave some, and no reader sees them.
//
// Threading: one thread. Ownership: borrows a consumer with ReaderProperties.
#pragma once

#include <sluice/plugin.hpp>
#include <string>

#include "kafka/call_limit.h"
#include "kafka/client.h"

namespace sluice_kafka {

// Whether the topic is there and has ever held anything, also what has been removed or aborted
// since. `uncommitted`: a client that sees the end with uncommitted records. RETRY of both: not
// readable now.
sluice::sdk::Status IsWritten(Client* consumer, Client* uncommitted, const std::string& topic,
                              const CallLimit& limit, bool* written);

// Whether the topic holds a committed record; reads up to the first one.
sluice::sdk::Status HoldsRecords(Client* consumer, const std::string& topic, const CallLimit& limit,
                                 bool* holds);

}  // namespace sluice_kafka
