// SPDX-License-Identifier: Apache-2.0
//
// Writes a copy of the present state into a file beside those of the stream, and puts it in their
// place once it is whole (stream_folder.h says how): until then the sink stands where it stood.
//
// Threading: control thread. Ownership: the unfinished file, which goes with the object.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <sluice/plugin.hpp>

#include "file/fault.h"
#include "file/height_encoder.h"
#include "file/recovery.h"
#include "file/settings.h"
#include "file/synced_file.h"

namespace sluice_file {

class SnapshotWriter {
 public:
  // Nothing of the stream is changed. `encoder` outlives the writer.
  static Fault Begin(const Settings& settings, HeightEncoder* encoder, const SnapshotStart& start,
                     std::unique_ptr<SnapshotWriter>* writer);
  ~SnapshotWriter();
  SnapshotWriter(const SnapshotWriter&) = delete;
  SnapshotWriter& operator=(const SnapshotWriter&) = delete;

  // kInvalid: not the part that is next.
  Fault Add(const sluice::sdk::SnapshotPart& part);

  // The snapshot is what the folder holds, durably; *recovered is what a start would find. After a
  // fault the folder holds either what it held before or the snapshot: only a start tells.
  Fault End(Recovered* recovered);

 private:
  SnapshotWriter(const Settings& settings, HeightEncoder* encoder, const SnapshotStart& start);

  const Settings settings_;
  HeightEncoder* const encoder_;
  const SnapshotStart start_;
  const std::filesystem::path path_;  // in the end
  std::unique_ptr<SyncedFile> file_;
  uint64_t next_part_ = 0;
  uint64_t rows_ = 0;
  bool done_ = false;
};

}  // namespace sluice_file
