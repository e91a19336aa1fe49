// SPDX-License-Identifier: Apache-2.0
//
// What an SQLSTATE means for a sink: try again, tell the operator, or give the height up. The table
// in docs/sinks/postgres.md is this one. Threading: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace sluice_postgres {

enum class ErrorClass {
  kRetry,     // the connection, the server or the moment is at fault; later it may work
  kOperator,  // somebody has to change something: a privilege, a table, a setting
  kHeight,    // this height can never be taken as the tables are
};

// `sqlstate`: five characters, or empty where the connection broke without one. A class that the
// table does not name is the operator's: it is shown, and tried again slowly.
ErrorClass ClassOfSqlState(std::string_view sqlstate);

// What the operator may do about it, to end a message; empty where the server's text says all.
std::string_view AdviceFor(std::string_view sqlstate);

// The last SQLSTATE in a verbose message of libpq ("FATAL:  28P01: password …"), which is where a
// refused connection hides it; empty where there is none.
std::string SqlStateInMessage(std::string_view message);

}  // namespace sluice_postgres
