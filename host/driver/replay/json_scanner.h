// SPDX-License-Identifier: Apache-2.0
//
// A strict walk over JSON text (RFC 8259) that builds nothing. It does the two things that
// simdjson's on-demand parser does not: it checks values that are taken over as they are written
// (on-demand skips what nobody reads without looking at it), and it says at which byte a text stops
// being JSON.
//
// Threading: pure functions.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

// Objects and arrays that may be open at once in one line, the line's own object counted.
inline constexpr int kMaxJsonDepth = 64;

struct JsonFault {
  size_t offset = 0;  // of the first byte that cannot stand there
  std::string text;   // what is wrong and what to do
};

// Walks the value that begins at text[*position], within `depth` open objects and arrays, and sets
// *position behind it. A fault where it is no JSON value, where text that cannot be decoded (a lone
// surrogate) stands in it, or where it is nested too deeply. UTF-8 is not checked here.
std::optional<JsonFault> ScanJsonValue(std::string_view text, size_t* position, int depth);

// The first thing that keeps `line` from being one JSON value in UTF-8 with white space around it.
std::optional<JsonFault> ScanJsonLine(std::string_view line);

}  // namespace sluice
