// SPDX-License-Identifier: Apache-2.0
//
// Which keys a topic of layout changes holds a value of that a copy of the state has not written:
// those that the state does not have any more. Compares what the partitions held before the copy
// with what they hold since, reading both once a share of the keys that fits into memory (see
// key_table.h).
//
// Threading: one thread. Ownership: borrows the consumer, which needs ReaderProperties.
#pragma once

#include <cstdint>
#include <functional>
#include <sluice/plugin.hpp>
#include <string>
#include <vector>

#include "kafka/call_limit.h"
#include "kafka/client.h"
#include "kafka/key_table.h"

namespace sluice_kafka {

// A partition of the topic: what counted before the copy, and the copy.
struct CopiedPartition {
  int64_t before_from = 0;  // offset of the first record that counts
  int64_t copy_from = 0;
  int64_t copy_end = 0;  // records behind it are not looked at
};

struct StaleKeySearch {
  std::string topic;
  std::string stream;  // records of others are passed over
  std::vector<CopiedPartition> partitions;
  uint64_t memory_bytes = uint64_t{32} << 20;
};

// Calls `take` with one share of the keys after the other, each with the partition and the store of
// the record that held its value; what it answers but OK ends the search. `limit`: for the time
// between two records that are read. RETRY: the topic cannot be read now.
using TakeStaleKeys = std::function<sluice::sdk::Status(const KeyTable& keys)>;
sluice::sdk::Status FindStaleKeys(Client* consumer, const StaleKeySearch& search,
                                  const CallLimit& limit, const TakeStaleKeys& take);

}  // namespace sluice_kafka
