// SPDX-License-Identifier: Apache-2.0
//
// What a topic holds before the sink writes to it. Offsets do not tell: records of a transaction
// that was aborted leave some, and no reader sees them.
//
// Threading: one thread. Ownership: borrows a consumer with ReaderProperties.
#pragma once

#include <cstdint>
#include <functional>
#include <sluice/plugin.hpp>
#include <string>
#include <vector>

#include "kafka/call_limit.h"
#include "kafka/client.h"

namespace sluice_kafka {

// A part of one partition: from an offset to before another.
struct OffsetRange {
  std::string topic;
  int32_t partition = 0;
  int64_t from = 0;
  int64_t end = 0;

  // "topic orders, partition 0"
  std::string Place() const;
};

// Hands each committed record of the range to `take`, in order, until it answers false. `limit`:
// for the time between two of them. RETRY: not readable now, as where a transaction before the end
// is open.
using TakeRecord = std::function<bool(const rd_kafka_message_t& record)>;
sluice::sdk::Status ReadRange(Client* consumer, const OffsetRange& range, CallLimit limit,
                              const TakeRecord& take);

// Where each partition of the topic ends, with what is not committed, as `uncommitted` sees it.
// RETRY: no broker tells, or the one that was asked does not know the topic.
sluice::sdk::Status AskEnds(Client* consumer, Client* uncommitted, const std::string& topic,
                            const CallLimit& limit, std::vector<int64_t>* ends);

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
