// SPDX-License-Identifier: Apache-2.0
//
// Reads one segment (frame.h): header, base, then one frame a height, each checked by its checksum
// and chained to the one before it; or header and snapshot. A snapshot's file gets its name when it
// is whole and durable, so a bad place in it is damage, never a torn tail. Threading, lifetime: see
// FileReader.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "file/file_reader.h"
#include "file/file_window.h"

namespace sluice_file {

class SegmentReader : public FileReader {
 public:
  static Fault Open(const std::filesystem::path& path, bool is_last,
                    std::unique_ptr<FileReader>* reader);

  bool Next(Entry* entry) override;

 private:
  SegmentReader(const std::filesystem::path& path, bool is_last)
      : FileReader(path), is_last_(is_last) {}

  bool ReadHeader();
  // A bad place at whole_bytes_: the end of the reading if it is a torn tail, else damage.
  bool Bad(const std::string& what);
  bool WholeFrameFollows(bool* follows);
  bool CheckChain(const Frame& frame);
  bool CheckSnapshot(const Frame& frame);
  bool GiveSnapshot(const Frame& frame, Entry* entry);
  // The content of a frame that may be compressed.
  bool GetContent(const Frame& frame, std::string_view* content);
  bool Give(const Frame& frame, uint64_t size, Entry* entry);

  const bool is_last_;
  FileWindow window_;
  bool header_read_ = false;
  uint64_t first_height_ = 0;
  bool has_last_ = false;  // a frame has been read; the next two are its own
  uint64_t last_height_ = 0;
  uint64_t last_epoch_ = 0;
  Digest last_digest_{};
  bool in_snapshot_ = false;
  bool snapshot_ended_ = false;
  uint64_t snapshot_rows_ = 0;
  std::string uncompressed_;
};

}  // namespace sluice_file
