// SPDX-License-Identifier: Apache-2.0
//
// Writing JSON text (RFC 8259) piece by piece, for lines that are composed by hand: logs, change
// lines. Threading: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

// Appends `utf8` as a JSON string with its quotes. Only what must be escaped is: quote, backslash
// and control characters. Bytes that are not UTF-8 are copied as they are; see AppendJsonField for
// those.
void AppendJsonString(std::string* out, std::string_view utf8);

// Appends `"name":"bytes"`, or `"name_base64":"…"` where `bytes` are not UTF-8, so that any bytes
// can stand in a line and a reader knows which it has. No comma before or after.
void AppendJsonField(std::string* out, std::string_view name, std::string_view bytes);

}  // namespace sluice
