// SPDX-License-Identifier: Apache-2.0
//
// Names and values inside SQL. Everything that comes from outside goes through one of these.
// The session has standard_conforming_strings on. Threading: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace sluice_postgres {

// PostgreSQL cuts longer names silently (NAMEDATALEN - 1), so two of them could meet.
inline constexpr size_t kIdentifierBytesMax = 63;

// Empty where `name` can be a table's or schema's; else what is wrong with it.
std::string WrongIdentifier(std::string_view name);
std::string QuoteIdentifier(std::string_view name);
// Of text without a zero byte.
std::string QuoteText(std::string_view text);
std::string QuoteBytes(std::string_view bytes);

}  // namespace sluice_postgres
