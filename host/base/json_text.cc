// SPDX-License-Identifier: Apache-2.0
#include "base/json_text.h"

#include <array>
#include <cstdint>

#include "base/bytes.h"

namespace sluice {
namespace {

constexpr std::array<bool, 256> MakeEscapeTable() {
  std::array<bool, 256> table{};
  for (size_t i = 0; i < 0x20; ++i) table[i] = true;
  table['"'] = true;
  table['\\'] = true;
  return table;
}
constexpr std::array<bool, 256> kMustEscape = MakeEscapeTable();

void AppendEscaped(std::string* out, char c) {
  constexpr char kHexDigits[] = "0123456789abcdef";
  out->push_back('\\');
  switch (c) {
    case '"':
    case '\\':
      out->push_back(c);
      return;
    case '\b':
      out->push_back('b');
      return;
    case '\f':
      out->push_back('f');
      return;
    case '\n':
      out->push_back('n');
      return;
    case '\r':
      out->push_back('r');
      return;
    case '\t':
      out->push_back('t');
      return;
    default:
      break;
  }
  auto byte = static_cast<uint8_t>(c);
  out->append("u00");
  out->push_back(kHexDigits[byte >> 4]);
  out->push_back(kHexDigits[byte & 15]);
}

}  // namespace

void AppendJsonString(std::string* out, std::string_view utf8) {
  out->push_back('"');
  // Runs without escapes are copied at once: most texts have none.
  size_t run = 0;
  for (size_t i = 0; i < utf8.size(); ++i) {
    if (!kMustEscape[static_cast<uint8_t>(utf8[i])]) continue;
    out->append(utf8, run, i - run);
    AppendEscaped(out, utf8[i]);
    run = i + 1;
  }
  out->append(utf8, run, utf8.size() - run);
  out->push_back('"');
}

void AppendJsonField(std::string* out, std::string_view name, std::string_view bytes) {
  bool is_text = IsUtf8(bytes);
  out->push_back('"');
  out->append(name);
  out->append(is_text ? "\":" : "_base64\":");
  if (is_text) {
    AppendJsonString(out, bytes);
  } else {
    AppendJsonString(out, ToBase64(bytes));
  }
}

}  // namespace sluice
