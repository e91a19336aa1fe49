// SPDX-License-Identifier: Apache-2.0
//
// What one record of a topic of data consists of, whichever way it goes. Threading: values.
#pragma once

#include <cstdint>
#include <optional>
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

// To be stored. Views are valid as long as the call that hands it on.
struct Record {
  uint64_t height = 0;
  int32_t partition = -1;  // -1: by the key
  std::string_view store;  // whose topic
  std::string_view key;
  std::optional<std::string_view> value;  // nothing: a tombstone
  std::vector<std::pair<const char*, std::string_view>> headers;
};

}  // namespace sluice_kafka
