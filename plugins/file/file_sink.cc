// SPDX-License-Identifier: Apache-2.0
#include "file/file_sink.h"

#include <algorithm>
#include <utility>

#include "file/abi_digest.h"
#include "file/readback.h"
#include "file/reset.h"
#include "file/status_of_fault.h"

namespace sluice_file {

using sluice::sdk::AttachArgs;
using sluice::sdk::Batch;
using sluice::sdk::StartArgs;
using sluice::sdk::StartResult;
using sluice::sdk::Status;

namespace {

// A group is synced at this size even while more heights wait: bounds the memory, and the time
// until the first of them is acked.
constexpr uint64_t kGroupBytes = 4 * 1024 * 1024;

std::string Height(uint64_t height) { return "height " + std::to_string(height); }

}  // namespace

Status FileSink::Reset(const StartArgs& args) {
  Settings settings;
  Fault fault = ParseSettings(args.settings(), args.home(), &settings);
  if (fault.ok()) {
    fault = ResetFolder({settings.folder, args.epoch(), std::string(args.stream_id()),
                         std::string(args.sink_name())});
  }
  if (!fault.ok()) return StatusOf(fault);
  reset_epoch_ = args.epoch();
  return Status::Ok();
}

Status FileSink::Start(const StartArgs& args, StartResult* result) {
  stream_ = args.stream_id();
  sink_ = args.sink_name();
  epoch_ = args.epoch();
  Fault fault = ParseSettings(args.settings(), args.home(), &settings_);
  if (fault.ok()) fault = CreateFolder(settings_.folder);
  if (fault.ok()) fault = fence_.Take(settings_.folder);
  if (fault.ok()) fault = CheckFence(args);
  if (!fault.ok()) return StatusOf(fault);

  Recovered recovered;
  if (!foreign() && fence_.damage().empty()) fault = SettleFolder();
  if (fault.ok()) {
    fault = Recover(
        {settings_.folder, settings_.format, stream_, sink_},
        [this](int32_t level, std::string_view text) { Log(level, text); }, &recovered);
  }
  if (!fault.ok()) return StatusOf(fault);
  if (found_stream_.empty()) found_stream_ = recovered.stream;
  if (!fence_.damage().empty() && recovered.has_position) {
    return StatusOf({FaultKind::kDamage, fence_.damage()});
  }
  if (foreign()) {
    foreign_ = std::move(recovered);
  } else {
    if (recovered.position.epoch >= epoch_) {
      return Status::Fenced(settings_.folder.string() + " was written under epoch " +
                            std::to_string(recovered.position.epoch) + ", this start has epoch " +
                            std::to_string(epoch_) +
                            "; another node, or a restored one, writes here");
    }
    if (fault = Open(std::move(recovered)); !fault.ok()) return StatusOf(fault);
  }
  level_ = settings_.fsync ? SLUICE_LEVEL_DURABLE : SLUICE_LEVEL_RECEIVED;
  result->level = level_;
  return Status::Ok();
}

Fault FileSink::Open(Recovered recovered) {
  const LogFunction log = [host = host_](int32_t level, std::string_view text) {
    host.Log(level, text);
  };
  return StreamWriter::Open(settings_, MakeHeightEncoder(settings_, stream_, sink_), log,
                            std::move(recovered), &writer_);
}

Fault FileSink::SettleFolder() {
  bool done = false;
  bool unfinished = false;
  Fault fault = SettleSnapshot(settings_.folder, &done, &unfinished);
  if (done) Log(SLUICE_LOG_INFO, settings_.folder.string() + ": a snapshot is put in its place");
  if (unfinished) {
    Log(SLUICE_LOG_WARN,
        settings_.folder.string() + ": deleted a snapshot that was not finished; it begins anew");
  }
  return fault;
}

Fault FileSink::CheckFence(const StartArgs& args) {
  if (fence_.stream().empty()) return {};
  found_stream_ = fence_.stream();
  if (foreign()) return {};  // resume says so; its epochs are another node's
  if (fence_.sink() != sink_) {
    return {FaultKind::kInvalid, settings_.folder.string() + " belongs to sink " + fence_.sink() +
                                     ", not to " + sink_ +
                                     "; two sinks never share a folder: change path"};
  }
  const bool ours = fence_.epoch() == reset_epoch_ && reset_epoch_ == args.epoch();
  if (fence_.epoch() < args.epoch() || ours) return {};
  return {FaultKind::kFenced,
          settings_.folder.string() + ": FENCE holds epoch " + std::to_string(fence_.epoch()) +
              ", this start has epoch " + std::to_string(args.epoch()) +
              "; a newer start of the node, or another node, writes here; nothing was changed"};
}

Status FileSink::Resume(sluice::sdk::Position* position) {
  if (foreign()) {
    const Position& at = foreign_.position;
    position->SetAt(found_stream_, std::max(fence_.epoch(), at.epoch), at.height,
                    FromDigest(at.digest));
    return Status::Ok();
  }
  if (writer_ == nullptr) return Status::Fatal("asked after a snapshot that failed in its end");
  if (Fault fault = writer_->CheckLastEntry(); !fault.ok()) return StatusOf(fault);
  const Position& at = writer_->synced();
  if (!writer_->has_position() || at.height == 0) {
    position->SetEmpty();
  } else {
    position->SetAt(stream_, std::max(fence_.epoch(), at.epoch), at.height, FromDigest(at.digest));
  }
  return Status::Ok();
}

Status FileSink::Attach(const AttachArgs& args) {
  if (foreign()) {
    return Status::Invalid(settings_.folder.string() + " holds stream " + found_stream_ + ", not " +
                           stream_ + "; give the sink a path of its own");
  }
  const Position base{args.epoch, args.height, ToDigest(args.digest)};
  const Position& at = writer_->synced();
  if (writer_->has_position() && base.height < at.height) {
    return Status::Invalid(settings_.folder.string() + " holds heights through " +
                           std::to_string(at.height) + ", the base is " + Height(base.height) +
                           "; move its files away to begin anew");
  }
  if (writer_->has_position() && base.height == at.height && base.digest != at.digest) {
    return Status::Invalid(settings_.folder.string() + " has diverged: its digest at " +
                           Height(at.height) + " is not the stream's");
  }
  const bool holds_base = writer_->has_position() && base.height == at.height;
  const bool expects_base =
      args.reason == SLUICE_ATTACH_RESUMED || args.reason == SLUICE_ATTACH_AFTER_SNAPSHOT;
  if (expects_base && !holds_base) {
    return Status::Invalid("to go on behind " + Height(base.height) + ", which " +
                           settings_.folder.string() + " does not hold");
  }
  // The fence first: an older incarnation must be out before anything new is written.
  if (Fault fault = fence_.Raise(epoch_, stream_, sink_); !fault.ok()) return StatusOf(fault);
  if (!holds_base) {
    if (Fault fault = writer_->StartAt(base); !fault.ok()) return StatusOf(fault);
  }
  in_flight_.clear();
  attached_ = true;
  return Status::Ok();
}

Status FileSink::BeginSnapshot(const sluice::sdk::SnapshotArgs& args) {
  if (foreign()) {
    return Status::Invalid(settings_.folder.string() + " holds stream " + found_stream_ + ", not " +
                           stream_ + "; give the sink a path of its own");
  }
  if (attached_ || args.height == 0) {
    return Status::Fatal("a snapshot is taken before attach, and of a height above 0");
  }
  // As in attach: an older incarnation must be out before anything new is written.
  if (Fault fault = fence_.Raise(epoch_, stream_, sink_); !fault.ok()) return StatusOf(fault);
  SnapshotStart start;
  start.at = {epoch_, args.height, ToDigest(args.digest)};
  start.filtered = (args.flags & SLUICE_BATCH_FILTERED) != 0;
  start.time_unix_nanos = args.time_unix_nanos;
  start.rows_about = args.rows_about;
  snapshot_.reset();
  snapshot_encoder_ = MakeHeightEncoder(settings_, stream_, sink_);
  return StatusOf(SnapshotWriter::Begin(settings_, snapshot_encoder_.get(), start, &snapshot_));
}

Status FileSink::TakeSnapshotPart(const sluice::sdk::SnapshotPart& part) {
  if (snapshot_ == nullptr) return Status::Fatal("a part of a snapshot that was not begun");
  const Fault fault = snapshot_->Add(part);
  if (!fault.ok()) snapshot_.reset();
  return StatusOf(fault);
}

Status FileSink::EndSnapshot() {
  if (snapshot_ == nullptr) return Status::Fatal("the end of a snapshot that was not begun");
  // What the writer of before holds open is about to be deleted.
  writer_.reset();
  Recovered recovered;
  Fault fault = snapshot_->End(&recovered);
  snapshot_.reset();
  if (fault.ok()) fault = Open(std::move(recovered));
  return StatusOf(fault);
}

Status FileSink::CheckBatch(const Batch& batch) const {
  if (!attached_) return Status::Fatal("deliver before attach");
  if (batch.epoch() != epoch_) {
    return Status::Fenced(Height(batch.height()) + " is of epoch " + std::to_string(batch.epoch()) +
                          ", this instance is of epoch " + std::to_string(epoch_));
  }
  if (batch.part() != 0 || !batch.last_part()) {
    return Status::Unsupported("the file sink takes whole heights, not parts");
  }
  for (const sluice_change& change : batch.changes()) {
    const bool known = change.kind == SLUICE_CHANGE_SET || change.kind == SLUICE_CHANGE_DELETE;
    if (!known && (change.flags & SLUICE_CHANGE_MUST_UNDERSTAND) != 0) {
      return Status::Unsupported(Height(batch.height()) + " holds a change of kind " +
                                 std::to_string(change.kind) +
                                 ", which this version of the file sink does not know");
    }
  }
  return Status::Ok();
}

Status FileSink::Deliver(const Batch& batch) {
  if (Status status = CheckBatch(batch); !status.ok()) return status;
  const Position& at = writer_->appended();
  if (batch.height() <= at.height) return DeliverAgain(batch);
  if (batch.height() != at.height + 1) {
    return Status::Fatal(settings_.folder.string() + ": " + Height(at.height + 1) +
                         " comes next, not " + Height(batch.height()) +
                         "; ask where the sink stands and deliver from there");
  }
  if (ToDigest(batch.previous_digest()) != at.digest) {
    return Status::Fatal(settings_.folder.string() + " has diverged: " + Height(batch.height()) +
                         " is not chained to the digest that it holds for " + Height(at.height));
  }
  const Fault fault = writer_->Append(batch);
  AckSynced();  // a file that was closed to begin the next one
  if (!fault.ok()) return Dropped(fault, batch.height());
  in_flight_.push_back({batch.height(), batch.attempt()});
  return EndGroup(batch);
}

Status FileSink::EndGroup(const Batch& batch) {
  const bool more_waits = batch.height() < batch.newest_height();
  if (more_waits && writer_->buffered_bytes() < kGroupBytes) return Status::Pending();
  const Fault fault = writer_->Flush();
  if (!fault.ok()) return Dropped(fault, batch.height());
  const bool alone = in_flight_.size() == 1 && in_flight_.front().height == batch.height();
  if (alone) {
    in_flight_.clear();
    return Status::Ok();
  }
  AckSynced();
  return Status::Pending();
}

Status FileSink::DeliverAgain(const Batch& batch) {
  Digest held{};
  bool known = false;
  Fault fault = DigestOf(batch.height(), &held, &known);
  if (!fault.ok()) return StatusOf(fault);
  // Below the beginning nothing is left to compare; the chain of digests above it vouches for it.
  if (known && held != ToDigest(batch.digest())) {
    return Status::Fatal(settings_.folder.string() + " has diverged: it holds " +
                         Height(batch.height()) + " with another digest");
  }
  if (batch.height() <= writer_->synced().height) return Status::Ok();
  for (InFlight& waiting : in_flight_) {
    if (waiting.height == batch.height()) waiting.attempt = batch.attempt();
  }
  return EndGroup(batch);
}

// Heights come again in order, so one reader that moves forward serves them all.
Fault FileSink::DigestOf(uint64_t height, Digest* digest, bool* known) {
  *known = true;
  if (const Digest* found = writer_->FindDigest(height); found != nullptr) {
    *digest = *found;
    return {};
  }
  if (old_heights_ == nullptr || old_height_ >= height) {
    Fault fault = StreamReader::Open(settings_.folder, height, &old_heights_);
    if (!fault.ok()) return fault;
  }
  for (Entry entry; old_heights_->Next(&entry);) {
    old_height_ = entry.height;
    if (entry.height < height) continue;
    *digest = entry.digest;
    *known = entry.height == height && (entry.kind == EntryKind::kHeight || IsSnapshot(entry.kind));
    return {};
  }
  Fault fault = old_heights_->fault();
  old_heights_.reset();
  *known = false;
  return fault;
}

void FileSink::AckSynced() {
  uint64_t attempt = 0;
  uint64_t height = 0;
  while (!in_flight_.empty() && in_flight_.front().height <= writer_->synced().height) {
    height = in_flight_.front().height;
    attempt = in_flight_.front().attempt;
    in_flight_.pop_front();
  }
  if (height != 0) host_.Ack(epoch_, attempt, 0, height, level_);
}

// The status answers for `height`; heights of the same group before it are nacked from the first
// on.
Status FileSink::Dropped(const Fault& fault, uint64_t height) {
  Status status = StatusOf(fault);
  AckSynced();
  const bool others = !in_flight_.empty() && in_flight_.front().height < height;
  if (others) {
    const InFlight first = in_flight_.front();
    in_flight_.clear();
    host_.Nack(epoch_, first.attempt, first.height, status);
  }
  in_flight_.clear();
  return status;
}

Status FileSink::Drain(std::chrono::nanoseconds) {
  if (writer_ == nullptr || !attached_) return Status::Ok();
  const Fault fault = writer_->Flush();
  if (!fault.ok()) return Dropped(fault, UINT64_MAX);
  AckSynced();
  return Status::Ok();
}

Status FileSink::OpenReadback(const sluice::sdk::ReadbackArgs& args,
                              sluice::sdk::ReadbackInfo* info,
                              std::unique_ptr<sluice::sdk::ReadbackCursor>* cursor) {
  return OpenFileReadback(args, info, cursor);
}

}  // namespace sluice_file
