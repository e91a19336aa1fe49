// SPDX-License-Identifier: Apache-2.0
//
// Fixed-width integers, least significant byte first. Threading: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace sluice_file {

template <typename T>
void WriteLittle(std::type_identity_t<T> value, char* out) {
  for (size_t i = 0; i < sizeof(T); ++i) {
    out[i] = static_cast<char>(static_cast<uint64_t>(value) >> (8 * i));
  }
}

template <typename T>
void AppendLittle(std::type_identity_t<T> value, std::string* out) {
  char bytes[sizeof(T)];
  WriteLittle<T>(value, bytes);
  out->append(bytes, sizeof(T));
}

// `bytes` must hold sizeof(T) bytes from `at` on.
template <typename T>
T ReadLittle(std::string_view bytes, size_t at) {
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value |= uint64_t{static_cast<uint8_t>(bytes[at + i])} << (8 * i);
  }
  return static_cast<T>(value);
}

}  // namespace sluice_file
