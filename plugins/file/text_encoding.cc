// SPDX-License-Identifier: Apache-2.0
#include "file/text_encoding.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sluice_file {
namespace {

constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char kHex[] = "0123456789abcdef";

uint8_t At(std::string_view bytes, size_t i) { return static_cast<uint8_t>(bytes[i]); }

int Base64Value(char c) {
  const char* found = c == '\0' ? nullptr : std::strchr(kBase64, c);
  return found == nullptr ? -1 : static_cast<int>(found - kBase64);
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

bool IsUtf8(std::string_view bytes) {
  size_t i = 0;
  while (i < bytes.size()) {
    const uint8_t lead = At(bytes, i);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || bytes.size() - i < size) return false;
    for (size_t k = 1; k < size; ++k) {
      if ((At(bytes, i + k) & 0xC0) != 0x80) return false;
    }
    const uint8_t second = At(bytes, i + 1);
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
        (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) {
      return false;
    }
    i += size;
  }
  return true;
}

void AppendJsonString(std::string_view text, std::string* out) {
  out->push_back('"');
  size_t plain = 0;  // from here on nothing needed escaping
  for (size_t i = 0; i < text.size(); ++i) {
    const uint8_t c = At(text, i);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out->append(text.substr(plain, i - plain));
    plain = i + 1;
    out->push_back('\\');
    switch (c) {
      case '"':
      case '\\':
        out->push_back(static_cast<char>(c));
        break;
      case '\b':
        out->push_back('b');
        break;
      case '\f':
        out->push_back('f');
        break;
      case '\n':
        out->push_back('n');
        break;
      case '\r':
        out->push_back('r');
        break;
      case '\t':
        out->push_back('t');
        break;
      default:
        out->append("u00");
        out->push_back(kHex[c >> 4]);
        out->push_back(kHex[c & 15]);
    }
  }
  out->append(text.substr(plain));
  out->push_back('"');
}

void AppendBase64(std::string_view bytes, std::string* out) {
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t left = bytes.size() - i;
    const uint32_t word = uint32_t{At(bytes, i)} << 16 |
                          (left > 1 ? uint32_t{At(bytes, i + 1)} << 8 : 0) |
                          (left > 2 ? uint32_t{At(bytes, i + 2)} : 0);
    out->push_back(kBase64[word >> 18]);
    out->push_back(kBase64[(word >> 12) & 63]);
    out->push_back(left > 1 ? kBase64[(word >> 6) & 63] : '=');
    out->push_back(left > 2 ? kBase64[word & 63] : '=');
  }
}

bool DecodeBase64(std::string_view text, std::string* out) {
  out->clear();
  if (text.size() % 4 != 0) return false;
  for (size_t i = 0; i < text.size(); i += 4) {
    const bool last = i + 4 == text.size();
    size_t padding = 0;
    if (last && text[i + 3] == '=') padding = text[i + 2] == '=' ? 2 : 1;
    uint32_t word = 0;
    for (size_t k = 0; k < 4; ++k) {
      const int value = k >= 4 - padding ? 0 : Base64Value(text[i + k]);
      if (value < 0) return false;
      word = word << 6 | static_cast<uint32_t>(value);
    }
    if ((padding == 1 && (word & 0xFF) != 0) || (padding == 2 && (word & 0xFFFF) != 0))
      return false;
    for (size_t k = 0; k < 3 - padding; ++k)
      out->push_back(static_cast<char>(word >> (16 - 8 * k)));
  }
  return true;
}

void AppendHex(std::string_view bytes, std::string* out) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    out->push_back(kHex[At(bytes, i) >> 4]);
    out->push_back(kHex[At(bytes, i) & 15]);
  }
}

bool DecodeHex(std::string_view text, std::string* out) {
  out->clear();
  if (text.size() % 2 != 0) return false;
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = HexValue(text[i]);
    const int low = HexValue(text[i + 1]);
    if (high < 0 || low < 0) return false;
    out->push_back(static_cast<char>(high << 4 | low));
  }
  return true;
}

}  // namespace sluice_file
