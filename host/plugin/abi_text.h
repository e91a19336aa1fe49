// SPDX-License-Identifier: Apache-2.0
//
// Text and bytes as the C ABI takes them. Threading: pure functions.
#pragma once

#include <cstdint>
#include <string_view>

#include "sluice/plugin.h"

namespace sluice {

// A view: valid as long as what it was made of.
inline sluice_text ToText(std::string_view text) { return {text.data(), text.size()}; }

// A view too.
inline sluice_bytes ToBytes(std::string_view view) {
  return {reinterpret_cast<const uint8_t*>(view.data()), view.size()};
}

}  // namespace sluice
