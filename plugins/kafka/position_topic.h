// SPDX-License-Identifier: Apache-2.0
//
// Reading the position topic. All positions stand in its partition 0; the last record of a key
// counts, as for compaction.
//
// Two readings are needed at a start. Before the older incarnation is fenced, only what is stable
// is read, since a transaction of it may stay open for ever: that answers who writes here. After
// it, everything up to the end is, for a commit under way may have completed in between: that
// answers where the sink stands.
//
// Threading: one thread. Ownership: borrows the clients.
#pragma once

#include <optional>
#include <sluice/plugin.hpp>
#include <string>

#include "kafka/call_limit.h"
#include "kafka/client.h"
#include "kafka/position.h"

namespace sluice_kafka {

enum class ReadThrough {
  kStable,   // the last stable offset: does not wait for open transactions
  kSettled,  // the same, once SettledOffsets has given it
  kEnd,      // everything written before the call; waits for open transactions of others
};

// Properties of the consumer that these functions take: what is not committed is not seen.
Properties ReaderProperties();
// The same; what is read ahead is bounded, a partition and in all.
Properties BoundedReaderProperties();

// `uncommitted`: a client that is asked for the end with uncommitted records; may be null with
// kStable. Nothing in *position: no record, or the topic is missing. RETRY: not readable now; with
// kEnd also a missing topic, which is there by then.
sluice::sdk::Status ReadPosition(Client* consumer, Client* uncommitted, const std::string& topic,
                                 const std::string& key, ReadThrough through,
                                 const CallLimit& limit, std::optional<Position>* position);

// Where a partition begins and ends, as the client's isolation level sees it. RETRY: no broker
// tells.
sluice::sdk::Status AskOffsets(Client* client, const std::string& topic, int32_t partition,
                               const CallLimit& limit, int64_t* low, int64_t* high);

// Where a partition begins, and its last stable offset. A committed transaction becomes visible one
// partition after the other, so for a short time this waits until nothing before the present end is
// undecided; a transaction that a dead writer has left open is not waited for any longer.
sluice::sdk::Status SettledOffsets(Client* consumer, Client* uncommitted, const std::string& topic,
                                   int32_t partition, const CallLimit& limit, int64_t* low,
                                   int64_t* end);

}  // namespace sluice_kafka
