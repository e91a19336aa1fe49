// SPDX-License-Identifier: Apache-2.0
//
// Bytes as text and back: hexadecimal, base64 (RFC 4648, with padding), UTF-8 check, fixed-width
// integers in big-endian order (so that keys sort as numbers do).
// Threading: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

std::string ToHex(std::string_view bytes);
// Nothing where `hex` has an odd length or a character that is no hexadecimal digit.
std::optional<std::string> FromHex(std::string_view hex);

std::string ToBase64(std::string_view bytes);
// Nothing where the text is not exactly RFC 4648 section 4 with padding.
std::optional<std::string> FromBase64(std::string_view text);

// True where `bytes` is well-formed UTF-8 (no overlong forms, no surrogates, up to U+10FFFF).
bool IsUtf8(std::string_view bytes);

void AppendBigEndian64(std::string* out, uint64_t value);
std::string BigEndian64(uint64_t value);
// `bytes` must hold at least 8 bytes.
uint64_t ReadBigEndian64(std::string_view bytes);

}  // namespace sluice
