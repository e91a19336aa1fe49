// SPDX-License-Identifier: Apache-2.0
#include "config/units.h"

#include <fmt/core.h>

#include <array>
#include <utility>

namespace sluice {

namespace {

using Unit = std::pair<std::string_view, int64_t>;

constexpr std::array<Unit, 7> kDurationUnits = {{{"ns", 1},
                                                 {"us", 1'000},
                                                 {"ms", 1'000'000},
                                                 {"s", 1'000'000'000},
                                                 {"m", 60'000'000'000},
                                                 {"h", 3'600'000'000'000},
                                                 {"d", 86'400'000'000'000}}};
constexpr std::array<Unit, 9> kSizeUnits = {{{"B", 1},
                                             {"KiB", int64_t{1} << 10},
                                             {"MiB", int64_t{1} << 20},
                                             {"GiB", int64_t{1} << 30},
                                             {"TiB", int64_t{1} << 40},
                                             {"KB", 1'000},
                                             {"MB", 1'000'000},
                                             {"GB", 1'000'000'000},
                                             {"TB", 1'000'000'000'000}}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Digits from the front of `text` as a number; nothing where there are none, or more than fit.
std::optional<int64_t> TakeDigits(std::string_view* text, size_t* count) {
  int64_t value = 0;
  *count = 0;
  for (; *count < text->size() && IsDigit((*text)[*count]); ++*count) {
    if (__builtin_mul_overflow(value, 10, &value) ||
        __builtin_add_overflow(value, (*text)[*count] - '0', &value)) {
      return std::nullopt;
    }
  }
  if (*count == 0) return std::nullopt;
  text->remove_prefix(*count);
  return value;
}

// Takes "12.5unit" from the front of `text` and gives its value. Exact: a value that is no whole
// number of the smallest unit is refused, so that nobody writes a precision that is not kept.
template <size_t N>
std::optional<int64_t> TakeQuantity(std::string_view* text, const std::array<Unit, N>& units) {
  size_t digits = 0;
  std::optional<int64_t> whole = TakeDigits(text, &digits);
  if (!whole) return std::nullopt;
  std::optional<int64_t> fraction = 0;
  int64_t scale = 1;
  if (!text->empty() && text->front() == '.') {
    text->remove_prefix(1);
    fraction = TakeDigits(text, &digits);
    // Four digits times the largest unit stay far below 2^63.
    if (!fraction || digits > 4) return std::nullopt;
    for (; digits > 0; --digits) scale *= 10;
  }
  size_t end = 0;
  while (end < text->size() && !IsDigit((*text)[end])) ++end;
  std::string_view name = text->substr(0, end);
  for (const Unit& unit : units) {
    if (unit.first != name) continue;
    int64_t value = 0;
    int64_t part = *fraction * unit.second;
    if (part % scale != 0 || __builtin_mul_overflow(*whole, unit.second, &value) ||
        __builtin_add_overflow(value, part / scale, &value)) {
      return std::nullopt;
    }
    text->remove_prefix(end);
    return value;
  }
  return std::nullopt;
}

template <size_t N>
std::string FormatQuantity(int64_t value, const std::array<Unit, N>& units, size_t count) {
  Unit best = units[0];
  for (size_t i = 0; i < count; ++i) {
    if (units[i].second > best.second && value % units[i].second == 0) best = units[i];
  }
  return fmt::format("{}{}", value / best.second, best.first);
}

}  // namespace

std::optional<int64_t> ParseDuration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  int64_t total = 0;
  while (!text.empty()) {
    std::optional<int64_t> part = TakeQuantity(&text, kDurationUnits);
    if (!part || __builtin_add_overflow(total, *part, &total)) return std::nullopt;
  }
  return total;
}

std::optional<int64_t> ParseSize(std::string_view text) {
  std::optional<int64_t> bytes = TakeQuantity(&text, kSizeUnits);
  if (!text.empty()) return std::nullopt;
  return bytes;
}

std::string FormatDuration(int64_t nanos) {
  if (nanos == 0) return "0ms";
  return FormatQuantity(nanos, kDurationUnits, kDurationUnits.size());
}

std::string FormatSize(int64_t bytes) {
  if (bytes == 0) return "0B";
  // Binary units only: 64 MiB is never written as a multiple of a thousand.
  return FormatQuantity(bytes, kSizeUnits, 5);
}

}  // namespace sluice
