// SPDX-License-Identifier: Apache-2.0
//
// Text as the C ABI takes it. Threading: pure functions.
#pragma once

#include <string_view>

#include "sluice/plugin.h"

namespace sluice {

// A view: valid as long as what it was made of.
inline sluice_text ToText(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace sluice
