// SPDX-License-Identifier: Apache-2.0
#include "postgres/error_class.h"

#include <array>

namespace sluice_postgres {
namespace {

struct Row {
  std::string_view prefix;  // of the SQLSTATE; the longest that fits decides
  ErrorClass error_class;
  std::string_view advice;
};

constexpr std::array<Row, 28> kRows = {{
    {"08", ErrorClass::kRetry, ""},
    // How a column of another width answers a binary COPY.
    {"08P01", ErrorClass::kOperator,
     "a column does not have the type that docs/sinks/postgres.md gives it, or something between "
     "sink and server does not speak the protocol"},
    {"22", ErrorClass::kOperator,
     "a column does not have the type that docs/sinks/postgres.md gives it, or a value does not "
     "fit it"},
    {"23", ErrorClass::kOperator,
     "a constraint that is not Sluice's, or rows that somebody else wrote, stand in the way"},
    {"25006", ErrorClass::kRetry,
     "the server takes no writes: it is a standby, or default_transaction_read_only is on; name "
     "the primary in conninfo, or several hosts with target_session_attrs=read-write"},
    {"25P03", ErrorClass::kRetry, ""},
    {"28", ErrorClass::kOperator, "check user, password and pg_hba.conf"},
    {"3D", ErrorClass::kOperator, "create the database, or correct dbname"},
    {"3F", ErrorClass::kOperator, "create the schema, or let create = true do it"},
    {"40", ErrorClass::kRetry, ""},
    {"42501", ErrorClass::kOperator,
     "grant the sink's role what docs/sinks/postgres.md lists; it goes on by itself"},
    {"42", ErrorClass::kOperator,
     "the tables are not those of docs/sinks/postgres.md; mend them, or drop them and start over"},
    {"53100", ErrorClass::kRetry, "the server's disk is full; it goes on when there is space"},
    {"53300", ErrorClass::kRetry, "the server has no connection left; it goes on when it has"},
    {"53", ErrorClass::kRetry, ""},
    {"54", ErrorClass::kHeight,
     "a key or a value is larger than PostgreSQL allows (a key in an index: about 2,700 bytes)"},
    {"54001", ErrorClass::kOperator, "raise the server's max_stack_depth"},
    {"55P03", ErrorClass::kRetry,
     "somebody holds a lock on the sink's rows or tables for longer than lock_timeout"},
    {"55", ErrorClass::kOperator, ""},
    {"57014", ErrorClass::kRetry, "statement_timeout, or somebody, ended the statement"},
    {"57P", ErrorClass::kRetry, ""},
    {"57", ErrorClass::kRetry, ""},
    {"58", ErrorClass::kRetry, "the server's operating system refused; see the server's log"},
    {"XX000", ErrorClass::kRetry, "see the server's log"},
    {"XX", ErrorClass::kOperator, "the server's files are damaged; see its log"},
    {"0A", ErrorClass::kOperator, ""},
    {"F0", ErrorClass::kOperator, "the server's configuration is at fault; see its log"},
    {"26", ErrorClass::kRetry,
     "a pooler changed the server connection within a session: use session pooling"},
}};

const Row* Find(std::string_view sqlstate) {
  const Row* found = nullptr;
  for (const Row& row : kRows) {
    const bool fits = sqlstate.substr(0, row.prefix.size()) == row.prefix;
    if (fits && (found == nullptr || row.prefix.size() > found->prefix.size())) found = &row;
  }
  return found;
}

bool IsSqlState(std::string_view text) {
  for (const char c : text) {
    if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'))) return false;
  }
  return text.size() == 5;
}

}  // namespace

ErrorClass ClassOfSqlState(std::string_view sqlstate) {
  if (sqlstate.empty()) return ErrorClass::kRetry;
  const Row* row = Find(sqlstate);
  return row == nullptr ? ErrorClass::kOperator : row->error_class;
}

std::string_view AdviceFor(std::string_view sqlstate) {
  const Row* row = sqlstate.empty() ? nullptr : Find(sqlstate);
  return row == nullptr ? std::string_view() : row->advice;
}

// The severity before it is in the server's language; two spaces and a colon after it are not.
std::string SqlStateInMessage(std::string_view message) {
  constexpr std::string_view kBefore = ":  ";
  std::string found;
  for (size_t at = message.find(kBefore); at != std::string_view::npos;
       at = message.find(kBefore, at + 1)) {
    const std::string_view state = message.substr(at + kBefore.size(), 5);
    const size_t after = at + kBefore.size() + 5;
    if (IsSqlState(state) && after < message.size() && message[after] == ':') found = state;
  }
  return found;
}

}  // namespace sluice_postgres
