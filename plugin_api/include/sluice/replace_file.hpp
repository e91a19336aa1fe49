// SPDX-License-Identifier: Apache-2.0
//
// Part of the C++ SDK: replaces a file as a whole and durably. For a sink that keeps what it holds
// and where it stands in one file: a crash at any point leaves the one before or the one after,
// never half of one, and never the state of one height with the position of another. And keeps
// other writers from it, with a lock.
//
//   if (Status status = ReplaceFile(path, text); !status.ok()) return status;
//
// Threading: any thread; one call at a time for one path.
#ifndef SLUICE_REPLACE_FILE_HPP_
#define SLUICE_REPLACE_FILE_HPP_

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sluice/plugin.hpp>
#include <string>
#include <string_view>

namespace sluice::sdk {
namespace internal {

inline bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

// Keeps the errno of what failed before it.
inline void Close(int fd) {
  const int saved = errno;
  ::close(fd);
  errno = saved;
}

inline Status FileFailed(const char* what, const std::string& path) {
  return Status::Retry(std::string("cannot ") + what + " " + path + ": " + std::strerror(errno));
}

}  // namespace internal

// Writes `bytes` into PATH.new, syncs it, renames it to `path`, and syncs the folder, without which
// the new name is not durable. The folder must exist.
// OK: the file holds `bytes`, also after a power cut. RETRY: it holds what it held before, or,
// where the last sync has failed, perhaps `bytes`; to call again is right in both cases.
inline Status ReplaceFile(const std::filesystem::path& path, std::string_view bytes) {
  const std::string beside = path.string() + ".new";
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return internal::FileFailed("create", beside);
  const bool synced = internal::WriteAll(fd, bytes) && ::fsync(fd) == 0;
  internal::Close(fd);
  if (!synced) return internal::FileFailed("write", beside);
  if (::rename(beside.c_str(), path.c_str()) != 0) {
    return internal::FileFailed("put in place", path.string());
  }
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  const int folder_fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool durable = folder_fd >= 0 && ::fsync(folder_fd) == 0;
  if (folder_fd >= 0) internal::Close(folder_fd);
  return durable ? Status::Ok() : internal::FileFailed("sync the folder of", path.string());
}

// Keeps everybody else from a file from Take until it is destroyed: another process with a copy of
// the node's home, or an older incarnation of this sink that was paused and wakes up. The lock is
// on PATH.lock, because PATH itself is replaced.
class FileLock {
 public:
  FileLock() = default;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock() {
    if (fd_ >= 0) ::close(fd_);
  }

  // Call it in Start. RETRY while somebody else holds it.
  Status Take(const std::filesystem::path& path) {
    const std::string beside = path.string() + ".lock";
    if (fd_ < 0) fd_ = ::open(beside.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd_ < 0) return internal::FileFailed("create", beside);
    if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) return Status::Ok();
    if (errno != EWOULDBLOCK) return internal::FileFailed("lock", beside);
    return Status::Retry(path.string() + " is in use: another process holds the lock on " + beside);
  }

 private:
  int fd_ = -1;
};

}  // namespace sluice::sdk

#endif  // SLUICE_REPLACE_FILE_HPP_
