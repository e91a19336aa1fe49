// SPDX-License-Identifier: Apache-2.0
#include "file/stream_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "file/abi_digest.h"
#include "file/crc32c.h"
#include "file/file_io.h"
#include "file/retention.h"

namespace sluice_file {
namespace {

using Clock = std::chrono::system_clock;

// When the file was made, so that rotation by age survives a restart; now, where the file system
// does not tell.
Clock::time_point CreationTime(const std::filesystem::path& path) {
  struct statx info {};
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_BTIME, &info) == 0 &&
      (info.stx_mask & STATX_BTIME) != 0) {
    return Clock::from_time_t(info.stx_btime.tv_sec);
  }
  return Clock::now();
}

}  // namespace

Fault StreamWriter::Open(const Settings& settings, std::unique_ptr<HeightEncoder> encoder,
                         LogFunction log, Recovered recovered,
                         std::unique_ptr<StreamWriter>* writer) {
  std::unique_ptr<StreamWriter> made(
      new StreamWriter(settings, std::move(encoder), std::move(log)));
  made->files_ = std::move(recovered.files);
  made->recent_ = std::move(recovered.recent);
  made->has_position_ = recovered.has_position;
  made->appended_ = made->synced_ = recovered.position;
  made->start_ = recovered.last_start;
  if (!made->files_.empty() && !recovered.last_is_snapshot) {
    const StreamFile& last = made->files_.back();
    Fault fault = SyncedFile::Open(last.path, last.bytes, &made->file_);
    if (!fault.ok()) return fault;
    if (settings.fsync) {
      if (fault = SyncFolder(settings.folder); fault.ok()) fault = made->file_->Sync();
      if (!fault.ok()) return fault;
    }
    made->file_has_heights_ = recovered.last_has_heights;
    made->created_ = CreationTime(last.path);
    made->last_entry_offset_ = recovered.last_entry_offset;
    std::string tail;
    fault = made->file_->ReadTail(made->last_entry_offset_, &tail);
    if (!fault.ok()) return fault;
    made->last_entry_crc_ = Crc32c(tail);
  }
  *writer = std::move(made);
  return {};
}

Fault StreamWriter::StartAt(const Position& base) {
  if (Fault fault = Flush(); !fault.ok()) return fault;
  if (Fault fault = Mend(); !fault.ok()) return fault;
  start_pending_ = false;
  FileStart start = NextStart();
  start.is_gap = has_position_ && synced_.height < base.height;
  start.before_digest = start.is_gap ? synced_.digest : base.digest;
  start.base = base;
  file_.reset();
  if (base.height != 0) {
    if (Fault fault = BeginFile(start); !fault.ok()) return fault;
    buffered_entry_offset_ = 0;
  }
  appended_ = base;
  recent_.Add(base.height, base.digest);
  if (base.height != 0) {
    if (Fault fault = Flush(); !fault.ok()) {
      start_pending_ = false;  // whether this base is tried again is the caller's to say
      return fault;
    }
  }
  synced_ = base;
  has_position_ = true;
  return {};
}

Fault StreamWriter::Append(const sluice::sdk::Batch& batch) {
  if (Fault fault = Mend(); !fault.ok()) return fault;
  if (file_ != nullptr && MustRotate(batch)) {
    // A file that is followed by another is whole, whatever `fsync` says.
    if (Fault fault = FlushFile(/*sync=*/true); !fault.ok()) return fault;
    file_.reset();
  }
  if (file_ == nullptr) {
    if (Fault fault = BeginFile(NextStart()); !fault.ok()) return fault;
  }
  buffered_entry_offset_ = file_->synced_bytes() + file_->buffered_bytes();
  encoder_->AppendHeight(batch, file_->buffer());
  appended_ = {batch.epoch(), batch.height(), ToDigest(batch.digest())};
  recent_.Add(appended_.height, appended_.digest);
  return {};
}

Fault StreamWriter::Flush() {
  if (file_ == nullptr || file_->buffered_bytes() == 0) return Mend();
  return FlushFile(settings_.fsync);
}

