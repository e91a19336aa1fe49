// SPDX-License-Identifier: Apache-2.0
//
// What one record of a topic of data consists of, whichever way it goes. Threading: values.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <sluice/plugin.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice_kafka {

// Names of headers; all values are text. docs/sinks/kafka.md explains them to readers.
inline constexpr char kHeaderStream[] = "sluice-stream";
inline constexpr char kHeaderHeight[] = "sluice-height";
inline constexpr char kHeaderSequence[] = "sluice-seq";
inline constexpr char kHeaderTransaction[] = "sluice-tx";
inline constexpr char kHeaderStore[] = "sluice-store";
inline constexpr char kHeaderDigest[] = "sluice-digest";
// Layout blocks only.
inline constexpr char kHeaderPreviousDigest[] = "sluice-previous-digest";
inline constexpr char kHeaderChunk[] = "sluice-chunk";    // from 0; only where there are several
inline constexpr char kHeaderChunks[] = "sluice-chunks";  // how many there are
// Of the records of a copy of the state; the epoch of the start that wrote it.
inline constexpr char kHeaderSnapshot[] = "sluice-snapshot";  // its height
inline constexpr char kHeaderEpoch[] = "sluice-epoch";
// Layout blocks only.
inline constexpr char kHeaderPart[] = "sluice-part";  // from 0
inline constexpr char kHeaderParts[] =
    "sluice-parts";  // how many; of the record that ends the copy

// To be stored. Views are valid as long as the call that hands it on.
struct Record {
  uint64_t height = 0;
  int32_t partition = -1;  // -1: by the key
  std::string_view store;  // whose topic
  std::string_view key;
  std::optional<std::string_view> value;  // nothing: a tombstone
  std::vector<std::pair<const char*, std::string_view>> headers;
};

// Takes records one by one; what it answers but OK ends the encoding that calls it.
using EmitRecord = std::function<sluice::sdk::Status(const Record&)>;

}  // namespace sluice_kafka
