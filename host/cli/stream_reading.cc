// SPDX-License-Identifier: Apache-2.0
#include "cli/stream_reading.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "model/change_set.h"

namespace sluice {
namespace {

using sluice_file::Entry;
using sluice_file::EntryKind;
using sluice_file::Fault;
using sluice_file::FaultKind;
using sluice_file::StreamReader;

// What the reader leaves to us: the canonical bytes themselves, and that they give the digest.
Status CheckHeight(const Entry& entry, const std::string& stream) {
  Result<std::shared_ptr<const ChangeSet>> set =
      ChangeSet::Parse(std::string(entry.canonical), ToHostDigest(entry.previous_digest),
                       ToHostDigest(entry.digest));
  if (!set) return set.error();
  const ChangeSet& changes = **set;
  if (changes.height() != Height(entry.height) || changes.stream_id() != stream ||
      changes.filtered() != entry.filtered) {
    return Status(StatusCode::kCorruption,
                  fmt::format("the frame is of height {} of stream {}, its bytes of height {} of "
                              "stream {}",
                              entry.height, stream, changes.height(), changes.stream_id()));
  }
  return entry.filtered ? Status::Ok() : changes.CheckDigest();
}

class Checker {
 public:
  Checker(StreamReader* reader, StreamCheck* check) : reader_(reader), check_(check) {}

  void Run() {
    check_->digest_checked = reader_->format() == sluice_file::Format::kSegments;
    Entry entry;
    while (check_->status.ok() && reader_->Next(&entry)) {
      check_->bytes += entry.size;
      if (entry.kind == EntryKind::kHeight) {
        Height(entry);
      } else {
        Base(entry);
      }
    }
    if (check_->status.ok() && !reader_->fault().ok()) {
      check_->status = StatusOfFault(reader_->fault());
      check_->file = reader_->fault().file();
      check_->offset = reader_->fault().offset();
    }
    check_->torn_bytes = reader_->torn_bytes();
    check_->stream = reader_->stream();
    check_->sink = reader_->sink();
    check_->segments = reader_->files().size();
    check_->digest_checked = check_->digest_checked && check_->frames > 0 && check_->status.ok();
  }

 private:
  void Base(const Entry& entry) {
    if (entry.height != 0 || entry.kind != EntryKind::kBase) return;
    if (ToHostDigest(entry.digest) == GenesisDigest(reader_->stream())) return;
    Damaged(entry, "it begins at genesis, but not with the digest of stream " + reader_->stream());
  }

  void Height(const Entry& entry) {
    if (check_->frames == 0) check_->first = entry.height;
    ++check_->frames;
    check_->last = entry.height;
    check_->digest = ToHostDigest(entry.digest);
    if (entry.filtered) check_->digest_checked = false;
    if (reader_->format() != sluice_file::Format::kSegments) return;
    if (Status status = CheckHeight(entry, reader_->stream()); !status.ok()) {
      Damaged(entry, status.message());
    }
  }

  void Damaged(const Entry& entry, const std::string& what) {
    const Fault fault = Fault::Damage(reader_->file().string(), entry.offset, what);
    check_->status = StatusOfFault(fault);
    check_->file = fault.file();
    check_->offset = fault.offset();
  }

  StreamReader* const reader_;
  StreamCheck* const check_;
};

}  // namespace

Status StatusOfFault(const Fault& fault) {
  switch (fault.kind()) {
    case FaultKind::kNone:
      return Status::Ok();
    case FaultKind::kDamage:
      return Status(StatusCode::kCorruption,
                    "stream: " + fault.text() +
                        ": keep the file as it is, and restore the folder from a copy");
    case FaultKind::kInvalid:
      return Status(StatusCode::kInvalid,
                    "stream: " + fault.text() + ": name a file sink's folder or a file of it");
    default:
      return Status(StatusCode::kIo, "stream: " + fault.text());
  }
}

Digest ToHostDigest(const sluice_file::Digest& digest) {
  Digest out;
  std::copy(digest.begin(), digest.end(), out.bytes.begin());
  return out;
}

StreamCheck CheckStream(const std::string& path) {
  StreamCheck check;
  std::unique_ptr<StreamReader> reader;
  if (Fault fault = StreamReader::Open(path, 0, &reader); !fault.ok()) {
    check.status = StatusOfFault(fault);
    return check;
  }
  Checker(reader.get(), &check).Run();
  return check;
}

}  // namespace sluice
