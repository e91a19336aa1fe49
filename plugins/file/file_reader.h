// SPDX-License-Identifier: Apache-2.0
//
// Reading one file of a stream, whatever its format: entries in order, and the rule that tells a
// torn tail from damage. SegmentReader and JsonlReader implement it; StreamReader puts files
// together.
//
// A tail is torn only in the last file, and only if nothing whole follows the bad place: that is
// what a crash in the middle of an append leaves behind, and it was never acked. Anything else is
// damage.
//
// Threading: one thread a reader. Another process may append meanwhile: a reader sees the file as
// long as it was when it was opened. Lifetime: what an entry points to is valid until the next call
// of Next.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "file/fault.h"
#include "file/frame.h"

namespace sluice_file {

enum class Format { kSegments, kJsonl };

// One change, as views.
struct ChangeView {
  bool is_delete = false;
  bool has_old_value = false;
  uint32_t transaction = 0;
  uint32_t sequence = 0;
  std::string_view store;
  std::string_view key;
  std::string_view value;      // empty on delete
  std::string_view old_value;  // only with has_old_value
};

enum class EntryKind {
  kHeight,
  kBase,  // where the file starts: height + 1 comes next
  kGap,   // the same, after heights that were skipped
  // A snapshot: the state after `height`, in place of all heights up to it.
  kSnapshotBegin,
  kSnapshotPart,  // some of its rows
  kSnapshotEnd,
};

inline bool IsSnapshot(EntryKind kind) {
  return kind == EntryKind::kSnapshotBegin || kind == EntryKind::kSnapshotPart ||
         kind == EntryKind::kSnapshotEnd;
}

// Whether it is the first of its file. (A jsonl file that simply goes on has no such entry.)
inline bool BeginsFile(EntryKind kind) {
  return kind == EntryKind::kBase || kind == EntryKind::kGap || kind == EntryKind::kSnapshotBegin;
}

struct Entry {
  EntryKind kind = EntryKind::kHeight;
  bool filtered = false;
  bool has_previous_digest = false;
  uint64_t epoch = 0;
  uint64_t height = 0;
  Digest previous_digest{};
  Digest digest{};
  std::string_view canonical;       // segments: the canonical bytes of a height, uncompressed
  std::vector<ChangeView> changes;  // jsonl: the changes; segments: see DecodeChangeSet
  std::vector<ChangeView> rows;     // kSnapshotPart
  SegmentLink link;                 // kBase and kGap in segments
  SnapshotSummary snapshot;         // kSnapshotEnd: of all rows
  uint64_t offset = 0;              // in the file
  uint64_t size = 0;                // stored bytes
};

class FileReader {
 public:
  // Opens the file as the format that its extension names. `is_last`: no later file of this stream
  // is known, so that its tail may be torn.
  static Fault Open(const std::filesystem::path& path, bool is_last,
                    std::unique_ptr<FileReader>* reader);

  virtual ~FileReader() = default;

  // False at the end (fault() is OK; torn_bytes() may be above 0) and on a fault.
  virtual bool Next(Entry* entry) = 0;

  const Fault& fault() const { return fault_; }
  const std::string& stream() const { return stream_; }  // empty until the file says it
  const std::string& sink() const { return sink_; }      // empty in jsonl, which does not name it
  uint64_t file_bytes() const { return file_bytes_; }    // when it was opened
  // Through the last whole entry given so far; 0 where not even the file's header is whole.
  uint64_t whole_bytes() const { return whole_bytes_; }
  uint64_t torn_bytes() const { return torn_bytes_; }  // at the end of the reading
  // Why the tail is called torn.
  const std::string& torn_reason() const { return torn_reason_; }

 protected:
  explicit FileReader(std::filesystem::path path) : path_(std::move(path)) {}

  bool Fail(Fault fault) {
    fault_ = std::move(fault);
    return false;
  }
  bool Damaged(uint64_t offset, const std::string& what) {
    return Fail(Fault::Damage(path_.string(), offset, what));
  }
  bool Torn(const std::string& why) {
    torn_bytes_ = file_bytes_ - whole_bytes_;
    torn_reason_ = why;
    return false;
  }

  const std::filesystem::path path_;
  Fault fault_;
  std::string stream_;
  std::string sink_;
  uint64_t file_bytes_ = 0;
  uint64_t whole_bytes_ = 0;
  uint64_t torn_bytes_ = 0;
  std::string torn_reason_;
};

}  // namespace sluice_file
