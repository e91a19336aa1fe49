// SPDX-License-Identifier: Apache-2.0
#include "postgres/sql_text.h"

#include <sluice/plugin.hpp>

namespace sluice_postgres {
namespace {

std::string Quote(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out.push_back(quote);
    out.push_back(c);
  }
  out.push_back(quote);
  return out;
}

}  // namespace

std::string WrongIdentifier(std::string_view name) {
  if (name.empty()) return "is empty";
  if (name.find('\0') != std::string_view::npos) return "has a zero byte";
  if (name.size() > kIdentifierBytesMax) {
    return "has " + std::to_string(name.size()) + " bytes, PostgreSQL allows " +
           std::to_string(kIdentifierBytesMax);
  }
  return {};
}

std::string QuoteIdentifier(std::string_view name) { return Quote(name, '"'); }

std::string QuoteText(std::string_view text) { return Quote(text, '\''); }

std::string QuoteBytes(std::string_view bytes) {
  return "'\\x" + sluice::sdk::ToHex(bytes) + "'::bytea";
}

}  // namespace sluice_postgres