Fault StreamWriter::FlushFile(bool sync) {
  Retain();
  // The entry in the folder first: a synced file that its folder does not name is lost.
  Fault fault = folder_dirty_ ? SyncFolder(settings_.folder) : Fault::None();
  if (fault.ok()) {
    folder_dirty_ = false;
    const std::string_view group = *file_->buffer();
    const bool has_entry = buffered_entry_offset_ >= file_->synced_bytes() && !group.empty();
    const uint32_t crc = has_entry
                             ? Crc32c(group.substr(buffered_entry_offset_ - file_->synced_bytes()))
                             : last_entry_crc_;
    fault = file_->Flush(sync);
    if (fault.ok()) {
      if (has_entry) last_entry_offset_ = buffered_entry_offset_;
      last_entry_crc_ = crc;
      files_.back().bytes = file_->synced_bytes();
      start_pending_ = false;
      file_has_heights_ = file_has_heights_ || appended_.height > start_.base.height;
      synced_ = appended_;
      return {};
    }
  }
  Drop();
  // Best effort: whatever cannot be mended now is tried again before the next append.
  const Fault mended = Mend();
  static_cast<void>(mended);
  return fault;
}

void StreamWriter::Drop() {
  if (file_ != nullptr) file_->DropBuffer();
  appended_ = synced_;
  recent_.CutTo(synced_.height);
}

Fault StreamWriter::Mend() {
  if (file_ == nullptr) return {};
  // A file whose beginning was never synced, with nothing waiting to be written.
  const bool nothing_stored = file_->synced_bytes() == 0 && file_->buffered_bytes() == 0;
  if (nothing_stored || (file_->retired() && !file_has_heights_)) return RemoveLastFile();
  if (Fault fault = file_->Mend(); !fault.ok()) return fault;
  if (file_->retired()) file_.reset();
  return {};
}

// The file that replaces it has the same name and says the same about its base.
Fault StreamWriter::RemoveLastFile() {
  if (::unlink(file_->path().c_str()) != 0 && errno != ENOENT) {
    return SystemFault("delete", file_->path(), errno);
  }
  folder_dirty_ = true;
  file_.reset();
  files_.pop_back();
  start_pending_ = true;
  return {};
}

FileStart StreamWriter::NextStart() const {
  if (start_pending_) return start_;
  FileStart start;
  start.base = synced_;
  start.before_digest = synced_.digest;
  if (!files_.empty()) {
    start.link = {files_.back().first_height, files_.back().bytes};
  }
  return start;
}

Fault StreamWriter::BeginFile(const FileStart& start) {
  const uint64_t first_height = start.base.height + 1;
  const std::filesystem::path path =
      StreamFilePath(settings_.folder, first_height, settings_.format);
  if (Fault fault = SyncedFile::Create(path, &file_); !fault.ok()) return fault;
  folder_dirty_ = true;
  files_.push_back({path, first_height, 0});
  start_ = start;
  start_pending_ = false;
  file_has_heights_ = false;
  created_ = Clock::now();
  encoder_->AppendFileStart(start, file_->buffer());
  return {};
}

bool StreamWriter::MustRotate(const sluice::sdk::Batch& batch) const {
  if (appended_.height <= start_.base.height) return false;  // a file holds at least one height
  const uint64_t bytes = file_->synced_bytes() + file_->buffered_bytes();
  if (settings_.rotate_bytes != 0 &&
      bytes + kFrameHead + batch.canonical().size() > settings_.rotate_bytes) {
    return true;
  }
  return settings_.rotate_interval_ms != 0 &&
         Clock::now() - created_ >= std::chrono::milliseconds(settings_.rotate_interval_ms);
}

// Deletes the oldest first, so that a crash in between leaves a stream that is only shorter. What
// cannot be deleted now is tried again at the next group; delivery does not stop for it.
void StreamWriter::Retain() {
  if (settings_.retain_bytes == 0 && settings_.retain_blocks == 0) return;
  // While the last file has nothing stored, the one before it still says where the stream stands.
  if (file_->synced_bytes() == 0) return;
  const size_t count =
      FilesToDelete(files_, synced_.height, settings_.retain_bytes, settings_.retain_blocks);
  for (size_t i = 0; i < count; ++i) {
    const std::filesystem::path path = files_.front().path;
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
      log_(SLUICE_LOG_WARN, SystemFault("delete", path, errno).text() + "; retention waits");
      return;
    }
    folder_dirty_ = true;
    files_.erase(files_.begin());
    log_(SLUICE_LOG_INFO, "retention deleted " + path.string());
  }
}

Fault StreamWriter::CheckLastEntry() {
  if (Fault fault = Mend(); !fault.ok()) return fault;
  if (file_ == nullptr || file_->synced_bytes() == 0) return {};
  std::string tail;
  if (Fault fault = file_->ReadTail(last_entry_offset_, &tail); !fault.ok()) return fault;
  if (Crc32c(tail) == last_entry_crc_) return {};
  return Fault::Damage(file_->path().string(), last_entry_offset_,
                       "the last entry is not what was written");
}

}  // namespace sluice_file
