// SPDX-License-Identifier: Apache-2.0
//
// What `stream verify` does: a stream read from beginning to end, and checked.
// Threading: one thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "model/digest.h"

namespace sluice_file {
class StreamReader;
}

namespace sluice {

// What `stream verify` found out.
struct StreamCheck {
  std::string stream;
  std::string sink;  // empty where the format does not name it
  uint64_t first = 0;
  uint64_t last = 0;  // 0: no height is there
  uint64_t segments = 0;
  uint64_t frames = 0;  // heights
  uint64_t bytes = 0;   // stored, whole ones
  uint64_t torn_bytes = 0;
  Digest digest;
  uint64_t snapshot_height = 0;  // the stream goes on behind a snapshot; 0: it does not
  uint64_t snapshot_rows = 0;
  // Whether digests were computed again from the bytes: not for filtered streams, nor for jsonl,
  // which do not hold the bytes that the digest is over.
  bool digest_checked = false;
  Status status;     // what is wrong, or OK
  std::string file;  // where, for damage
  uint64_t offset = 0;
};

// Not OK where what was opened at `path` is no stream: no file of one is there, nor a sink's fence.
Status CheckHasStream(const sluice_file::StreamReader& reader, const std::string& path);

// Reads all of it. Never fails: what is wrong is in the result's status.
StreamCheck CheckStream(const std::string& path);

}  // namespace sluice
