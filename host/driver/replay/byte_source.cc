// SPDX-License-Identifier: Apache-2.0
#include "driver/replay/byte_source.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace sluice {
namespace {

// How soon growth of a followed file is seen. Polled, because inotify does not see writes on
// network file systems or through another mount.
constexpr std::chrono::milliseconds kFollowPoll{20};

std::string ErrnoText(int error) { return std::generic_category().message(error); }

// True where the stop signal came before `timeout` (negative: no limit) was over. `also`: a
// descriptor whose input ends the wait too; -1: none.
enum class Wait { kStopped, kReady, kTimeout };
Wait PollFor(int stop_fd, int also, int timeout_ms) {
  pollfd fds[2] = {{stop_fd, POLLIN, 0}, {also, POLLIN, 0}};
  int ready = ::poll(fds, also >= 0 ? 2 : 1, timeout_ms);
  if (ready > 0 && fds[0].revents != 0) return Wait::kStopped;
  return ready > 0 ? Wait::kReady : Wait::kTimeout;
}

}  // namespace

ByteSource::ByteSource(std::string path, bool follow, std::chrono::milliseconds quiet,
                       const StopSignal* stop)
    : path_(std::move(path)),
      display_name_(path_ == "-" ? "<stdin>" : path_),
      follow_(follow),
      quiet_(quiet),
      stop_(stop) {}

ByteSource::~ByteSource() {
  if (owns_fd_) ::close(fd_);
}

Status ByteSource::Open() {
  if (path_ == "-") {
    fd_ = STDIN_FILENO;
  } else {
    fd_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    int error = errno;
    if (fd_ < 0) {
      bool missing = error == ENOENT || error == ENOTDIR;
      return Status(
          missing ? StatusCode::kNotFound : StatusCode::kIo,
          fmt::format("cannot open the input: {}: {}; give the path of a file that can be "
                      "read, or - for standard input",
                      display_name_, ErrnoText(error)));
    }
    owns_fd_ = true;
  }
  struct stat info {};
  if (::fstat(fd_, &info) != 0) return ReadError();
  if (S_ISDIR(info.st_mode)) {
    return Status(
        StatusCode::kIo,
        fmt::format("cannot read the input: {}: it is a folder; give a file", display_name_));
  }
  regular_ = S_ISREG(info.st_mode);
  device_ = info.st_dev;
  inode_ = info.st_ino;
  if (regular_ && !follow_) {
    bytes_total_.store(static_cast<uint64_t>(info.st_size), std::memory_order_relaxed);
  }
  return Status::Ok();
}

Result<ReadResult> ByteSource::Read(char* out, size_t capacity) {
  if (stop_->is_set()) return ReadResult{ReadOutcome::kStopped, 0};
  return regular_ ? ReadRegular(out, capacity) : ReadPolled(out, capacity);
}

Result<ReadResult> ByteSource::ReadRegular(char* out, size_t capacity) {
  std::chrono::milliseconds waited{0};
  for (;;) {
    ssize_t size = ::read(fd_, out, capacity);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Error(ReadError());
    if (size > 0) {
      bytes_read_.fetch_add(static_cast<uint64_t>(size), std::memory_order_relaxed);
      return ReadResult{ReadOutcome::kBytes, static_cast<size_t>(size)};
    }
    if (!follow_) return ReadResult{ReadOutcome::kEnd, 0};
    SLUICE_RETURN_IF_ERROR(CheckUnchanged());
    if (waited >= quiet_) return ReadResult{ReadOutcome::kQuiet, 0};
    auto step = std::clamp(quiet_ - waited, std::chrono::milliseconds(1), kFollowPoll);
    if (PollFor(stop_->fd(), -1, static_cast<int>(step.count())) == Wait::kStopped) {
      return ReadResult{ReadOutcome::kStopped, 0};
    }
    waited += step;
  }
}

Result<ReadResult> ByteSource::ReadPolled(char* out, size_t capacity) {
  for (;;) {
    switch (PollFor(stop_->fd(), fd_, follow_ ? static_cast<int>(quiet_.count()) : -1)) {
      case Wait::kStopped:
        return ReadResult{ReadOutcome::kStopped, 0};
      case Wait::kTimeout:
        if (follow_) return ReadResult{ReadOutcome::kQuiet, 0};
        continue;
      case Wait::kReady:
        break;
    }
    ssize_t size = ::read(fd_, out, capacity);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (size < 0) return Error(ReadError());
    if (size == 0) return ReadResult{ReadOutcome::kEnd, 0};
    bytes_read_.fetch_add(static_cast<uint64_t>(size), std::memory_order_relaxed);
    return ReadResult{ReadOutcome::kBytes, static_cast<size_t>(size)};
  }
}

Status ByteSource::CheckUnchanged() const {
  struct stat open_file {};
  if (::fstat(fd_, &open_file) != 0) return ReadError();
  uint64_t read = bytes_read_.load(std::memory_order_relaxed);
  if (static_cast<uint64_t>(open_file.st_size) < read) {
    return Status(StatusCode::kInvalid,
                  fmt::format("cannot follow the input: {}: it has shrunk to {} bytes, of which {} "
                              "were read; put the file back, or give what follows as a new file",
                              display_name_, open_file.st_size, read));
  }
  // Standard input has no path under which another file could appear.
  if (!owns_fd_) return Status::Ok();
  struct stat named {};
  bool gone = ::stat(path_.c_str(), &named) != 0;
  if (gone || named.st_dev != device_ || named.st_ino != inode_) {
    return Status(StatusCode::kInvalid,
                  fmt::format("cannot follow the input: {}: it was {}; put the file back, or give "
                              "what follows as a new file",
                              display_name_, gone ? "removed" : "replaced by another file"));
  }
  return Status::Ok();
}

Status ByteSource::ReadError() const {
  return Status(StatusCode::kIo,
                fmt::format("cannot read the input: {}: offset {}: {}; blocks before it are taken, "
                            "run again to continue",
                            display_name_, bytes_read(), ErrnoText(errno)));
}

}  // namespace sluice
