// SPDX-License-Identifier: Apache-2.0
//
// Reads one jsonl file (jsonl_line.h) height by height. A height is complete when its closing line
// is there and exactly as many well-formed lines of it as that says precede it. Lines carry no
// checksum: a changed value that is still well-formed is not found here; segments find it.
// A file that begins a snapshot holds nothing else, and all of it or it is damaged.
// Threading, lifetime: see FileReader. Memory: one height, or some rows of a snapshot.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "file/file_reader.h"
#include "file/file_window.h"
#include "file/jsonl_line.h"

namespace sluice_file {

class JsonlReader : public FileReader {
 public:
  static Fault Open(const std::filesystem::path& path, bool is_last,
                    std::unique_ptr<FileReader>* reader);

  bool Next(Entry* entry) override;

 private:
  enum class LineEnd { kLine, kUnfinished, kEndOfFile, kFault };

  JsonlReader(const std::filesystem::path& path, bool is_last);

  // The line at `offset` without its newline.
  LineEnd GetLine(uint64_t offset, std::string_view* line);
  bool Bad(uint64_t offset, const std::string& what);
  bool CompleteHeightFollows(uint64_t offset, bool* follows);
  // What is wrong with the line where it stands, or nothing.
  std::string CheckPlace(const JsonlLine& line) const;
  std::string CheckSnapshot(const JsonlLine& line) const;
  bool Give(const ClosingLine& closing, uint64_t end, Entry* entry);
  // What is in lines_.
  bool GiveRows(uint64_t end, Entry* entry);

  const bool is_last_;
  FileWindow window_;
  JsonlParser parser_;
  uint64_t next_height_;
  uint64_t last_epoch_ = 0;
  bool begun_ = false;  // a closing line or base has been read
  // Of a snapshot; nothing before its beginning.
  std::optional<ClosingLine> snapshot_;
  bool snapshot_ended_ = false;
  uint64_t snapshot_rows_ = 0;
  std::vector<JsonlLine> lines_;
};

}  // namespace sluice_file
