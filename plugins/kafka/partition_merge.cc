// SPDX-License-Identifier: Apache-2.0
#include "kafka/partition_merge.h"

#include <algorithm>
#include <utility>

namespace sluice_kafka {

using sluice::sdk::Status;

void PartitionMerge::Add(std::unique_ptr<PartitionReader> reader) {
  readers_.push_back(std::move(reader));
  Push(readers_.size() - 1);
}

Status PartitionMerge::Pop() {
  const size_t index = std::get<2>(heads_.top());
  heads_.pop();
  Status status = readers_[index]->Advance();
  if (status.ok()) Push(index);
  return status;
}

bool PartitionMerge::IsWhole() const {
  return std::none_of(readers_.begin(), readers_.end(),
                      [](const auto& reader) { return reader->truncated(); });
}

uint64_t PartitionMerge::FirstWhole(uint64_t first, uint64_t all_gone) const {
  for (const auto& reader : readers_) {
    if (!reader->truncated()) continue;
    if (reader->at_end()) return all_gone;
    // A height of which a partition has lost the beginning.
    first = std::max(first, reader->record().height + 1);
  }
  return first;
}

void PartitionMerge::Push(size_t index) {
  const PartitionReader& reader = *readers_[index];
  if (reader.at_end()) return;
  heads_.emplace(reader.record().height, reader.record().sequence, index);
}

}  // namespace sluice_kafka
