// SPDX-License-Identifier: Apache-2.0
#include "base/log_file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <string>
#include <system_error>

namespace sluice {
namespace {

constexpr mode_t kMode = 0640;  // log shippers are of the group

std::mutex g_mutex;  // of whoever opens
// Never changes once it is there: a file that is opened anew takes the same number, so that who
// writes needs no lock.
std::atomic<int> g_descriptor{-1};

std::filesystem::path& Path() {
  // Never destroyed: a plugin's thread may log while the process ends.
  static auto* path = new std::filesystem::path;
  return *path;
}

Status OpenAgain(const std::filesystem::path& path) {
  const auto failed = [&](const char* why) {
    return Status(StatusCode::kIo,
                  fmt::format("log file {}: cannot open: {}: check the folder and its permissions",
                              path.string(), why));
  };
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error) return failed(error.message().c_str());
  const int opened = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, kMode);
  if (opened < 0) return failed(std::strerror(errno));
  const int current = g_descriptor.load();
  if (current < 0) {
    g_descriptor.store(opened);
    return Status::Ok();
  }
  dup3(opened, current, O_CLOEXEC);
  close(opened);
  return Status::Ok();
}

}  // namespace

Status OpenLogFile(const std::filesystem::path& path) {
  std::lock_guard lock(g_mutex);
  if (path.empty()) {
    const int current = g_descriptor.exchange(-1);
    if (current >= 0) close(current);
  } else {
    SLUICE_RETURN_IF_ERROR(OpenAgain(path));
  }
  Path() = path;
  return Status::Ok();
}

Status ReopenLogFile() {
  std::lock_guard lock(g_mutex);
  return Path().empty() ? Status::Ok() : OpenAgain(Path());
}

bool AppendToLogFile(std::string_view line) {
  const int descriptor = g_descriptor.load(std::memory_order_relaxed);
  if (descriptor < 0) return false;
  std::string bytes(line);
  bytes += '\n';
  // One call: with O_APPEND, lines of several threads do not mix.
  return write(descriptor, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
}

}  // namespace sluice
