// SPDX-License-Identifier: Apache-2.0
//
// Where a listener listens: "unix:path", "host:port" or "[::1]:port".
// Threading: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/status.h"

namespace sluice {

// What fits into sockaddr_un::sun_path with its closing zero.
inline constexpr size_t kMaxUnixPathBytes = 107;

struct ListenAddress {
  enum class Kind { kUnix, kTcp };
  Kind kind = Kind::kTcp;
  std::filesystem::path path;  // kUnix; absolute where the home is
  std::string host;            // kTcp, without brackets
  uint16_t port = 0;           // kTcp; 0 lets the system choose

  // Reachable from this machine only: a unix socket, 127.0.0.0/8, ::1 or localhost.
  bool IsLocal() const;
};

// Error kInvalid: what was expected instead.
Result<ListenAddress> ParseListenAddress(const std::string& text,
                                         const std::filesystem::path& home);

// As it is written in the configuration: "unix:/run/x.sock", "127.0.0.1:7380", "[::1]:7380".
std::string AddressText(const ListenAddress& address);

// kConfiguration where a unix socket's path is longer than the system takes. Asked when listening,
// not when checking: a home may be moved.
Status CheckUnixPathLength(const ListenAddress& address);

}  // namespace sluice
