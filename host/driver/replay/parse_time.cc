// SPDX-License-Identifier: Apache-2.0
#include "driver/replay/parse_time.h"

#include <limits>
#include <optional>

namespace sluice {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr int64_t kSecondsPerDay = 86'400;

// Days from 1970-01-01 in the proleptic Gregorian calendar; Howard Hinnant, "chrono-compatible
// low-level date algorithms", days_from_civil.
int64_t DaysFromCivil(int64_t year, int64_t month, int64_t day) {
  if (month <= 2) --year;
  int64_t era = (year >= 0 ? year : year - 399) / 400;
  int64_t year_of_era = year - era * 400;
  int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;
}

int64_t DaysInMonth(int64_t year, int64_t month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return kDays[month - 1] + (month == 2 && leap ? 1 : 0);
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool Number(int digits, int64_t* out) {
    *out = 0;
    for (int i = 0; i < digits; ++i) {
      if (text_.empty() || text_[0] < '0' || text_[0] > '9') return false;
      *out = *out * 10 + (text_[0] - '0');
      text_.remove_prefix(1);
    }
    return true;
  }
  bool Take(char a, char b) {
    if (text_.empty() || (text_[0] != a && text_[0] != b)) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool Take(char c) { return Take(c, c); }

  bool Fraction(int64_t* nanos) {
    *nanos = 0;
    int64_t digit_nanos = kNanosPerSecond / 10;
    size_t digits = 0;
    for (; digits < text_.size() && text_[digits] >= '0' && text_[digits] <= '9'; ++digits) {
      *nanos += (text_[digits] - '0') * digit_nanos;
      digit_nanos /= 10;
    }
    text_.remove_prefix(digits);
    return digits > 0;
  }
  bool Offset(int64_t* seconds) {
    *seconds = 0;
    if (Take('Z', 'z')) return true;
    int64_t sign = 1;
    if (Take('-')) {
      sign = -1;
    } else if (!Take('+')) {
      return false;
    }
    int64_t hours, minutes;
    if (!Number(2, &hours) || !Take(':') || !Number(2, &minutes)) return false;
    if (hours > 23 || minutes > 59) return false;
    *seconds = sign * (hours * 3600 + minutes * 60);
    return true;
  }
  bool empty() const { return text_.empty(); }

 private:
  std::string_view text_;
};

}  // namespace

tl::expected<int64_t, std::string> ParseRfc3339(std::string_view text) {
  auto bad = tl::make_unexpected(
      std::string("a time is RFC 3339, as 2026-01-31T12:00:00Z or 2026-01-31T13:00:00.5+01:00; "
                  "correct it"));
  Reader reader(text);
  int64_t year, month, day, hour, minute, second, nanos = 0, offset;
  if (!reader.Number(4, &year) || !reader.Take('-') || !reader.Number(2, &month) ||
      !reader.Take('-') || !reader.Number(2, &day) || !reader.Take('T', 't') ||
      !reader.Number(2, &hour) || !reader.Take(':') || !reader.Number(2, &minute) ||
      !reader.Take(':') || !reader.Number(2, &second)) {
    return bad;
  }
  if (reader.Take('.') && !reader.Fraction(&nanos)) return bad;
  if (!reader.Offset(&offset) || !reader.empty()) return bad;
  if (month < 1 || month > 12 || day < 1 || day > DaysInMonth(year, month) || hour > 23 ||
      minute > 59 || second > 60) {
    return bad;
  }
  int64_t minutes_in_seconds =
      DaysFromCivil(year, month, day) * kSecondsPerDay + hour * 3600 + minute * 60 - offset;
  if (second == 60) {
    int64_t of_day = (minutes_in_seconds % kSecondsPerDay + kSecondsPerDay) % kSecondsPerDay;
    if (of_day != kSecondsPerDay - 60) return bad;
  }
  // In 128 bits, because the product of seconds and nanoseconds does not fit for every year.
  __extension__ using Wide = __int128;
  Wide total = static_cast<Wide>(minutes_in_seconds + second) * kNanosPerSecond + nanos;
  if (total < std::numeric_limits<int64_t>::min() || total > std::numeric_limits<int64_t>::max()) {
    return tl::make_unexpected(
        std::string("the time is out of range: give one from 1677-09-21 to 2262-04-11"));
  }
  return static_cast<int64_t>(total);
}

}  // namespace sluice
