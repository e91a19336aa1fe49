// SPDX-License-Identifier: Apache-2.0
//
// CRC-32C (Castagnoli; RFC 3720, appendix B.4), for what is written to disk: with the processor's
// own instruction where it has one, else by table. Threading: pure functions.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice {

// The CRC of `bytes`.
uint32_t Crc32c(std::string_view bytes);

// The CRC of what `crc` is the CRC of, followed by `bytes`.
uint32_t ExtendCrc32c(uint32_t crc, std::string_view bytes);

namespace internal {
// The table's way, on every machine: a test holds the two against each other.
uint32_t ExtendCrc32cPortable(uint32_t crc, std::string_view bytes);
}  // namespace internal

}  // namespace sluice
