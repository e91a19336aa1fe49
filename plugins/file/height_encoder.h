// SPDX-License-Identifier: Apache-2.0
//
// From what is delivered, or comes with a snapshot, to what is stored, one implementation a format.
// Where, when and how durably it is written is StreamWriter's. Threading: delivery thread.
#pragma once

#include <cstdint>
#include <memory>
#include <sluice/plugin.hpp>
#include <string>

#include "file/frame.h"
#include "file/settings.h"

namespace sluice_file {

// A place in the stream: after `height`.
struct Position {
  uint64_t epoch = 0;
  uint64_t height = 0;
  Digest digest{};
};

// What the beginning of a file says.
struct FileStart {
  Position base;           // the file's first height is base.height + 1
  bool is_gap = false;     // heights between `before` and `base` were skipped
  Digest before_digest{};  // of the position before the gap; else base.digest
  SegmentLink link;
};

// What of a snapshot is the same in all its parts.
struct SnapshotStart {
  Position at;
  bool filtered = false;
  int64_t time_unix_nanos = 0;
  uint64_t rows_about = 0;
};

class HeightEncoder {
 public:
  virtual ~HeightEncoder() = default;
  virtual void AppendFileStart(const FileStart& start, std::string* out) = 0;
  virtual void AppendHeight(const sluice::sdk::Batch& batch, std::string* out) = 0;
  // A file that holds a snapshot: the beginning with the file's own, rows, the end.
  virtual void AppendSnapshotBegin(const SnapshotStart& start, std::string* out) = 0;
  virtual void AppendSnapshotPart(const SnapshotStart& start, const sluice::sdk::SnapshotPart& part,
                                  std::string* out) = 0;
  virtual void AppendSnapshotEnd(const SnapshotStart& start, uint64_t rows, std::string* out) = 0;
};

std::unique_ptr<HeightEncoder> MakeHeightEncoder(const Settings& settings, std::string stream,
                                                 std::string sink);

}  // namespace sluice_file
