// SPDX-License-Identifier: Apache-2.0
#include "driver/replay/stream_input.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.h"
#include "driver/replay/stored_stream.h"
#include "file/frame.h"
#include "file/stream_folder.h"
#include "file/stream_reader.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

using sluice_file::Entry;
using sluice_file::EntryKind;
using sluice_file::Fault;
using sluice_file::Format;
using sluice_file::StreamFile;
using sluice_file::StreamReader;

bool HasSegmentMagic(const std::string& path) {
  std::string begin(sluice_file::kSegmentMagic.size(), '\0');
  std::ifstream file(path, std::ios::binary);
  return file.read(begin.data(), static_cast<std::streamsize>(begin.size())) &&
         begin == sluice_file::kSegmentMagic;
}

// Heights that were taken stay taken.
Status AndGoOn(Status status) {
  if (status.code() == StatusCode::kInvalid) return status;  // it is no stream's file
  return Status(status.code(),
                status.message() + "; every height before it is taken, run again to continue");
}

Block ToBlock(const ChangeSet& changes) {
  Block block;
  block.height = changes.height();
  block.time_unix_nanos = changes.time_unix_nanos();
  block.transactions.resize(changes.transactions().size());
  for (const TransactionResult& result : changes.transactions()) {
    block.transactions[result.index].failed_code = result.code;
  }
  for (const Change& change : changes.changes()) {
    Operation operation;
    operation.store = change.store;
    operation.key = change.key;
    if (change.kind == ChangeKind::kSet) {
      operation.value = change.value;
    } else {
      operation.kind = OperationKind::kDelete;
    }
    block.transactions[change.transaction].operations.push_back(std::move(operation));
  }
  return block;
}

}  // namespace

bool HasSegmentName(const std::string& path) {
  return fs::path(path).extension() == sluice_file::ExtensionOf(Format::kSegments) &&
         sluice_file::FirstHeightOf(path) != 0;
}

bool IsStoredStream(const std::string& path) {
  if (path == "-") return false;
  std::error_code error;
  if (fs::is_directory(path, error)) return true;
  // Reading the beginning of a pipe would take it away.
  if (!fs::is_regular_file(path, error)) return false;
  return HasSegmentName(path) || HasSegmentMagic(path);
}

StreamInput::StreamInput(std::string path, std::string source, const DriverStart& start,
                         const StopSignal* stop)
    : path_(std::move(path)),
      source_(std::move(source)),
      start_(start),
      stop_(stop),
      last_height_(start.height) {}

StreamInput::~StreamInput() = default;

Status StreamInput::Open() {
  std::error_code error;
  if (!fs::is_directory(path_, error) && !HasSegmentName(path_)) {
    return Status(StatusCode::kInvalid,
                  fmt::format("stream: {}: it begins as a segment does, but is not called like "
                              "one, <first height, 20 digits>.seg: give it its name back",
                              path_));
  }
  std::unique_ptr<StreamReader> listed;
  if (Fault fault = StreamReader::Open(path_, 0, &listed); !fault.ok()) {
    return StatusOfFault(fault);
  }
  const std::vector<StreamFile>& files = listed->files();
  if (files.empty()) {
    return Status(StatusCode::kNotFound,
                  fmt::format("stream: {}: the folder holds no segment (<first height, 20 "
                              "digits>.seg): name the folder that a file sink's path names",
                              path_));
  }
  if (listed->format() == Format::kJsonl) {
    return Status(StatusCode::kInvalid,
                  fmt::format("stream: {}: its format is jsonl, which does not hold all that a "
                              "block was: name the folder of a sink with format = \"segments\"",
                              path_));
  }
  if (start_.find_position && start_.height > Height()) {
    SLUICE_ASSIGN_OR_RETURN(std::optional<DriverPosition> recorded, start_.find_position(source_));
    if (recorded) position_ = DecodeStreamPosition(recorded->state);
  }
  const auto holds_more = std::find_if(files.begin() + 1, files.end(), [&](const StreamFile& file) {
    return Height(file.first_height) > start_.height + 1;
  });
  const auto first = holds_more - 1;
  uint64_t bytes_total = 0;
  for (const StreamFile& file : files) bytes_total += file.bytes;
  bytes_total_.store(bytes_total, std::memory_order_relaxed);
  // What stands before the file with the next height is gone past unread.
  current_file_ = static_cast<size_t>(first - files.begin());
  for (auto file = files.begin(); file != first; ++file) file_begins_at_ += file->bytes;
  bytes_read_.store(file_begins_at_, std::memory_order_relaxed);
  blocks_skipped_.store(first->first_height - files.front().first_height,
                        std::memory_order_relaxed);
  return StatusOfFault(StreamReader::Open(path_, first->first_height, &reader_));
}

