// SPDX-License-Identifier: Apache-2.0
//
// From records as they are stored to changes and blocks: what RecordEncoder did, backwards.
// Threading: one thread a decoder.
#pragma once

#include <librdkafka/rdkafka.h>
#include <sluice/plugin.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "file/change_set_decoder.h"
#include "file/jsonl_line.h"
#include "kafka/settings.h"

namespace sluice_kafka {

// A record with its headers read. Owns its bytes.
struct StoredRecord {
  uint64_t height = 0;
  uint64_t sequence = 0;  // of a change in its height, of a row in its copy
  uint32_t transaction = 0;
  uint32_t chunk = 0;
  uint32_t chunks = 1;
  bool of_copy = false;  // of the state, whose height it has; these are set then only:
  uint64_t copy_epoch = 0;
  uint64_t copy_part = 0;              // layout blocks
  std::optional<uint64_t> copy_parts;  // layout blocks, of the record that ends the copy
  sluice_digest digest{};
  std::optional<sluice_digest> previous_digest;
  std::string stream;
  std::string store;
  std::string key;  // the record's
  bool is_tombstone = false;
  std::string value;  // the record's
};

struct StoredChange {
  bool is_delete = false;
  uint32_t transaction = 0;
  uint32_t sequence = 0;
  std::string store;
  std::string key;
  std::string value;
};

// What is wrong with the record, or nothing.
std::string ReadRecord(const rd_kafka_message_t& message, Layout layout, StoredRecord* out);

class RecordDecoder {
 public:
  RecordDecoder(Encoding encoding, bool plain_keys)
      : encoding_(encoding), plain_keys_(plain_keys) {}

  bool is_protobuf() const { return encoding_ == Encoding::kProtobuf; }
  // Each returns what is wrong, or nothing.
  std::string DecodeChange(const StoredRecord& record, StoredChange* out);
  // A block's value, or that of a copy's part, its chunks put together.
  std::string DecodeBlock(std::string_view value, std::vector<StoredChange>* changes,
                          bool* filtered);

 private:
  std::string DecodeLines(std::string_view value, std::vector<StoredChange>* changes,
                          bool* filtered);

  const Encoding encoding_;
  const bool plain_keys_;
  sluice_file::JsonlParser parser_;
  sluice_file::JsonlLine line_;
  sluice_file::ChangeSetView view_;
  std::string wrapped_;
};

}  // namespace sluice_kafka
