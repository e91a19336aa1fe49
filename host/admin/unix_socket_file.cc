// SPDX-License-Identifier: Apache-2.0
#include "admin/unix_socket_file.h"

#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

namespace sluice {
namespace fs = std::filesystem;

bool SomebodyListens(const fs::path& path) {
  const std::string text = path.string();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (text.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, text.data(), text.size());
  int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return false;
  int connected = connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  // A full backlog is a sign of life too.
  bool listens = connected == 0 || errno == EAGAIN;
  close(descriptor);
  return listens;
}

Status PrepareSocketPath(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) {
    return Status(StatusCode::kIo, fmt::format("admin: cannot create {}: {}",
                                               path.parent_path().string(), error.message()));
  }
  fs::file_status there = fs::symlink_status(path, error);
  if (there.type() == fs::file_type::not_found) return Status::Ok();
  if (there.type() != fs::file_type::socket) {
    return Status(StatusCode::kConfiguration,
                  fmt::format("admin: {}: there is a file that is no socket: remove it, or set "
                              "admin.listen to another path",
                              path.string()));
  }
  if (SomebodyListens(path)) {
    return Status(StatusCode::kLocked,
                  fmt::format("admin: {}: another process listens there: stop it, or set "
                              "admin.listen to another path",
                              path.string()));
  }
  fs::remove(path, error);
  if (error) {
    return Status(StatusCode::kIo,
                  fmt::format("admin: cannot remove the socket {}, which a dead process left: {}",
                              path.string(), error.message()));
  }
  return Status::Ok();
}

}  // namespace sluice
