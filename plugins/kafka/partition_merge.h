// SPDX-License-Identifier: Apache-2.0
//
// The partitions' records, merged by height and sequence; those of a copy of the state come first,
// with its height. Threading: one thread. Ownership: the readers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <sluice/plugin.hpp>
#include <tuple>
#include <vector>

#include "kafka/partition_reader.h"

namespace sluice_kafka {

class PartitionMerge {
 public:
  void Add(std::unique_ptr<PartitionReader> reader);
  bool empty() const { return heads_.empty(); }
  const PartitionReader& top() const { return *readers_[std::get<2>(heads_.top())]; }
  sluice::sdk::Status Pop();

  // Before the first Pop: whether all records are there that count, and the first height at or
  // above `first` that all partitions hold in full; `all_gone` where one holds nothing any more.
  bool IsWhole() const;
  uint64_t FirstWhole(uint64_t first, uint64_t all_gone) const;

 private:
  using Head = std::tuple<uint64_t, uint64_t, size_t>;  // height, sequence, reader
  void Push(size_t index);

  std::vector<std::unique_ptr<PartitionReader>> readers_;
  std::priority_queue<Head, std::vector<Head>, std::greater<>> heads_;
};

}  // namespace sluice_kafka
