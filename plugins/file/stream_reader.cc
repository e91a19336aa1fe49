// SPDX-License-Identifier: Apache-2.0
#include "file/stream_reader.h"

#include <system_error>

namespace sluice_file {
namespace fs = std::filesystem;

Fault StreamReader::Open(const fs::path& path, uint64_t from_height,
                         std::unique_ptr<StreamReader>* reader) {
  std::unique_ptr<StreamReader> made(new StreamReader());
  std::error_code error;
  if (fs::is_directory(path, error)) {
    Fault fault = ListStreamFiles(path, &made->format_, &made->files_);
    if (!fault.ok()) return fault;
  } else if (fs::exists(path, error)) {
    made->files_.push_back({path, FirstHeightOf(path), fs::file_size(path, error)});
    made->format_ = FormatOf(path).value_or(Format::kSegments);
  } else {
    return {FaultKind::kInvalid, "there is no folder or file " + path.string()};
  }
  made->from_height_ = from_height;
  // The file that holds from_height is the last that begins at or below it.
  while (made->next_ + 1 < made->files_.size() &&
         made->files_[made->next_ + 1].first_height <= from_height) {
    ++made->next_;
  }
  *reader = std::move(made);
  return {};
}

bool StreamReader::OpenNextFile() {
  if (next_ == files_.size()) return false;
  current_ = next_++;
  return (fault_ = FileReader::Open(files_[current_].path, next_ == files_.size(), &reader_)).ok();
}

bool StreamReader::Next(Entry* entry) {
  while (fault_.ok()) {
    if (reader_ == nullptr && !OpenNextFile()) return false;
    if (!reader_->Next(entry)) {
      if (!reader_->fault().ok()) return Fail(reader_->fault());
      torn_bytes_ = reader_->torn_bytes();
      files_[current_].bytes = reader_->file_bytes();
      reader_.reset();
      continue;
    }
    if (stream_.empty()) stream_ = reader_->stream();
    if (sink_.empty()) sink_ = reader_->sink();
    if (!CheckAcrossFiles(*entry)) return false;
    has_position_ = true;
    height_ = entry->height;
    epoch_ = entry->epoch;
    digest_ = entry->digest;
    if (entry->kind == EntryKind::kHeight && entry->height < from_height_) continue;
    return true;
  }
  return false;
}

// Inside a file its reader has checked; here the first entry of a file meets the last of the one
// before.
bool StreamReader::CheckAcrossFiles(const Entry& entry) {
  const auto damaged = [&](const std::string& what) {
    return Fail(Fault::Damage(files_[current_].path.string(), entry.offset, what));
  };
  if (reader_->stream() != stream_) {
    return damaged("it is of stream " + reader_->stream() + ", the files before it of " + stream_);
  }
  if (!has_position_) return true;
  if (IsSnapshot(entry.kind)) {
    return current_ == 0 || damaged("a snapshot behind another file");
  }
  if (entry.epoch < epoch_) return damaged("its epoch is older than that of the file before it");
  if (entry.kind == EntryKind::kHeight) {
    if (entry.height == height_ + 1) return true;
    return damaged("height " + std::to_string(entry.height) + " follows height " +
                   std::to_string(height_) + ": a file is missing or was shortened");
  }
  if (format_ == Format::kJsonl) {  // a base line inside a stream: heights were skipped by choice
    return entry.height >= height_ || damaged("it begins below the end of the file before it");
  }
  const StreamFile& before = files_[current_ - 1];
  if (entry.link.previous_first_height != before.first_height) {
    return damaged("the file before it, which begins with height " +
                   std::to_string(entry.link.previous_first_height) + ", is missing");
  }
  if (entry.link.previous_size != before.bytes) {
    return Fail(Fault::Damage(
        before.path.string(), before.bytes,
        "the file should have " + std::to_string(entry.link.previous_size) + " bytes"));
  }
  const bool follows =
      entry.kind == EntryKind::kBase && entry.height == height_ && entry.digest == digest_;
  const bool skips =
      entry.kind == EntryKind::kGap && entry.height > height_ && entry.previous_digest == digest_;
  return follows || skips ||
         damaged("its base is height " + std::to_string(entry.height) +
                 " and does not follow height " + std::to_string(height_) +
                 " of the file before it");
}

}  // namespace sluice_file
