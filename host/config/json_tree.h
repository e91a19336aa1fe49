// SPDX-License-Identifier: Apache-2.0
//
// The neutral tree as JSON text, and back. The only place in this folder that
// sees nlohmann-json is its source.
// Threading: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "config/tree.h"

namespace sluice {

enum class KeyOrder { kAsWritten, kSorted };
enum class JsonStyle { kCompact, kIndented };

// `node` holds no kOther and no number that JSON cannot say; the checker has refused those before.
std::string ToJson(const ConfigNode& node, KeyOrder order = KeyOrder::kAsWritten,
                   JsonStyle style = JsonStyle::kCompact);

// Without positions. Error kInvalid: no JSON, a key twice, nested too deeply, an integer beyond
// int64.
Result<ConfigNode> FromJson(std::string_view text);

}  // namespace sluice
