// SPDX-License-Identifier: Apache-2.0
//
// A transaction that goes to the server as one text: the server asks for the rows of a COPY when it
// gets there, and goes on to the COMMIT by itself. So it costs one round trip more than it has
// COPYs. Guards come first: where one does not touch the rows that it must, the first COPY is
// refused, and with it all that follows.
//
// What becomes of a transaction whose connection broke is not known here.
//
// Threading: the connection's thread. Ownership: steps own their text, and borrow rows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/connection.h"

namespace sluice_postgres {

enum class StepKind { kPlain, kGuard, kCopy, kCommit };

struct Step {
  StepKind kind = StepKind::kPlain;
  std::string sql;
  std::string_view rows;    // of a COPY, without header and end
  uint64_t must_touch = 1;  // rows, of a guard
};

Step Plain(std::string sql);
Step Guard(std::string sql, uint64_t must_touch = 1);
Step Copy(std::string sql, std::string_view rows);
// Begins with BEGIN; RunTransaction adds the COMMIT.
std::vector<Step> BeginTransaction();

// Whether the guards let the transaction in; meaningless with a fault.
enum class WriteOutcome { kCommitted, kGuardMissed };

// Neither after a fault nor after a missed guard is a transaction left open.
Fault RunTransaction(std::vector<Step> steps, Connection* connection, WriteOutcome* outcome);

}  // namespace sluice_postgres
