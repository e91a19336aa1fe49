// SPDX-License-Identifier: Apache-2.0
//
// Durations and sizes as people write them: a decimal number and a unit, "2s", "1.5h", "64MiB".
//   duration = one or more of  number ( "ns" | "us" | "ms" | "s" | "m" | "h" | "d" ), "1m30s"
//   size     = number ( "B" | "KiB" | "MiB" | "GiB" | "TiB" | "KB" | "MB" | "GB" | "TB" )
// A number without a unit is neither. No sign, no spaces inside, at most
// four decimals.
// Threading: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

// Nanoseconds; nothing where the text is no duration or exceeds 2^63-1 ns (292 years).
std::optional<int64_t> ParseDuration(std::string_view text);
// Bytes; nothing where the text is no size or exceeds 2^63-1.
std::optional<int64_t> ParseSize(std::string_view text);

// The shortest exact text of one unit: 90'000'000'000 is "90s", 0 is "0ms". `nanos` >= 0.
std::string FormatDuration(int64_t nanos);
// 67'108'864 is "64MiB", 1000 is "1000B". `bytes` >= 0.
std::string FormatSize(int64_t bytes);

}  // namespace sluice
