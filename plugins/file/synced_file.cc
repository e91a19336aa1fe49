// SPDX-License-Identifier: Apache-2.0
#include "file/synced_file.h"

#include <fcntl.h>

#include <cerrno>

namespace sluice_file {

Fault SyncedFile::Create(const std::filesystem::path& path, std::unique_ptr<SyncedFile>* file) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd) return SystemFault("create", path, errno);
  file->reset(new SyncedFile(path, std::move(fd), 0));
  return {};
}

Fault SyncedFile::Open(const std::filesystem::path& path, uint64_t bytes,
                       std::unique_ptr<SyncedFile>* file) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd) return SystemFault("open", path, errno);
  file->reset(new SyncedFile(path, std::move(fd), bytes));
  return {};
}

Fault SyncedFile::Flush(bool sync) {
  Fault fault = Mend();
  if (fault.ok() && !buffer_.empty()) {
    fault = WriteAt(fd_.get(), path_, synced_bytes_, buffer_);
    needs_cut_ = !fault.ok();
  }
  if (fault.ok() && sync) {
    fault = SyncData(fd_.get(), path_);
    needs_cut_ = retired_ = !fault.ok();
  }
  if (fault.ok()) {
    synced_bytes_ += buffer_.size();
    buffer_.clear();
    return {};
  }
  buffer_.clear();
  // Where the cut fails too, the next call tries again, and appends nothing before it has worked.
  const Fault cut = Mend();
  static_cast<void>(cut);
  return fault;
}

Fault SyncedFile::Sync() {
  Fault fault = SyncData(fd_.get(), path_);
  // A second fdatasync may succeed over what the first one lost, as the kernel takes those pages
  // for clean. Best effort: a file system that keeps them keeps the doubt.
  if (!fault.ok()) ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_DONTNEED);
  return fault;
}

Fault SyncedFile::Mend() {
  if (!needs_cut_) return {};
  if (Fault fault = Truncate(fd_.get(), path_, synced_bytes_); !fault.ok()) return fault;
  // The next file says how long this one is, so the cut must be on the disk before that one is
  // begun.
  if (retired_) {
    if (Fault fault = SyncData(fd_.get(), path_); !fault.ok()) return fault;
  }
  needs_cut_ = false;
  return {};
}

Fault SyncedFile::ReadTail(uint64_t offset, std::string* bytes) const {
  uint64_t size = 0;
  if (Fault fault = FileSize(fd_.get(), path_, &size); !fault.ok()) return fault;
  if (size < synced_bytes_) {
    return Fault::Damage(path_.string(), size, "the file was shortened while it was written");
  }
  bytes->resize(synced_bytes_ - offset);
  size_t got = 0;
  return ReadAt(fd_.get(), path_, offset, bytes->data(), bytes->size(), &got);
}

}  // namespace sluice_file
