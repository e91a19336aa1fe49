// SPDX-License-Identifier: Apache-2.0
//
// What a start finds in the folder, and what it repairs: a torn tail of the last file is cut, a
// last file without anything whole is removed, and each is logged. Damage is reported and nothing
// is touched.
//
// The last file is read in full. Of the others the beginning is read, and their length compared
// with what the next file says it must be (jsonl: their last line with the next file's name): a
// missing or shortened file is found without reading everything. `sluice stream verify` reads
// everything.
//
// Threading: control thread, under the lock on FENCE.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "file/fault.h"
#include "file/file_reader.h"
#include "file/height_encoder.h"
#include "file/stream_folder.h"

namespace sluice_file {

using LogFunction = std::function<void(int32_t level, std::string_view text)>;

// The digests of the newest heights that the sink holds, to tell a height delivered again from one
// that differs.
class RecentDigests {
 public:
  void Add(uint64_t height, const Digest& digest);
  // Forgets the heights above.
  void CutTo(uint64_t height);
  const Digest* Find(uint64_t height) const;

 private:
  uint64_t first_ = 0;
  std::deque<Digest> digests_;
};

struct Recovered {
  std::vector<StreamFile> files;
  bool has_position = false;  // false: the folder holds nothing of a stream
  Position position;
  bool last_has_heights = false;   // the last file holds more than its base
  bool last_is_snapshot = false;   // the last file is a snapshot: heights begin a new one
  uint64_t last_entry_offset = 0;  // of the last entry, in the last file
  FileStart last_start;            // of the last file
  std::string stream;              // as the files say; empty where there is none
  RecentDigests recent;
};

struct RecoveryArgs {
  std::filesystem::path folder;
  Format format = Format::kSegments;
  std::string stream;
  std::string sink;
};

// Where the files are of another stream, *recovered says which, and nothing is repaired.
Fault Recover(const RecoveryArgs& args, const LogFunction& log, Recovered* recovered);

}  // namespace sluice_file
