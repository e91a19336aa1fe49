// SPDX-License-Identifier: Apache-2.0
#include "kafka/stale_keys.h"

#include <algorithm>

#include "kafka/record_decoder.h"
#include "kafka/topic_content.h"

namespace sluice_kafka {

using sluice::sdk::Status;

namespace {

// `before`: of what the topic held before the copy; else of the copy.
Status ReadInto(Client* consumer, const StaleKeySearch& search, bool before, const CallLimit& limit,
                KeyTable* table) {
  Status status;
  StoredRecord record;
  for (size_t i = 0; status.ok() && i < search.partitions.size(); ++i) {
    const CopiedPartition& partition = search.partitions[i];
    const auto number = static_cast<int32_t>(i);
    const OffsetRange range = {search.topic, number,
                               before ? partition.before_from : partition.copy_from,
                               before ? partition.copy_from : partition.copy_end};
    CallLimit patience = limit;
    patience.Renew();
    status = ReadRange(consumer, range, patience, [&](const rd_kafka_message_t& message) {
      const bool is_own =
          ReadRecord(message, Layout::kChanges, &record).empty() && record.stream == search.stream;
      if (!is_own) return true;
      if (before && !record.is_tombstone) {
        table->Put(record.key, number, record.store);
      } else {
        table->Erase(record.key);
      }
      return true;
    });
  }
  return status;
}

}  // namespace

Status FindStaleKeys(Client* consumer, const StaleKeySearch& search, const CallLimit& limit,
                     const TakeStaleKeys& take) {
  const bool held_nothing =
      std::all_of(search.partitions.begin(), search.partitions.end(),
                  [](const CopiedPartition& part) { return part.before_from >= part.copy_from; });
  if (held_nothing) return Status::Ok();
  std::vector<KeyShare> to_do = {KeyShare()};
  while (!to_do.empty()) {
    KeyTable table(to_do.back(), search.memory_bytes);
    to_do.pop_back();
    Status status = ReadInto(consumer, search, /*before=*/true, limit, &table);
    // In the copy's part there are rows only: a value of the present state.
    if (status.ok() && !table.keys().empty()) {
      status = ReadInto(consumer, search, /*before=*/false, limit, &table);
    }
    if (status.ok() && !table.keys().empty()) status = take(table);
    if (!status.ok()) return status;
    to_do.insert(to_do.end(), table.given_up().begin(), table.given_up().end());
  }
  return Status::Ok();
}

}  // namespace sluice_kafka
