// SPDX-License-Identifier: Apache-2.0
#include "file/recovery.h"

#include <fcntl.h>
#include <sluice/plugin.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "file/file_io.h"
#include "file/jsonl_line.h"

namespace sluice_file {
namespace {

// As many heights as a group of the smallest frames can hold.
constexpr size_t kRecentDigests = 65536;

Fault FirstEntry(const StreamFile& file, bool is_last, std::unique_ptr<FileReader>* reader,
                 Entry* entry, bool* found) {
  if (Fault fault = FileReader::Open(file.path, is_last, reader); !fault.ok()) return fault;
  *found = (*reader)->Next(entry);
  return (*reader)->fault();
}

// The height that the last line of a jsonl file closes; 0 where that line closes none.
Fault LastClosedHeight(const StreamFile& file, uint64_t* height) {
  *height = 0;
  UniqueFd fd;
  if (Fault fault = OpenForReading(file.path, &fd); !fault.ok()) return fault;
  for (uint64_t size = 4096;; size *= 4) {
    const uint64_t start = file.bytes > size ? file.bytes - size : 0;
    std::string bytes(file.bytes - start, '\0');
    size_t got = 0;
    Fault fault = ReadAt(fd.get(), file.path, start, bytes.data(), bytes.size(), &got);
    if (!fault.ok()) return fault;
    if (bytes.empty() || bytes.back() != '\n') return {};
    bytes.pop_back();
    const size_t before = bytes.rfind('\n');
    if (before == std::string::npos && start != 0) continue;
    JsonlLine line;
    const size_t at = before == std::string::npos ? 0 : before + 1;
    JsonlParser parser;
    const bool closes =
        parser.Parse(std::string_view(bytes).substr(at), &line).empty() && !line.is_change;
    if (closes) *height = line.closing.height;
    return {};
  }
}

// `file` is followed by `next`, whose first entry is given.
Fault CheckFollows(Format format, const StreamFile& file, const StreamFile& next,
                   const Entry& entry) {
  if (format == Format::kSegments) {
    if (entry.link.previous_first_height != file.first_height) {
      return Fault::Damage(next.path.string(), entry.offset,
                           "the file before it, which begins with height " +
                               std::to_string(entry.link.previous_first_height) + ", is missing");
    }
    if (entry.link.previous_size == file.bytes) return {};
    return Fault::Damage(file.path.string(), std::min(file.bytes, entry.link.previous_size),
                         "the file has " + std::to_string(file.bytes) + " bytes and should have " +
                             std::to_string(entry.link.previous_size));
  }
  uint64_t last = 0;
  if (Fault fault = LastClosedHeight(file, &last); !fault.ok()) return fault;
  const bool skipped = entry.kind == EntryKind::kBase && last <= entry.height && last != 0;
  if (skipped || last + 1 == next.first_height) return {};
  return Fault::Damage(file.path.string(), file.bytes,
                       "the file should end with height " + std::to_string(next.first_height - 1) +
                           ", or a file after it is missing");
}

class Recovery {
 public:
  Recovery(const RecoveryArgs& args, const LogFunction& log, Recovered* out)
      : args_(args), log_(log), out_(out) {}

  Fault Run() {
    Format format = args_.format;
    if (Fault fault = ListStreamFiles(args_.folder, &format, &out_->files); !fault.ok()) {
      return fault;
    }
    if (format != args_.format) {
      return {FaultKind::kInvalid,
              args_.folder.string() + " holds files of the other format (" +
                  std::string(ExtensionOf(format)) +
                  "); set format back, or give the sink a new path and start it anew"};
    }
    // A crash at creation leaves a last file without anything whole; then the one before is the
    // last.
    while (!out_->files.empty()) {
      bool removed = false;
      if (Fault fault = ReadLastFile(&removed); !fault.ok()) return fault;
      if (!removed) return CheckOthers();
    }
    return {};
  }

 private:
  Fault ReadLastFile(bool* removed) {
    StreamFile& file = out_->files.back();
    std::unique_ptr<FileReader> reader;
    if (Fault fault = FileReader::Open(file.path, true, &reader); !fault.ok()) return fault;
    out_->recent = RecentDigests();
    out_->last_has_heights = false;
    out_->last_is_snapshot = false;
    bool first = true;
    for (Entry entry; reader->Next(&entry); first = false) {
      if (first) last_first_entry_ = entry;
      Take(entry, first);
    }
    if (!reader->fault().ok()) return reader->fault();
    if (!reader->stream().empty()) out_->stream = reader->stream();
    if (Fault fault = CheckOwner(*reader); !fault.ok()) return fault;
    *removed = first;
    if (first) return Remove(file, *reader);
    out_->has_position = true;
    if (reader->torn_bytes() != 0 && !foreign()) return Cut(&file, *reader);
    return {};
  }

