// SPDX-License-Identifier: Apache-2.0
#include "file/snapshot_writer.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>

#include "file/file_io.h"
#include "file/stream_folder.h"

namespace sluice_file {
namespace {

// Synced in pieces, whatever `fsync` says: one sync of everything at the end would hold up whoever
// else syncs on that disk, the node's journal first.
constexpr uint64_t kSyncBytes = 8 * 1024 * 1024;

}  // namespace

SnapshotWriter::SnapshotWriter(const Settings& settings, HeightEncoder* encoder,
                               const SnapshotStart& start)
    : settings_(settings),
      encoder_(encoder),
      start_(start),
      path_(StreamFilePath(settings.folder, start.at.height, settings.format)) {}

Fault SnapshotWriter::Begin(const Settings& settings, HeightEncoder* encoder,
                            const SnapshotStart& start, std::unique_ptr<SnapshotWriter>* writer) {
  std::unique_ptr<SnapshotWriter> made(new SnapshotWriter(settings, encoder, start));
  if (Fault fault = SyncedFile::Create(BuildingPath(made->path_), &made->file_); !fault.ok()) {
    return fault;
  }
  encoder->AppendSnapshotBegin(start, made->file_->buffer());
  *writer = std::move(made);
  return {};
}

// Its space is given back at once: it may be the lack of it that ended the copy. What cannot be
// deleted now goes at the next start.
SnapshotWriter::~SnapshotWriter() {
  if (file_ == nullptr || done_) return;
  static_cast<void>(::unlink(file_->path().c_str()));
}

Fault SnapshotWriter::Add(const sluice::sdk::SnapshotPart& part) {
  if (part.number() != next_part_) {
    return {FaultKind::kInvalid, "part " + std::to_string(part.number()) +
                                     " of a snapshot, where part " + std::to_string(next_part_) +
                                     " comes next"};
  }
  ++next_part_;
  rows_ += part.size();
  encoder_->AppendSnapshotPart(start_, part, file_->buffer());
  return file_->buffered_bytes() < kSyncBytes ? Fault::None() : file_->Flush(/*sync=*/true);
}

Fault SnapshotWriter::End(Recovered* recovered) {
  encoder_->AppendSnapshotEnd(start_, rows_, file_->buffer());
  if (Fault fault = file_->Flush(/*sync=*/true); !fault.ok()) return fault;
  // The step at which the snapshot takes the place of everything else.
  if (std::rename(file_->path().c_str(), DonePath(path_).c_str()) != 0) {
    return SystemFault("rename", file_->path(), errno);
  }
  done_ = true;
  bool settled = false;
  bool unfinished = false;
  if (Fault fault = SettleSnapshot(settings_.folder, &settled, &unfinished); !fault.ok()) {
    return fault;
  }
  *recovered = Recovered();
  recovered->files.push_back({path_, start_.at.height, file_->synced_bytes()});
  recovered->has_position = true;
  recovered->position = start_.at;
  recovered->last_is_snapshot = true;
  recovered->recent.Add(start_.at.height, start_.at.digest);
  return {};
}

}  // namespace sluice_file
