// SPDX-License-Identifier: Apache-2.0
//
// What a topic holds before the sink writes to it. Offsets do not tell: records of a transaction
// that was aborted leave some, and no reader sees them.
//
// Threading: one thread. Ownership: borrows a consumer with ReaderProperties.
#pragma once

#include <functional>
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

// Whether a partition of the topic begins with a committed record that is not `own`; an empty
// function: with any. Reads up to the first one.
using IsOwn = std::function<bool(const rd_kafka_message_t& record)>;
sluice::sdk::Status HoldsRecords(Client* consumer, const std::string& topic, const IsOwn& own,
                                 const CallLimit& limit, bool* holds);

}  // namespace sluice_kafka
