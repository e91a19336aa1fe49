// SPDX-License-Identifier: Apache-2.0
#include "cli/stream_reading.h"

#include <fmt/core.h>

#include <filesystem>
#include <memory>
#include <string>

#include "driver/replay/stored_stream.h"

namespace sluice {
namespace {

using sluice_file::Entry;
using sluice_file::EntryKind;
using sluice_file::Fault;
using sluice_file::StreamReader;

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
      } else if (IsSnapshot(entry.kind)) {
        if (entry.kind == EntryKind::kSnapshotEnd) Snapshot(entry);
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
    const std::string wrong = CheckBase(entry, reader_->stream());
    if (!wrong.empty()) Damaged(entry, wrong);
  }

  void Snapshot(const Entry& entry) {
    check_->snapshot_height = check_->first = check_->last = entry.height;
    check_->snapshot_rows = entry.snapshot.rows;
    check_->digest = ToHostDigest(entry.digest);
  }

  void Height(const Entry& entry) {
    if (check_->frames == 0 && check_->snapshot_height == 0) check_->first = entry.height;
    ++check_->frames;
    check_->last = entry.height;
    check_->digest = ToHostDigest(entry.digest);
    if (entry.filtered) check_->digest_checked = false;
    if (reader_->format() != sluice_file::Format::kSegments) return;
    if (auto changes = ReadChangeSet(entry, reader_->stream()); !changes) {
      Damaged(entry, changes.error().message());
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

Status CheckHasStream(const StreamReader& reader, const std::string& path) {
  std::error_code error;
  // A sink that has got no height yet leaves its fence only.
  if (!reader.files().empty() || std::filesystem::exists(path + "/FENCE", error)) {
    return Status::Ok();
  }
  return Status(
      StatusCode::kInvalid,
      fmt::format("{}: no stream is there: name the folder that a file sink writes to, which has a "
                  "file FENCE and files such as 00000000000000000001.seg or .jsonl",
                  path));
}

StreamCheck CheckStream(const std::string& path) {
  StreamCheck check;
  std::unique_ptr<StreamReader> reader;
  if (Fault fault = StreamReader::Open(path, 0, &reader); !fault.ok()) {
    check.status = StatusOfFault(fault);
    return check;
  }
  check.status = CheckHasStream(*reader, path);
  if (check.status.ok()) Checker(reader.get(), &check).Run();
  return check;
}

}  // namespace sluice