Result<std::optional<ReadBlock>> StreamInput::Next() {
  Entry entry;
  while (!stop_->is_set()) {
    if (!reader_->Next(&entry)) {
      SLUICE_RETURN_IF_ERROR(AtEnd());
      return std::optional<ReadBlock>();
    }
    CountBytes(entry);
    if (entry.kind != EntryKind::kHeight) {
      SLUICE_RETURN_IF_ERROR(BeginFile(entry));
    } else if (Height(entry.height) <= start_.height) {
      SLUICE_RETURN_IF_ERROR(Skip(entry));
    } else {
      SLUICE_ASSIGN_OR_RETURN(ReadBlock block, Take(entry));
      return std::optional<ReadBlock>(std::move(block));
    }
  }
  return std::optional<ReadBlock>();
}

Status StreamInput::BeginFile(const Entry& entry) {
  same_stream_ = reader_->stream() == start_.stream_id;
  const std::string wrong = CheckBase(entry, reader_->stream());
  return wrong.empty() ? CheckPosition(entry) : DamageAt(entry, wrong);
}

Status StreamInput::CheckPosition(const Entry& entry) const {
  if (same_stream_ || start_.height == Height()) return Status::Ok();
  if (position_ && position_->stream_id == reader_->stream() &&
      position_->height == start_.height) {
    return Status::Ok();
  }
  return InvalidAt(
      entry, fmt::format("it is of stream {}, and the home is at height {} by other blocks; use an "
                         "empty home, or, where these blocks were replayed under another source "
                         "name than {}, give that name with --source",
                         reader_->stream(), start_.height, source_));
}

// A base, a gap or a snapshot's beginning stands at the beginning of each file, and nowhere else.
void StreamInput::CountBytes(const Entry& entry) {
  if (BeginsFile(entry.kind) && begun_) file_begins_at_ += reader_->files()[current_file_++].bytes;
  begun_ = true;
  bytes_read_.store(file_begins_at_ + entry.offset + entry.size, std::memory_order_relaxed);
}

Status StreamInput::Skip(const Entry& entry) {
  blocks_skipped_.fetch_add(1, std::memory_order_relaxed);
  if (Height(entry.height) != start_.height) return Status::Ok();
  return CheckSameHistory(entry, ToHostDigest(entry.digest));
}

