// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/run_command.h"
#include "cli/stream_reading.h"
#include "driver/replay/stored_stream.h"
#include "file/change_set_decoder.h"
#include "file/jsonl_line.h"

namespace sluice {
namespace {

using sluice_file::ChangeSetView;
using sluice_file::ClosingLine;
using sluice_file::Entry;
using sluice_file::EntryKind;
using sluice_file::Fault;
using sluice_file::SnapshotLine;
using sluice_file::StreamReader;

// Writes entries as the file sink's jsonl format has them, whichever format they come from.
class Dumper {
 public:
  Dumper(StreamReader* reader, const CommandLine& line)
      : reader_(reader), from_(line.from), to_(line.to == 0 ? UINT64_MAX : line.to) {}

  Status Run() {
    Entry entry;
    while (!OutputFailed() && reader_->Next(&entry)) {
      if (entry.height > to_) return Status::Ok();
      out_.clear();
      if (entry.kind == EntryKind::kHeight) {
        SLUICE_RETURN_IF_ERROR(AddHeight(entry));
      } else if (IsSnapshot(entry.kind)) {
        if (entry.height >= from_) AddSnapshot(entry);
      } else {
        AddBase(entry);
      }
      last_height_ = entry.height;
      PrintBytes(out_);
    }
    return StatusOfFault(reader_->fault());
  }

 private:
  // Said only where reading begins, or heights were skipped: between files it is nothing new.
  void AddBase(const Entry& entry) {
    if (entry.height == last_height_ || entry.height + 1 < from_ || entry.height == to_) return;
    Close(entry, 0, true, SnapshotLine::kNone);
  }

  void AddSnapshot(const Entry& entry) {
    if (entry.kind == EntryKind::kSnapshotBegin) Close(entry, 0, false, SnapshotLine::kBegin);
    for (const sluice_file::ChangeView& row : entry.rows) {
      sluice_file::AppendRowLine(reader_->stream(), entry.height, row.store, row.key, row.value,
                                 &out_);
    }
    if (entry.kind == EntryKind::kSnapshotEnd) {
      Close(entry, entry.snapshot.rows, false, SnapshotLine::kEnd);
    }
  }

  Status AddHeight(const Entry& entry) {
    const std::vector<sluice_file::ChangeView>* changes = &entry.changes;
    ChangeSetView decoded;
    if (reader_->format() == sluice_file::Format::kSegments) {
      const std::string wrong = sluice_file::DecodeChangeSet(entry.canonical, &decoded);
      if (!wrong.empty()) {
        return StatusOfFault(Fault::Damage(reader_->file().string(), entry.offset, wrong));
      }
      changes = &decoded.changes;
    }
    for (const sluice_file::ChangeView& change : *changes) {
      sluice_file::AppendChangeLine(reader_->stream(), entry.height, change, &out_);
    }
    Close(entry, changes->size(), false, SnapshotLine::kNone);
    return Status::Ok();
  }

  void Close(const Entry& entry, uint64_t changes, bool is_base, SnapshotLine snapshot) {
    ClosingLine closing;
    closing.stream = reader_->stream();
    closing.height = entry.height;
    closing.epoch = entry.epoch;
    closing.changes = changes;
    closing.digest = entry.digest;
    closing.filtered = entry.filtered;
    closing.is_base = is_base;
    closing.snapshot = snapshot;
    sluice_file::AppendClosingLine(closing, &out_);
  }

  StreamReader* const reader_;
  const uint64_t from_;
  const uint64_t to_;
  uint64_t last_height_ = 0;
  std::string out_;
};

}  // namespace

int RunStreamDump(const CommandLine& line) {
  if (line.to != 0 && line.from > line.to) {
    return Fail(Status(
        StatusCode::kConfiguration,
        fmt::format("stream dump: --from {} is above --to {}: swap them", line.from, line.to)));
  }
  std::unique_ptr<StreamReader> reader;
  if (Fault fault = StreamReader::Open(line.path, line.from, &reader); !fault.ok()) {
    return Fail(StatusOfFault(fault));
  }
  if (Status status = CheckHasStream(*reader, line.path); !status.ok()) return Fail(status);
  if (Status status = Dumper(reader.get(), line).Run(); !status.ok()) {
    std::fflush(stdout);
    return Fail(status);
  }
  if (reader->torn_bytes() > 0) {
    std::fprintf(stderr,
                 "sluice: warning: %s: {\"torn_bytes\":%llu}: a torn tail, normal after a crash; "
                 "every whole height was given\n",
                 reader->file().c_str(), static_cast<unsigned long long>(reader->torn_bytes()));
  }
  return kExitDone;
}

}  // namespace sluice
