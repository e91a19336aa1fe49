// SPDX-License-Identifier: Apache-2.0
//
// The time of a block line: RFC 3339 to nanoseconds since 1970-01-01T00:00:00Z.
// Threading: a pure function.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace sluice {

// "2026-01-31T12:00:00Z", "2026-01-31T13:00:00.25+01:00". Digits behind the ninth of a fraction are
// cut off; a leap second (23:59:60 in UTC) is the second after it. The error is a text that says
// what is wrong and what to do; what nanoseconds in 64 bits cannot hold (before 1677-09-21, after
// 2262-04-11) is out of range.
tl::expected<int64_t, std::string> ParseRfc3339(std::string_view text);

}  // namespace sluice
