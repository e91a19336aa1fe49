// SPDX-License-Identifier: Apache-2.0
//
// Reads a stream as it stands in its folder, or one file of it: height by height, across files,
// with what ties them together checked: heights dense, digests chained, no file missing or
// shortened in between. What `sluice stream dump`, `sluice stream verify`, `sluice replay` and
// the sink's read-back use.
//
// Threading: one thread; another process may write meanwhile (its unfinished tail is not seen).
// Memory: one height. Lifetime: what an entry points to is valid until the next call of Next.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "file/fault.h"
#include "file/file_reader.h"
#include "file/stream_folder.h"

namespace sluice_file {

class StreamReader {
 public:
  // `path`: a folder or a single file. `from_height`: heights below it are not given (bases and
  // gaps are). A folder without files of a stream is an empty stream, not a fault.
  static Fault Open(const std::filesystem::path& path, uint64_t from_height,
                    std::unique_ptr<StreamReader>* reader);

  // False at the end and on a fault.
  bool Next(Entry* entry);

  const Fault& fault() const { return fault_; }
  Format format() const { return format_; }
  const std::vector<StreamFile>& files() const { return files_; }
  const std::string& stream() const { return stream_; }
  const std::string& sink() const { return sink_; }
  // The file of the last entry given.
  const std::filesystem::path& file() const { return files_[current_].path; }
  // At the end of the reading: bytes of the last file behind its last whole height.
  uint64_t torn_bytes() const { return torn_bytes_; }

 private:
  StreamReader() = default;

  bool OpenNextFile();
  bool CheckAcrossFiles(const Entry& entry);
  bool Fail(Fault fault) {
    fault_ = std::move(fault);
    return false;
  }

  std::vector<StreamFile> files_;
  Format format_ = Format::kSegments;
  uint64_t from_height_ = 0;
  size_t current_ = 0;
  size_t next_ = 0;  // of files_
  std::unique_ptr<FileReader> reader_;
  Fault fault_;
  std::string stream_;
  std::string sink_;
  uint64_t torn_bytes_ = 0;
  // The position after the last entry; nothing before the first.
  bool has_position_ = false;
  uint64_t height_ = 0;
  uint64_t epoch_ = 0;
  Digest digest_{};
};

}  // namespace sluice_file
