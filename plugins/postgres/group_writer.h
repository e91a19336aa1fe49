// SPDX-License-Identifier: Apache-2.0
//
// Writes a group of heights as one database transaction:
//
//   BEGIN
//   UPDATE sluice_position …    the guard row first: it must touch one row, else nothing is written
//   COPY changes                binary
//   COPY sluice_staging         binary, the last write of each key
//   INSERT INTO sluice_heights, sluice_bad_values
//   INSERT INTO state … SELECT FROM sluice_staging ON CONFLICT DO UPDATE; DELETE … USING
//   COMMIT
//
// All of it goes as one text: the server asks for the rows of a COPY when it gets there, and goes
// on to the COMMIT by itself. So a transaction costs one round trip more than it has COPYs. Where
// the guard row was not touched, the first COPY is refused, and with it all that follows.
//
// What becomes of a transaction whose connection broke is not known here: the sink is asked where
// it stands before anything is written again.
//
// Threading: delivery thread. Ownership: borrows settings, key and connection.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/connection.h"
#include "postgres/height_group.h"
#include "postgres/position.h"
#include "postgres/settings.h"
#include "postgres/tables.h"

namespace sluice_postgres {

// What a session needs before it writes.
std::string PrepareSessionSql(const Settings& settings);

// By store; of "" where all stores share one table.
using StateColumns = std::map<std::string, TypedColumns, std::less<>>;

// The statements that bring the staging table into the state table of `store` (any, where all
// stores share one). A typed column that is there is always written: with NULL where value_as does
// not ask for it, or not any more.
std::string UpsertSql(const Settings& settings, const SinkKey& key, std::string_view store,
                      const TypedColumns& columns);
std::string DeleteSql(const Settings& settings, const SinkKey& key, std::string_view store);

// Whether the guard row let the group in; meaningless with a fault.
enum class WriteOutcome { kCommitted, kGuardMissed };

// `columns` has the state table of each store of the group.
Fault WriteGroup(const Settings& settings, const SinkKey& key, uint64_t epoch,
                 const HeightGroup& group, const StateColumns& columns, Connection* connection,
                 WriteOutcome* outcome);

}  // namespace sluice_postgres
