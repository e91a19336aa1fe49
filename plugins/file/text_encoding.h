// SPDX-License-Identifier: Apache-2.0
//
// Bytes as JSON text: UTF-8 check, string escaping, base64 (RFC 4648 section 4, padded),
// hexadecimal. Threading: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace sluice_file {

// Well-formed UTF-8: no overlong forms, no surrogates, up to U+10FFFF.
bool IsUtf8(std::string_view bytes);

// Appends `text`, which is UTF-8, with its quotation marks.
void AppendJsonString(std::string_view text, std::string* out);

void AppendBase64(std::string_view bytes, std::string* out);
bool DecodeBase64(std::string_view text, std::string* out);

void AppendHex(std::string_view bytes, std::string* out);
bool DecodeHex(std::string_view text, std::string* out);

}  // namespace sluice_file
