// SPDX-License-Identifier: Apache-2.0
#include "config/listen_address.h"

#include <fmt/core.h>

#include <charconv>
#include <string_view>

namespace sluice {

namespace {

// 127.a.b.c, written out: a name such as "127.example.com" may resolve to anywhere.
bool IsLoopbackV4(std::string_view host) {
  int parts = 0;
  int first = -1;
  while (true) {
    size_t dot = host.find('.');
    std::string_view part = host.substr(0, dot);
    int value = 0;
    auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (part.empty() || part.size() > 3 || part[0] == '-' || error != std::errc() ||
        end != part.data() + part.size() || value > 255) {
      return false;
    }
    if (parts++ == 0) first = value;
    if (dot == std::string_view::npos) break;
    host.remove_prefix(dot + 1);
  }
  return parts == 4 && first == 127;
}

}  // namespace

bool ListenAddress::IsLocal() const {
  return kind == Kind::kUnix || host == "localhost" || host == "::1" || IsLoopbackV4(host);
}

Result<ListenAddress> ParseListenAddress(const std::string& text,
                                         const std::filesystem::path& home) {
  static constexpr std::string_view kExpected =
      "expected an address such as \"127.0.0.1:7380\", \"[::1]:7380\" or \"unix:data/admin.sock\"";
  ListenAddress address;
  if (text.rfind("unix:", 0) == 0) {
    if (text.size() == 5) return Error(StatusCode::kInvalid, std::string(kExpected));
    address.kind = ListenAddress::Kind::kUnix;
    address.path = (home / text.substr(5)).lexically_normal();
    return address;
  }
  size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) {
    return Error(StatusCode::kInvalid, std::string(kExpected));
  }
  std::string host = text.substr(0, colon);
  bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  std::string_view port = std::string_view(text).substr(colon + 1);
  auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  bool bad_host = host.find_first_of(" []/") != std::string::npos ||
                  (!bracketed && host.find(':') != std::string::npos);
  if (port.empty() || error != std::errc() || end != port.data() + port.size() || bad_host) {
    return Error(StatusCode::kInvalid, std::string(kExpected));
  }
  address.host = std::move(host);
  return address;
}

std::string AddressText(const ListenAddress& address) {
  if (address.kind == ListenAddress::Kind::kUnix) return "unix:" + address.path.string();
  const bool is_v6 = address.host.find(':') != std::string::npos;
  const char* open = is_v6 ? "[" : "";
  const char* close = is_v6 ? "]" : "";
  return fmt::format("{}{}{}:{}", open, address.host, close, address.port);
}

Status CheckUnixPathLength(const ListenAddress& address) {
  if (address.kind != ListenAddress::Kind::kUnix) return Status::Ok();
  size_t length = address.path.string().size();
  if (length <= kMaxUnixPathBytes) return Status::Ok();
  return {StatusCode::kConfiguration,
          fmt::format("cannot listen: {}: the path of a unix socket may have {} bytes and this has "
                      "{}; move the home to a shorter path, or set admin.listen to a shorter one, "
                      "such as \"unix:/run/sluice/admin.sock\"",
                      address.path.string(), kMaxUnixPathBytes, length)};
}

}  // namespace sluice
