// SPDX-License-Identifier: Apache-2.0
#include "file/jsonl_reader.h"

#include <algorithm>

#include "file/stream_folder.h"

namespace sluice_file {
namespace {
constexpr uint64_t kLineBytes = 64 * 1024;  // tried first; doubled until the line's end is found
// Rows of a snapshot that are given together.
constexpr size_t kRowsMax = 4096;
constexpr uint64_t kRowBytesMax = uint64_t{1} << 20;
}  // namespace

JsonlReader::JsonlReader(const std::filesystem::path& path, bool is_last)
    : FileReader(path), is_last_(is_last), next_height_(FirstHeightOf(path)) {}

Fault JsonlReader::Open(const std::filesystem::path& path, bool is_last,
                        std::unique_ptr<FileReader>* reader) {
  std::unique_ptr<JsonlReader> made(new JsonlReader(path, is_last));
  if (Fault fault = made->window_.Open(path); !fault.ok()) return fault;
  made->file_bytes_ = made->window_.file_bytes();
  *reader = std::move(made);
  return {};
}

JsonlReader::LineEnd JsonlReader::GetLine(uint64_t offset, std::string_view* line) {
  if (offset >= file_bytes_) return LineEnd::kEndOfFile;
  for (uint64_t size = kLineBytes;; size *= 2) {
    if (fault_ = window_.Get(offset, size, line); !fault_.ok()) return LineEnd::kFault;
    const size_t end = line->find('\n');
    if (end != std::string_view::npos) {
      *line = line->substr(0, end);
      return LineEnd::kLine;
    }
    if (line->size() < size) return LineEnd::kUnfinished;
  }
}

std::string JsonlReader::CheckPlace(const JsonlLine& line) const {
  if (!stream_.empty() && line.closing.stream != stream_) {
    return "a line of stream " + line.closing.stream + " in a file of stream " + stream_;
  }
  if (line.is_row || line.closing.snapshot != SnapshotLine::kNone || snapshot_) {
    return CheckSnapshot(line);
  }
  if (!line.is_change && line.closing.is_base) {
    return !begun_ && lines_.empty() && line.closing.height + 1 == next_height_
               ? std::string()
               : "a base line where none can stand";
  }
  if (line.closing.height != next_height_) {
    return "a line of height " + std::to_string(line.closing.height) + " where height " +
           std::to_string(next_height_) + " is expected";
  }
  if (line.is_change) return {};
  if (line.closing.changes != lines_.size()) {
    return "height " + std::to_string(next_height_) + " has " + std::to_string(lines_.size()) +
           " changes, its closing line says " + std::to_string(line.closing.changes);
  }
  return line.closing.epoch < last_epoch_ ? "an epoch older than the one before it" : std::string();
}

std::string JsonlReader::CheckSnapshot(const JsonlLine& line) const {
  const ClosingLine& closing = line.closing;
  if (closing.snapshot == SnapshotLine::kBegin) {
    return !begun_ && lines_.empty() && closing.height == next_height_
               ? std::string()
               : "a snapshot begins where none can stand";
  }
  const bool ends = !line.is_change && closing.snapshot == SnapshotLine::kEnd;
  if (!snapshot_ || snapshot_ended_ || (!line.is_row && !ends)) {
    return "a line of a snapshot and one of heights in the same file";
  }
  if (closing.height != snapshot_->height) return "a line of another snapshot";
  if (!ends) return {};
  if (closing.digest != snapshot_->digest || closing.epoch != snapshot_->epoch) {
    return "the end of another snapshot";
  }
  const uint64_t rows = snapshot_rows_ + lines_.size();
  return closing.changes == rows ? std::string()
                                 : "the snapshot has " + std::to_string(rows) +
                                       " rows, its end says " + std::to_string(closing.changes);
}

bool JsonlReader::Next(Entry* entry) {
  if (!fault_.ok() || torn_bytes_ != 0) return false;
  lines_.clear();
  uint64_t offset = whole_bytes_;
  while (true) {
    std::string_view text;
    switch (GetLine(offset, &text)) {
      case LineEnd::kFault:
        return false;
      case LineEnd::kEndOfFile:
        if (snapshot_ && !snapshot_ended_) return Bad(offset, "the snapshot has no end");
        if (lines_.empty()) return false;
        return Bad(offset, "the height is not complete");
      case LineEnd::kUnfinished:
        return Bad(offset, "the line is not whole");
      case LineEnd::kLine:
        break;
    }
    const uint64_t after = offset + text.size() + 1;
    JsonlLine line;
    std::string wrong = parser_.Parse(text, &line);
    if (wrong.empty()) wrong = CheckPlace(line);
    if (!wrong.empty()) return Bad(offset, wrong);
    stream_ = line.closing.stream;
    // What is left of the rows goes before the line that ends them.
    if (snapshot_ && !line.is_change && !lines_.empty()) return GiveRows(offset, entry);
    offset = after;
    if (!line.is_change) return Give(line.closing, offset, entry);
    const bool is_row = line.is_row;
    lines_.push_back(std::move(line));
    if (is_row && (lines_.size() == kRowsMax || offset - whole_bytes_ >= kRowBytesMax)) {
      return GiveRows(offset, entry);
    }
  }
}

bool JsonlReader::Give(const ClosingLine& closing, uint64_t end, Entry* entry) {
  *entry = Entry();
  entry->kind = closing.is_base ? EntryKind::kBase : EntryKind::kHeight;
  if (closing.snapshot == SnapshotLine::kBegin) {
    entry->kind = EntryKind::kSnapshotBegin;
    snapshot_ = closing;
  } else if (closing.snapshot == SnapshotLine::kEnd) {
    entry->kind = EntryKind::kSnapshotEnd;
    entry->snapshot.rows = closing.changes;
    snapshot_ended_ = true;
  }
  entry->filtered = closing.filtered;
  entry->epoch = closing.epoch;
  entry->height = closing.height;
  entry->digest = closing.digest;
  entry->offset = whole_bytes_;
  entry->size = end - whole_bytes_;
  for (const JsonlLine& line : lines_) {
    entry->changes.push_back({line.is_delete, line.has_old_value, line.transaction, line.sequence,
                              line.store, line.key, line.value, line.old_value});
  }
  begun_ = true;
  next_height_ = closing.height + 1;
  last_epoch_ = closing.epoch;
  whole_bytes_ = end;
  return true;
}

bool JsonlReader::GiveRows(uint64_t end, Entry* entry) {
  *entry = Entry();
  entry->kind = EntryKind::kSnapshotPart;
  entry->filtered = snapshot_->filtered;
  entry->epoch = snapshot_->epoch;
  entry->height = snapshot_->height;
  entry->digest = snapshot_->digest;
  entry->offset = whole_bytes_;
  entry->size = end - whole_bytes_;
  for (const JsonlLine& line : lines_) {
    ChangeView row;
    row.store = line.store;
    row.key = line.key;
    row.value = line.value;
    entry->rows.push_back(row);
  }
  snapshot_rows_ += lines_.size();
  whole_bytes_ = end;
  return true;
}

bool JsonlReader::Bad(uint64_t offset, const std::string& what) {
  if (!is_last_ || snapshot_) return Damaged(offset, what);
  bool follows = false;
  if (!CompleteHeightFollows(offset, &follows)) return false;
  if (follows) return Damaged(offset, what + "; complete heights follow, so it is no torn tail");
  return Torn(what);
}

bool JsonlReader::CompleteHeightFollows(uint64_t offset, bool* follows) {
  *follows = false;
  uint64_t run_height = 0;
  uint64_t run_lines = 0;
  std::string_view text;
  for (bool first = true;; first = false) {
    const LineEnd end = GetLine(offset, &text);
    if (end == LineEnd::kFault) return false;
    if (end != LineEnd::kLine) return true;
    offset += text.size() + 1;
    JsonlLine line;
    // The bad line itself begins no height; a well-formed line at the wrong place may.
    if (!parser_.Parse(text, &line).empty() || (first && line.is_change)) {
      run_lines = 0;
      continue;
    }
    if (!line.is_change) {
      const bool counts = run_lines == 0 || line.closing.height == run_height;
      if (!first && counts && line.closing.changes == run_lines) {
        *follows = true;
        return true;
      }
      run_lines = 0;
      continue;
    }
    run_lines = run_lines != 0 && line.closing.height == run_height ? run_lines + 1 : 1;
    run_height = line.closing.height;
  }
}

}  // namespace sluice_file
