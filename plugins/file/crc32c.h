// SPDX-License-Identifier: Apache-2.0
//
// CRC-32C (Castagnoli, RFC 3720 appendix B.4): polynomial 0x1EDC6F41, reflected, initial value and
// final exclusive-or all ones. Uses the processor's instruction where there is one. Threading: pure
// functions.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice_file {

// The checksum of `bytes`; to go on over several pieces, pass the checksum of those before.
uint32_t Crc32c(std::string_view bytes, uint32_t before = 0);

// The same without the processor's instruction: what other machines run.
uint32_t Crc32cPortable(std::string_view bytes, uint32_t before = 0);

}  // namespace sluice_file
