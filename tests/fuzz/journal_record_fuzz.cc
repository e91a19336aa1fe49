// SPDX-License-Identifier: Apache-2.0
//
// A journal record that is accepted is the one that encoding it gives. Each input is tried as it
// is, and with the CRC that belongs to it: else no mutation would get past that.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "base/crc32c.h"
#include "model/journal_record.h"

namespace {

// Where the record says which height it is, after its magic and version.
uint64_t HeightIn(const std::string& bytes) {
  uint64_t height = 0;
  for (size_t i = 12; i > 4 && bytes.size() >= 12; --i) {
    height = height << 8 | static_cast<uint8_t>(bytes[i - 1]);
  }
  return height;
}

void Try(const std::string& bytes) {
  const auto decoded = sluice::DecodeJournalRecord(sluice::Height(HeightIn(bytes)), bytes);
  if (!decoded) return;
  const auto encoded = sluice::EncodeJournalRecord(*decoded);
  SLUICE_CHECK(encoded.head + std::string(encoded.canonical) + encoded.tail == bytes,
               "an accepted record is not the one that is written");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  Try(bytes);
  if (size < 4) return 0;
  const uint32_t crc = sluice::Crc32c(std::string_view(bytes).substr(0, size - 4));
  for (size_t i = 0; i < 4; ++i) bytes[size - 4 + i] = static_cast<char>(crc >> (8 * i));
  Try(bytes);
  return 0;
}
