// SPDX-License-Identifier: Apache-2.0
//
// The records of one partition, between two offsets, without those of copies of the state other
// than the one that counts.
// Threading: one thread. Ownership: borrows the consumer; ends its reading when destroyed.
#pragma once

#include <cstdint>
#include <memory>
#include <sluice/plugin.hpp>
#include <string>

#include "kafka/client.h"
#include "kafka/position.h"
#include "kafka/record_decoder.h"
#include "kafka/topic_content.h"

namespace sluice_kafka {

class PartitionReader {
 public:
  // `range`: from where the partition begins. What counts of it `position` says, which must outlive
  // the reader.
  static sluice::sdk::Status Open(Client* consumer, OffsetRange range, Layout layout,
                                  const Position& position, std::unique_ptr<PartitionReader>* out);
  ~PartitionReader();
  PartitionReader(const PartitionReader&) = delete;
  PartitionReader& operator=(const PartitionReader&) = delete;

  // Reads the next record, unless it is at the end.
  sluice::sdk::Status Advance();
  bool at_end() const { return at_end_; }
  const StoredRecord& record() const { return record_; }
  // Whether records before the first are gone that would count.
  bool truncated() const { return truncated_; }
  // "topic orders, partition 0, offset 12", of the present record.
  std::string Place() const;

 private:
  PartitionReader(Client* consumer, OffsetRange range, Layout layout, const Position& position)
      : consumer_(consumer), layout_(layout), position_(position), range_(std::move(range)) {}
  bool IsOfOtherCopy(const StoredRecord& record) const;

  Client* const consumer_;
  const Layout layout_;
  const Position& position_;
  OffsetRange range_;
  rd_kafka_topic_t* handle_ = nullptr;
  bool started_ = false;
  bool at_end_ = false;
  bool truncated_ = false;
  int64_t next_ = 0;
  StoredRecord record_;
};

}  // namespace sluice_kafka
