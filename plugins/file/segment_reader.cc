// SPDX-License-Identifier: Apache-2.0
#include "file/segment_reader.h"

#include <algorithm>
#include <utility>

#include "file/change_set_decoder.h"
#include "file/compression.h"
#include "file/little_endian.h"
#include "file/stream_folder.h"

namespace sluice_file {
namespace {

constexpr uint64_t kScanBytes = 1024 * 1024;
// A frame that is looked for behind a bad place is not further from it than this many heights:
// keeps bytes that only look like a frame's head from being taken for one.
constexpr uint64_t kPlausibleHeights = uint64_t{1} << 32;

bool IsBase(FrameKind kind) { return kind == FrameKind::kBase || kind == FrameKind::kGap; }
bool IsOfSnapshot(FrameKind kind) {
  return kind == FrameKind::kSnapshotBegin || kind == FrameKind::kSnapshotPart ||
         kind == FrameKind::kSnapshotEnd;
}

EntryKind EntryKindOf(FrameKind kind) {
  switch (kind) {
    case FrameKind::kBase:
      return EntryKind::kBase;
    case FrameKind::kGap:
      return EntryKind::kGap;
    case FrameKind::kSnapshotBegin:
      return EntryKind::kSnapshotBegin;
    case FrameKind::kSnapshotPart:
      return EntryKind::kSnapshotPart;
    case FrameKind::kSnapshotEnd:
      return EntryKind::kSnapshotEnd;
    case FrameKind::kChanges:
    case FrameKind::kPart:
      break;
  }
  return EntryKind::kHeight;
}

}  // namespace

Fault SegmentReader::Open(const std::filesystem::path& path, bool is_last,
                          std::unique_ptr<FileReader>* reader) {
  std::unique_ptr<SegmentReader> made(new SegmentReader(path, is_last));
  if (Fault fault = made->window_.Open(path); !fault.ok()) return fault;
  made->file_bytes_ = made->window_.file_bytes();
  *reader = std::move(made);
  return {};
}

bool SegmentReader::ReadHeader() {
  std::string_view bytes;
  if (fault_ = window_.Get(0, kSegmentHeaderFixed, &bytes); !fault_.ok()) return false;
  if (bytes.size() < kSegmentHeaderFixed) return Bad("the segment's header is not whole");
  const size_t size = SegmentHeaderSize(bytes);
  if (fault_ = window_.Get(0, size, &bytes); !fault_.ok()) return false;
  if (bytes.size() < size) return Bad("the segment's header is not whole");
  SegmentHeader header;
  if (const std::string wrong = DecodeSegmentHeader(bytes, &header); !wrong.empty()) {
    return Bad(wrong);
  }
  if (header.first_height != FirstHeightOf(path_)) {
    return Damaged(0, "its header says that it begins with height " +
                          std::to_string(header.first_height) + ", its name says otherwise");
  }
  header_read_ = true;
  stream_ = header.stream;
  sink_ = header.sink;
  first_height_ = header.first_height;
  whole_bytes_ = size;
  return true;
}

bool SegmentReader::Next(Entry* entry) {
  if (!fault_.ok() || torn_bytes_ != 0) return false;
  if (!header_read_ && !ReadHeader()) return false;
  while (true) {
    if (whole_bytes_ == file_bytes_) {
      if (!has_last_) return Bad("the segment ends before its base frame");
      if (in_snapshot_ && !snapshot_ended_)
        return Bad("the segment ends before its snapshot's end");
      return false;
    }
    std::string_view bytes;
    if (fault_ = window_.Get(whole_bytes_, kFramePrefix, &bytes); !fault_.ok()) return false;
    if (bytes.size() < kFramePrefix) return Bad("the frame is not whole");
    const uint64_t size = FrameSize(bytes);
    if (size < kFrameHead) return Bad("the frame's length is not right");
    if (size > file_bytes_ - whole_bytes_) return Bad("the frame is not whole");
    if (fault_ = window_.Get(whole_bytes_, size, &bytes); !fault_.ok()) return false;
    Frame frame;
    if (const std::string wrong = DecodeFrame(bytes, &frame); !wrong.empty()) return Bad(wrong);
    const bool known =
        frame.kind == FrameKind::kChanges || IsBase(frame.kind) || IsOfSnapshot(frame.kind);
    if (!known && (frame.flags & kFrameSkippable) != 0) {
      whole_bytes_ += size;
      continue;
    }
    if (!known) {
      return Damaged(whole_bytes_, "a frame of kind " +
                                       std::to_string(static_cast<int>(frame.kind)) +
                                       ", which this program does not know; a newer one wrote it");
    }
    return CheckChain(frame) && Give(frame, size, entry);
  }
}

bool SegmentReader::CheckSnapshot(const Frame& frame) {
  if (!has_last_) {
    if (frame.kind != FrameKind::kSnapshotBegin) {
      return Damaged(whole_bytes_, "the segment does not begin with its snapshot's beginning");
    }
    if (frame.height == first_height_) return true;
    return Damaged(whole_bytes_, "the snapshot is of height " + std::to_string(frame.height));
  }
  if (!in_snapshot_ || snapshot_ended_ || frame.kind == FrameKind::kSnapshotBegin) {
    return Damaged(whole_bytes_, "a frame of a snapshot where none can stand");
  }
  if (frame.height == last_height_ && frame.digest == last_digest_ && frame.epoch == last_epoch_) {
    return true;
  }
  return Damaged(whole_bytes_, "a frame of another snapshot");
}

bool SegmentReader::CheckChain(const Frame& frame) {
  if (IsOfSnapshot(frame.kind)) return CheckSnapshot(frame);
  if (in_snapshot_) {
    return Damaged(whole_bytes_, "a frame that is none of the snapshot's which the segment holds");
  }
  if (!has_last_) {
    if (!IsBase(frame.kind)) return Damaged(whole_bytes_, "the segment has no base frame");
    if (frame.height + 1 != first_height_) {
      return Damaged(whole_bytes_, "the base frame is of height " + std::to_string(frame.height));
    }
    return true;
  }
  if (IsBase(frame.kind)) return Damaged(whole_bytes_, "a second base frame");
  if (frame.height != last_height_ + 1) {
    return Damaged(whole_bytes_, "height " + std::to_string(frame.height) + " follows height " +
                                     std::to_string(last_height_));
  }
  if (frame.previous_digest != last_digest_) {
    return Damaged(whole_bytes_, "height " + std::to_string(frame.height) +
                                     " is not chained to the digest of the height before it");
  }
  if (frame.epoch < last_epoch_) {
    return Damaged(whole_bytes_, "height " + std::to_string(frame.height) + " is of epoch " +
                                     std::to_string(frame.epoch) +
                                     ", older than the one before it");
  }
  return true;
}

bool SegmentReader::Give(const Frame& frame, uint64_t size, Entry* entry) {
  *entry = Entry();
  entry->filtered = (frame.flags & kFrameFiltered) != 0;
  entry->has_previous_digest = true;
  entry->epoch = frame.epoch;
  entry->height = frame.height;
  entry->previous_digest = frame.previous_digest;
  entry->digest = frame.digest;
  entry->offset = whole_bytes_;
  entry->size = size;
  entry->kind = EntryKindOf(frame.kind);
  if (IsBase(frame.kind)) {
    if (!DecodeSegmentLink(frame.bytes, &entry->link)) {
      return Damaged(whole_bytes_, "the base frame is too short");
    }
  } else if (IsOfSnapshot(frame.kind)) {
    if (!GiveSnapshot(frame, entry)) return false;
  } else if (!GetContent(frame, &entry->canonical)) {
    return false;
  }
  has_last_ = true;
  last_height_ = frame.height;
  last_epoch_ = frame.epoch;
  last_digest_ = frame.digest;
  whole_bytes_ += size;
  return true;
}

bool SegmentReader::GetContent(const Frame& frame, std::string_view* content) {
  if ((frame.flags & kFrameZstd) == 0) {
    *content = frame.bytes;
    return true;
  }
  if (const std::string wrong = Uncompress(frame.bytes, &uncompressed_); !wrong.empty()) {
    return Damaged(whole_bytes_, wrong);
  }
  *content = uncompressed_;
  return true;
}

bool SegmentReader::GiveSnapshot(const Frame& frame, Entry* entry) {
  in_snapshot_ = true;
  if (frame.kind != FrameKind::kSnapshotPart) {
    if (!DecodeSnapshotSummary(frame.bytes, &entry->snapshot)) {
      return Damaged(whole_bytes_, "a snapshot's frame is too short");
    }
    if (frame.kind == FrameKind::kSnapshotBegin) return true;
    snapshot_ended_ = true;
    return entry->snapshot.rows == snapshot_rows_ ||
           Damaged(whole_bytes_, "the snapshot has " + std::to_string(snapshot_rows_) +
                                     " rows, its end says " + std::to_string(entry->snapshot.rows));
  }
  std::string_view content;
  if (!GetContent(frame, &content)) return false;
  ChangeSetView rows;
  if (const std::string wrong = DecodeChangeSet(content, &rows); !wrong.empty()) {
    return Damaged(whole_bytes_, wrong);
  }
  snapshot_rows_ += rows.changes.size();
  entry->rows = std::move(rows.changes);
  return true;
}

bool SegmentReader::Bad(const std::string& what) {
  if (!is_last_ || in_snapshot_) return Damaged(whole_bytes_, what);
  bool follows = false;
  if (!WholeFrameFollows(&follows)) return false;
  if (follows) return Damaged(whole_bytes_, what + "; whole frames follow, so it is no torn tail");
  // A header without a base frame is what a crash at creation leaves: nothing of the file is whole.
  if (!has_last_) whole_bytes_ = 0;
  return Torn(what);
}

// Tries every byte behind the bad place as the beginning of a frame, since the length of the bad
// one cannot be believed.
bool SegmentReader::WholeFrameFollows(bool* follows) {
  *follows = false;
  FileWindow candidate;
  if (fault_ = candidate.Open(path_); !fault_.ok()) return false;
  for (uint64_t at = whole_bytes_ + 1; at + kFrameHead <= file_bytes_;) {
    std::string_view bytes;
    if (fault_ = window_.Get(at, kScanBytes, &bytes); !fault_.ok()) return false;
    if (bytes.size() < kFrameHead) break;
    size_t i = 0;
    for (; i + kFrameHead <= bytes.size(); ++i) {
      const uint64_t size = FrameSize(bytes.substr(i));
      if (size < kFrameHead || size > file_bytes_ - (at + i)) continue;
      if (ReadLittle<uint16_t>(bytes, i + 10) != 0) continue;
      const uint64_t height = ReadLittle<uint64_t>(bytes, i + 20);
      const bool plausible = height >= last_height_ && height - last_height_ <= kPlausibleHeights;
      if (has_last_ && !plausible) continue;
      std::string_view whole;
      if (fault_ = candidate.Get(at + i, size, &whole); !fault_.ok()) return false;
      Frame frame;
      if (DecodeFrame(whole, &frame).empty()) {
        *follows = true;
        return true;
      }
    }
    at += i;
  }
  return true;
}

}  // namespace sluice_file