  void Take(const Entry& entry, bool first) {
    if (first) {
      const bool is_base = entry.kind == EntryKind::kBase || entry.kind == EntryKind::kGap;
      out_->last_start = FileStart();
      out_->last_start.is_gap = entry.kind == EntryKind::kGap;
      out_->last_start.link = entry.link;
      out_->last_start.before_digest = entry.previous_digest;
      if (is_base) out_->last_start.base = {entry.epoch, entry.height, entry.digest};
    }
    out_->position = {entry.epoch, entry.height, entry.digest};
    out_->last_entry_offset = entry.offset;
    out_->last_has_heights = out_->last_has_heights || entry.kind == EntryKind::kHeight;
    out_->last_is_snapshot = IsSnapshot(entry.kind);
    out_->recent.Add(entry.height, entry.digest);
  }

  bool foreign() const { return !out_->stream.empty() && out_->stream != args_.stream; }

  Fault CheckOwner(const FileReader& reader) const {
    if (foreign() || reader.sink().empty() || reader.sink() == args_.sink) return {};
    return {FaultKind::kInvalid, args_.folder.string() + " belongs to sink " + reader.sink() +
                                     ", not to " + args_.sink +
                                     "; two sinks never share a folder: change path"};
  }

  Fault Cut(StreamFile* file, const FileReader& reader) {
    UniqueFd fd(::open(file->path.c_str(), O_RDWR | O_CLOEXEC));
    if (!fd) return SystemFault("open", file->path, errno);
    Fault fault = Truncate(fd.get(), file->path, reader.whole_bytes());
    if (fault.ok()) fault = SyncData(fd.get(), file->path);
    if (!fault.ok()) return fault;
    file->bytes = reader.whole_bytes();
    log_(SLUICE_LOG_WARN, file->path.string() + ": cut " + std::to_string(reader.torn_bytes()) +
                              " bytes at byte " + std::to_string(reader.whole_bytes()) +
                              ", a torn tail after height " +
                              std::to_string(out_->position.height) + " (" + reader.torn_reason() +
                              "); it was never acked and is delivered again");
    return {};
  }

  Fault Remove(const StreamFile& file, const FileReader& reader) {
    if (foreign()) {
      out_->files.pop_back();
      return {};
    }
    if (::unlink(file.path.c_str()) != 0) return SystemFault("delete", file.path, errno);
    if (Fault fault = SyncFolder(args_.folder); !fault.ok()) return fault;
    log_(SLUICE_LOG_WARN,
         file.path.string() + ": deleted " + std::to_string(reader.file_bytes()) +
             " bytes at byte 0, a file whose creation a crash interrupted; nothing in "
             "it was acked");
    out_->files.pop_back();
    return {};
  }

  // The beginnings of all files but the last, and how each meets the next.
  Fault CheckOthers() {
    Entry next_entry = last_first_entry_;
    for (size_t i = out_->files.size() - 1; i-- > 0;) {
      const StreamFile& file = out_->files[i];
      std::unique_ptr<FileReader> reader;
      Entry entry;
      bool found = false;
      if (Fault fault = FirstEntry(file, false, &reader, &entry, &found); !fault.ok()) return fault;
      if (!found) return Fault::Damage(file.path.string(), 0, "the file is empty");
      if (reader->stream() != out_->stream) {
        return {FaultKind::kInvalid, file.path.string() + " is of stream " + reader->stream() +
                                         ", the last file of " + out_->stream};
      }
      Fault fault = CheckFollows(args_.format, file, out_->files[i + 1], next_entry);
      if (!fault.ok()) return fault;
      next_entry = entry;
    }
    return {};
  }

  const RecoveryArgs& args_;
  const LogFunction& log_;
  Recovered* const out_;
  Entry last_first_entry_;  // its views are not used
};

}  // namespace

void RecentDigests::Add(uint64_t height, const Digest& digest) {
  if (digests_.empty() || height != first_ + digests_.size()) {
    digests_.clear();
    first_ = height;
  }
  digests_.push_back(digest);
  if (digests_.size() > kRecentDigests) {
    digests_.pop_front();
    ++first_;
  }
}

void RecentDigests::CutTo(uint64_t height) {
  while (!digests_.empty() && first_ + digests_.size() - 1 > height) digests_.pop_back();
}

const Digest* RecentDigests::Find(uint64_t height) const {
  if (height < first_ || height - first_ >= digests_.size()) return nullptr;
  return &digests_[height - first_];
}

Fault Recover(const RecoveryArgs& args, const LogFunction& log, Recovered* recovered) {
  *recovered = Recovered();
  return Recovery(args, log, recovered).Run();
}

}  // namespace sluice_file