Result<ReadBlock> StreamInput::Take(const Entry& entry) {
  const Height height(entry.height);
  const Height next = last_height_ + 1;
  if (height != next) {
    return Error(
        InvalidAt(entry, fmt::format("height {} where {} is the next: the heights between were "
                                     "deleted by retention, skipped by the sink, or stand in a "
                                     "snapshot; begin with a home that has them, as a restored "
                                     "backup",
                                     height, next)));
  }
  if (entry.filtered) {
    return Error(
        InvalidAt(entry, fmt::format("height {} holds only what passed the filter of sink {}: name "
                                     "the stream of a sink without stores and key_prefixes",
                                     height, reader_->sink())));
  }
  Result<std::shared_ptr<const ChangeSet>> read = ReadChangeSet(entry, reader_->stream());
  if (!read) return Error(DamageAt(entry, read.error().message()));
  const ChangeSet& changes = **read;
  SLUICE_RETURN_IF_ERROR(CheckStores(entry, changes));
  if (last_height_ == start_.height) {
    SLUICE_RETURN_IF_ERROR(CheckSameHistory(entry, changes.previous_digest()));
    if (!same_stream_) {
      LogWarn("replay",
              "{}: it is of stream {}, the home of stream {}: digests begin with the stream's id, "
              "so the home's differ from the input's",
              path_, reader_->stream(), start_.stream_id);
    }
  }
  last_height_ = height;
  ReadBlock block{ToBlock(changes), changes.canonical().size()};
  if (same_stream_) {
    block.block.expected_digest = changes.digest();
  } else {
    block.block.position.source = source_;
    block.block.position.state =
        EncodeStreamPosition({height, changes.digest(), reader_->stream()});
  }
  return block;
}

Status StreamInput::CheckStores(const Entry& entry, const ChangeSet& changes) const {
  std::string_view known;  // changes of one store come in runs
  for (const Change& change : changes.changes()) {
    if (change.store == known) continue;
    known = change.store;
    if (std::find(start_.stores.begin(), start_.stores.end(), known) == start_.stores.end()) {
      return InvalidAt(
          entry, fmt::format("height {} changes store '{}', which the home does not have: add "
                             "it to stores.names",
                             entry.height, known));
    }
  }
  return Status::Ok();
}

Status StreamInput::CheckSameHistory(const Entry& entry, const Digest& digest) const {
  // Of another stream and with a height, it has a position: see CheckPosition.
  if (!same_stream_ && !position_) return Status::Ok();
  const Digest& taken = same_stream_ ? start_.digest : position_->digest;
  if (digest == taken) return Status::Ok();
  return InvalidAt(
      entry, fmt::format("at height {} the home has {} {}, the stream {}: they are two "
                         "histories of stream {}; name the stream that the home's history is "
                         "part of, or an empty home",
                         start_.height, same_stream_ ? "digest" : "taken digest", taken.ToHex(),
                         digest.ToHex(), reader_->stream()));
}

Status StreamInput::AtEnd() const {
  if (!reader_->fault().ok()) return AndGoOn(StatusOfFault(reader_->fault()));
  const uint64_t torn_bytes = reader_->torn_bytes();
  if (torn_bytes == 0) return Status::Ok();
  const std::string file = reader_->file().string();
  const uint64_t whole_bytes = reader_->files().back().bytes - torn_bytes;
  const std::string cut = whole_bytes == 0 ? fmt::format("remove {}", file)
                                           : fmt::format("cut {} to {} bytes", file, whole_bytes);
  return Status(StatusCode::kCorruption,
                fmt::format("stream: {}: at byte {}: its last {} bytes are no whole height, as a "
                            "crash, or writing under way, leaves them: every height before it is "
                            "taken; let the node that writes it start, which cuts or completes it, "
                            "or, where that node is gone for good, {}; then run again",
                            file, whole_bytes, torn_bytes, cut));
}

Status StreamInput::InvalidAt(const Entry& entry, const std::string& what) const {
  return Status(StatusCode::kInvalid, fmt::format("stream: {}: at byte {}: {}",
                                                  reader_->file().string(), entry.offset, what));
}

Status StreamInput::DamageAt(const Entry& entry, const std::string& what) const {
  return AndGoOn(StatusOfFault(Fault::Damage(reader_->file().string(), entry.offset, what)));
}

DriverProgress StreamInput::progress() const {
  DriverProgress progress;
  progress.bytes_read = bytes_read_.load(std::memory_order_relaxed);
  progress.bytes_total = bytes_total_.load(std::memory_order_relaxed);
  progress.blocks_skipped = blocks_skipped_.load(std::memory_order_relaxed);
  return progress;
}

}  // namespace sluice
