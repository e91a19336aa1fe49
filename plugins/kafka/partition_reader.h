// SPDX-License-Identifier: Apache-2.0
//
// The records of one partition, between two offsets.
// Threading: one thread. Ownership: borrows the consumer; ends its reading when destroyed.
#pragma once

#include <cstdint>
#include <memory>
#include <sluice/plugin.hpp>
#include <string>

#include "kafka/client.h"
#include "kafka/record_decoder.h"

namespace sluice_kafka {

class PartitionReader {
 public:
  // From `low` to before `end`.
  static sluice::sdk::Status Open(Client* consumer, const std::string& topic, int32_t partition,
                                  int64_t low, int64_t end, Layout layout,
                                  const std::string& stream, std::unique_ptr<PartitionReader>* out);
  ~PartitionReader();
  PartitionReader(const PartitionReader&) = delete;
  PartitionReader& operator=(const PartitionReader&) = delete;

  // Reads the next record, unless it is at the end.
  sluice::sdk::Status Advance();
  bool at_end() const { return at_end_; }
  const StoredRecord& record() const { return record_; }
  // Whether records before the first are gone.
  bool truncated() const { return low_ > 0; }
  // "topic orders, partition 0, offset 12", of the present record.
  std::string Place() const;

 private:
  PartitionReader(Client* consumer, std::string topic, int32_t partition, Layout layout,
                  std::string stream)
      : consumer_(consumer),
        topic_(std::move(topic)),
        partition_(partition),
        layout_(layout),
        stream_(std::move(stream)) {}

  Client* const consumer_;
  const std::string topic_;
  const int32_t partition_;
  const Layout layout_;
  const std::string stream_;
  rd_kafka_topic_t* handle_ = nullptr;
  bool started_ = false;
  bool at_end_ = false;
  int64_t low_ = 0;
  int64_t end_ = 0;
  int64_t next_ = 0;
  StoredRecord record_;
};

}  // namespace sluice_kafka
