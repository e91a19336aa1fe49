// SPDX-License-Identifier: Apache-2.0
#include "kafka/key_table.h"

#include <functional>

namespace sluice_kafka {
namespace {

// Of a node of the table, its two strings and its place in the buckets.
constexpr uint64_t kEntryBytes = 128;
// More shares than that no topic needs; it ends the halving where all keys have one hash.
constexpr uint64_t kSharesMax = uint64_t{1} << 32;

uint64_t BytesOf(std::string_view key, std::string_view store) {
  return kEntryBytes + key.size() + store.size();
}

}  // namespace

bool KeyShare::Has(std::string_view key) const {
  return (std::hash<std::string_view>()(key) & (count - 1)) == index;
}

void KeyTable::Put(std::string_view key, int32_t partition, std::string_view store) {
  if (!share_.Has(key)) return;
  const auto [entry, added] = keys_.try_emplace(std::string(key));
  if (added) bytes_ += BytesOf(key, store);
  entry->second.partition = partition;
  entry->second.store = store;
  while (bytes_ > budget_bytes_ && keys_.size() > 1 && share_.count < kSharesMax) Halve();
}

void KeyTable::Erase(std::string_view key) {
  if (!share_.Has(key)) return;
  const auto found = keys_.find(std::string(key));
  if (found == keys_.end()) return;
  bytes_ -= BytesOf(key, found->second.store);
  keys_.erase(found);
}

void KeyTable::Halve() {
  const uint64_t half = share_.count;
  share_.count *= 2;
  given_up_.push_back({share_.count, share_.index + half});
  for (auto at = keys_.begin(); at != keys_.end();) {
    if (share_.Has(at->first)) {
      ++at;
      continue;
    }
    bytes_ -= BytesOf(at->first, at->second.store);
    at = keys_.erase(at);
  }
}

}  // namespace sluice_kafka
