// SPDX-License-Identifier: Apache-2.0
//
// The file's content: "process <pid>\n<command>\n<host>\n<start time>\n". It is for people; the
// lock alone decides.
#include "store/home_lock.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>

#include "base/clock.h"
#include "base/log.h"

namespace sluice {
namespace {

// "sluice start": the program, and its command where the second argument is one. The rest is not
// repeated, for it may hold what is nobody's business.
std::string CommandOfThisProcess() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(file), {}};
  const size_t end = std::min(all.find('\0'), all.size());
  std::string command = all.substr(0, end);
  if (const size_t slash = command.rfind('/'); slash != std::string::npos) {
    command.erase(0, slash + 1);
  }
  if (end + 1 < all.size()) {
    const std::string second = all.c_str() + end + 1;
    if (!second.empty() && second.front() != '-') command += " " + second;
  }
  return command;
}

std::string DescribeThisProcess() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  return fmt::format("process {}\n{}\n{}\n{}\n", ::getpid(), CommandOfThisProcess(), host.data(),
                     FormatTime(WallNanos()));
}

// What the holder wrote, as one phrase.
std::string DescribeHolder(int descriptor) {
  std::array<char, 1024> buffer;
  const ssize_t size = ::pread(descriptor, buffer.data(), buffer.size(), 0);
  std::array<std::string, 4> lines;
  size_t line = 0;
  for (ssize_t i = 0; i < size && line < lines.size(); ++i) {
    if (buffer[static_cast<size_t>(i)] == '\n') {
      ++line;
    } else {
      lines[line].push_back(buffer[static_cast<size_t>(i)]);
    }
  }
  if (line < lines.size()) return "another process";
  return fmt::format("{} ({}, on {}, since {})", lines[0], lines[1], lines[2], lines[3]);
}

}  // namespace

Result<std::unique_ptr<HomeLock>> HomeLock::Acquire(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    const StatusCode code = errno == ENOSPC ? StatusCode::kNoSpace : StatusCode::kIo;
    return Error(code, fmt::format("lock file {}: {}; check the home's path and its permissions",
                                   path, std::strerror(errno)));
  }
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  // Of the open file, not of the process: closing another descriptor of the file does not lose it.
  if (::fcntl(descriptor, F_OFD_SETLK, &lock) != 0) {
    const int error = errno;
    const std::string holder = DescribeHolder(descriptor);
    ::close(descriptor);
    if (error != EAGAIN && error != EACCES) {
      return Error(StatusCode::kIo, fmt::format("lock file {}: {}", path, std::strerror(error)));
    }
    return Error(StatusCode::kLocked,
                 fmt::format("lock file {}: the home is in use by {}; stop that first, or choose "
                             "another home",
                             path, holder));
  }
  std::unique_ptr<HomeLock> held(new HomeLock(descriptor));
  const std::string text = DescribeThisProcess();
  if (::ftruncate(descriptor, 0) != 0 ||
      ::pwrite(descriptor, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    LogWarn("store", "lock file {}: {}; it is held, but does not say by whom", path,
            std::strerror(errno));
  }
  return held;
}

HomeLock::~HomeLock() { ::close(descriptor_); }

}  // namespace sluice
