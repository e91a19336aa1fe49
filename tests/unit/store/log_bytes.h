// SPDX-License-Identifier: Apache-2.0
//
// RocksDB's log made by hand, record by record, as its db/log_format.h has it.
#pragma once

#include <cstdint>
#include <string>

#include "base/crc32c.h"

namespace sluice::test {

constexpr size_t kBlock = 32768;
constexpr char kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4, kRecycledFull = 5;

inline std::string Little(uint64_t number, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text.push_back(static_cast<char>(number >> (8 * i) & 255));
  return text;
}

inline std::string Record(char type, const std::string& payload) {
  const uint32_t crc = Crc32c(type + payload);
  const uint32_t masked = (crc >> 15 | crc << 17) + 0xa282ead8u;
  return Little(masked, 4) + Little(payload.size(), 2) + type + payload;
}

}  // namespace sluice::test
