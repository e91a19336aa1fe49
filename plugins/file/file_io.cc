// SPDX-License-Identifier: Apache-2.0
#include "file/file_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace sluice_file {
namespace fs = std::filesystem;

void UniqueFd::Reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Fault SystemFault(const std::string& what, const fs::path& path, int error) {
  const bool full = error == ENOSPC || error == EDQUOT;
  std::string text = full ? "disk full: " : "";
  text += "cannot " + what + " " + path.string() + ": " + std::generic_category().message(error);
  if (full) {
    text +=
        "; free space on that file system or lower retain_bytes, delivery then goes on by itself";
  } else if (error == EFBIG) {
    text += "; raise the file size limit of the process or lower rotate_bytes";
  } else if (error == EACCES || error == EPERM || error == EROFS) {
    text += "; give the node's user write access to it";
  }
  return {full ? FaultKind::kNoSpace : FaultKind::kIo, std::move(text)};
}

Fault OpenForReading(const fs::path& path, UniqueFd* fd) {
  *fd = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return *fd ? Fault::None() : SystemFault("open", path, errno);
}

Fault FileSize(int fd, const fs::path& path, uint64_t* size) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return SystemFault("stat", path, errno);
  *size = static_cast<uint64_t>(info.st_size);
  return {};
}

Fault ReadAt(int fd, const fs::path& path, uint64_t offset, char* out, size_t size, size_t* got) {
  *got = 0;
  while (*got < size) {
    const ssize_t n = ::pread(fd, out + *got, size - *got, static_cast<off_t>(offset + *got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemFault("read", path, errno);
    if (n == 0) break;
    *got += static_cast<size_t>(n);
  }
  return {};
}

Fault WriteAt(int fd, const fs::path& path, uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemFault("write to", path, errno);
    if (n == 0) return SystemFault("write to", path, EIO);
    bytes.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return {};
}

Fault SyncData(int fd, const fs::path& path) {
  return ::fdatasync(fd) == 0 ? Fault::None() : SystemFault("fdatasync", path, errno);
}

Fault Truncate(int fd, const fs::path& path, uint64_t size) {
  return ::ftruncate(fd, static_cast<off_t>(size)) == 0 ? Fault::None()
                                                        : SystemFault("cut", path, errno);
}

Fault SyncFolder(const fs::path& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return SystemFault("open", folder, errno);
  return ::fsync(fd.get()) == 0 ? Fault::None() : SystemFault("fsync", folder, errno);
}

Fault CreateFolder(const fs::path& folder) {
  std::error_code error;
  if (fs::is_directory(folder, error)) return {};
  if (folder.has_parent_path() && folder.parent_path() != folder) {
    if (Fault fault = CreateFolder(folder.parent_path()); !fault.ok()) return fault;
  }
  if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) {
    return SystemFault("create", folder, errno);
  }
  if (!fs::is_directory(folder, error)) return SystemFault("use", folder, ENOTDIR);
  return SyncFolder(folder.has_parent_path() ? folder.parent_path() : fs::path("."));
}

}  // namespace sluice_file
