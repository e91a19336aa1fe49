// SPDX-License-Identifier: Apache-2.0
#include "driver/replay/json_scanner.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>

#include "base/bytes.h"

namespace sluice {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

int HexDigit(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class Scanner {
 public:
  Scanner(std::string_view text, size_t position)
      : text_(text), p_(text.data() + position), end_(text.data() + text.size()) {}

  size_t position() const { return static_cast<size_t>(p_ - text_.data()); }
  std::optional<JsonFault> take_fault() { return std::move(fault_); }

  void SkipSpace() {
    while (p_ != end_ && IsSpace(*p_)) ++p_;
  }
  bool at_end() const { return p_ == end_; }

  bool Fail(std::string text) {
    fault_ = JsonFault{position(), std::move(text)};
    return false;
  }

  bool Value(int depth) {
    if (p_ == end_) return Fail("bad JSON: the line ends where a value is due; complete it");
    switch (*p_) {
      case '{':
        return Object(depth + 1);
      case '[':
        return Array(depth + 1);
      case '"':
        return String();
      case 't':
        return Word("true");
      case 'f':
        return Word("false");
      case 'n':
        return Word("null");
      default:
        break;
    }
    if (*p_ == '-' || IsDigit(*p_)) return NumberText();
    return Fail("bad JSON: a value is due here; correct the line");
  }

 private:
  bool Deeper(int depth) {
    if (depth <= kMaxJsonDepth) return true;
    return Fail(
        fmt::format("more than {} levels of nesting; put deeper values as text", kMaxJsonDepth));
  }

  bool Object(int depth) {
    if (!Deeper(depth)) return false;
    ++p_;
    SkipSpace();
    if (p_ != end_ && *p_ == '}') return ++p_, true;
    for (;;) {
      SkipSpace();
      if (p_ == end_ || *p_ != '"') return Fail("bad JSON: a field's name in quotes is due here");
      if (!String()) return false;
      SkipSpace();
      if (p_ == end_ || *p_ != ':') return Fail("bad JSON: ':' is due after a field's name");
      ++p_;
      SkipSpace();
      if (!Value(depth)) return false;
      SkipSpace();
      if (p_ == end_) return Fail("bad JSON: the line ends within an object; complete it");
      if (*p_ == '}') return ++p_, true;
      if (*p_ != ',') return Fail("bad JSON: ',' or '}' is due here");
      ++p_;
    }
  }

  bool Array(int depth) {
    if (!Deeper(depth)) return false;
    ++p_;
    SkipSpace();
    if (p_ != end_ && *p_ == ']') return ++p_, true;
    for (;;) {
      SkipSpace();
      if (!Value(depth)) return false;
      SkipSpace();
      if (p_ == end_) return Fail("bad JSON: the line ends within an array; complete it");
      if (*p_ == ']') return ++p_, true;
      if (*p_ != ',') return Fail("bad JSON: ',' or ']' is due here");
      ++p_;
    }
  }

  bool String() {
    ++p_;
    for (;;) {
      while (p_ != end_ && *p_ != '"' && *p_ != '\\' && static_cast<uint8_t>(*p_) >= 0x20) ++p_;
      if (p_ == end_) return Fail("bad JSON: the line ends within a text; close its quote");
      if (*p_ == '"') return ++p_, true;
      if (*p_ != '\\') return Fail("bad JSON: a control character in a text; write it as \\u00XX");
      if (!Escape()) return false;
    }
  }

  bool Escape() {
    const char* start = p_;
    ++p_;
    if (p_ == end_) return Fail("bad JSON: the line ends within a text; close its quote");
    switch (*p_) {
      case '"':
      case '\\':
      case '/':
      case 'b':
      case 'f':
      case 'n':
      case 'r':
      case 't':
        ++p_;
        return true;
      case 'u':
        break;
      default:
        p_ = start;
        return Fail(
            "bad JSON: an unknown escape; after '\\' stands one of \" \\ / b f n r t uXXXX");
    }
    p_ = start;
    int first = CodeUnit();
    if (first < 0) return Fail("bad JSON: '\\u' needs four hexadecimal digits");
    if (first < 0xd800 || first > 0xdfff) return true;
    int second = first < 0xdc00 ? CodeUnit() : -1;
    if (second >= 0xdc00 && second <= 0xdfff) return true;
    p_ = start;
    return Fail("bad JSON: half of a surrogate pair is no text; write both halves");
  }

  // Reads \uXXXX; -1 where it does not stand there, and then p_ is where it was.
  int CodeUnit() {
    if (end_ - p_ < 6 || p_[0] != '\\' || p_[1] != 'u') return -1;
    int unit = 0;
    for (int i = 2; i < 6; ++i) {
      int digit = HexDigit(p_[i]);
      if (digit < 0) return -1;
      unit = unit * 16 + digit;
    }
    p_ += 6;
    return unit;
  }

  // A scalar must end where it ends: "truex" or "1x" are neither word nor number.
  bool Delimited() {
    if (p_ == end_ || IsSpace(*p_) || *p_ == ',' || *p_ == '}' || *p_ == ']') return true;
    return Fail("bad JSON: this cannot stand right after a number, true, false or null");
  }

  bool Word(std::string_view word) {
    if (static_cast<size_t>(end_ - p_) < word.size() || std::string_view(p_, word.size()) != word) {
      return Fail("bad JSON: a value is due here; correct the line (texts stand in quotes)");
    }
    p_ += word.size();
    return Delimited();
  }

  bool Digits() {
    if (p_ == end_ || !IsDigit(*p_)) return Fail("bad JSON: a digit is due here");
    while (p_ != end_ && IsDigit(*p_)) ++p_;
    return true;
  }

  bool NumberText() {
    if (*p_ == '-') ++p_;
    if (p_ != end_ && *p_ == '0') {
      ++p_;
      if (p_ != end_ && IsDigit(*p_)) return Fail("bad JSON: a number has no leading zero");
    } else if (!Digits()) {
      return false;
    }
    if (p_ != end_ && *p_ == '.') {
      ++p_;
      if (!Digits()) return false;
    }
    if (p_ != end_ && (*p_ == 'e' || *p_ == 'E')) {
      ++p_;
      if (p_ != end_ && (*p_ == '+' || *p_ == '-')) ++p_;
      if (!Digits()) return false;
    }
    return Delimited();
  }

  std::string_view text_;
  const char* p_;
  const char* end_;
  std::optional<JsonFault> fault_;
};

size_t FirstByteThatIsNotUtf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    auto lead = static_cast<uint8_t>(text[i]);
    size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (!IsUtf8(text.substr(i, std::min(size, text.size() - i)))) return i;
    i += size;
  }
  return text.size();
}

}  // namespace

std::optional<JsonFault> ScanJsonValue(std::string_view text, size_t* position, int depth) {
  Scanner scanner(text, *position);
  scanner.Value(depth);
  *position = scanner.position();
  return scanner.take_fault();
}

std::optional<JsonFault> ScanJsonLine(std::string_view line) {
  Scanner scanner(line, 0);
  scanner.SkipSpace();
  if (scanner.Value(0)) {
    scanner.SkipSpace();
    if (!scanner.at_end()) {
      scanner.Fail("more than one JSON value on the line; write one object a line");
    }
  }
  std::optional<JsonFault> fault = scanner.take_fault();
  size_t bad_byte = FirstByteThatIsNotUtf8(line);
  if (bad_byte < line.size() && (!fault || bad_byte <= fault->offset)) {
    return JsonFault{bad_byte,
                     "bytes that are not UTF-8; carry them in key_base64 or value_base64"};
  }
  return fault;
}

}  // namespace sluice
