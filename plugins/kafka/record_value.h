// SPDX-License-Identifier: Apache-2.0
//
// Keys and values of records, in both encodings, as heights and copies of the state have them
// alike. Threading: pure functions.
#pragma once

#include <cstdint>
#include <sluice/plugin.hpp>
#include <string>
#include <string_view>

#include "kafka/record.h"
#include "kafka/settings.h"

namespace sluice_kafka {

using Changes = sluice::sdk::Strided<sluice_change>;

// Whether it is a set or a delete.
bool IsKnownChange(const sluice_change& change);

// The key of the change's record: its own, or after its store and a zero byte, in *buffer.
std::string_view RecordKey(const sluice_change& change, bool plain_keys, std::string* buffer);

// Layout changes: sets *value to that of a set.
void SetChangeValue(Encoding encoding, std::string_view stream, uint64_t height,
                    const sluice_change& change, std::string* value);

// Layout blocks, encoding json: what the line that closes a block's change lines says.
struct BlockLines {
  std::string_view stream;
  uint64_t height = 0;
  uint64_t epoch = 0;
  sluice_digest digest{};
  bool filtered = false;
};
// Sets *value to the change lines and the closing line, without its newline.
void SetBlockLines(const BlockLines& block, const Changes& changes, std::string* value);

// Layout blocks, encoding protobuf: sets *value to a ChangeSet in the canonical encoding, without
// transactions.
struct BlockBytes {
  std::string_view stream;
  uint64_t height = 0;
  int64_t time_unix_nanos = 0;
  bool filtered = false;
};
void SetBlockBytes(const BlockBytes& block, const Changes& changes, std::string* value);

// Emits `record` with `value`; where that is above `chunk_bytes`, several times, with a chunk and
// its number each.
sluice::sdk::Status EmitInChunks(std::string_view value, uint64_t chunk_bytes, Record* record,
                                 const EmitRecord& emit);

}  // namespace sluice_kafka
