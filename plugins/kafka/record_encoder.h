// SPDX-License-Identifier: Apache-2.0
//
// From a height to records.
//
// clang-format off
// | layout  | key                            | value, protobuf                 | value, json                                    |
// |---------|--------------------------------|---------------------------------|------------------------------------------------|
// | changes | the key; store, 0, key where the topic holds several stores | Change, as in the canonical bytes | its change line |
// | blocks  | the height, in decimal digits  | canonical bytes                 | its change lines, and the line that closes them |
// clang-format on
//
// In layout changes a delete has no value, so that compaction removes the key. In layout blocks a
// value above chunk_bytes is cut into several records of the same key, numbered by their headers.
//
// Threading: one thread an encoder, which keeps its buffers between calls.
#pragma once

#include <cstdint>
#include <sluice/plugin.hpp>
#include <string>

#include "kafka/record.h"
#include "kafka/settings.h"

namespace sluice_kafka {

class RecordEncoder {
 public:
  using Emit = EmitRecord;

  RecordEncoder(const Settings& settings, std::string stream, bool plain_keys);

  // Calls `emit` for each record, in order, until it does not answer OK: that is what is returned.
  sluice::sdk::Status Encode(const sluice::sdk::Batch& batch, const Emit& emit);

 private:
  sluice::sdk::Status EncodeChanges(const sluice::sdk::Batch& batch, const Emit& emit);
  sluice::sdk::Status EncodeBlock(const sluice::sdk::Batch& batch, const Emit& emit);

  const Layout layout_;
  const Encoding encoding_;
  const uint64_t chunk_bytes_;
  const std::string stream_;
  const bool plain_keys_;
  Record record_;
  std::string key_;
  std::string value_;
};

}  // namespace sluice_kafka
