// SPDX-License-Identifier: Apache-2.0
//
// The digest chain: digest(h) = SHA-256(digest(h-1) ‖ canonical bytes of h), so that equal digests
// mean equal histories. SHA-256 is OpenSSL's. Threading: pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

struct Digest {
  std::array<uint8_t, 32> bytes{};

  std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  std::string ToHex() const;
  // Nothing unless `raw` has exactly 32 bytes.
  static std::optional<Digest> FromBytes(std::string_view raw);

  friend bool operator==(const Digest&, const Digest&) = default;
};

// digest(0): SHA-256("sluice.stream.v1:" ‖ stream_id).
Digest GenesisDigest(std::string_view stream_id);

// digest(h) from digest(h-1) and the canonical bytes of h.
Digest NextDigest(const Digest& previous, std::string_view canonical);

// SHA-256 of `bytes`.
Digest Sha256(std::string_view bytes);

}  // namespace sluice
