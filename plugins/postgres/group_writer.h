// SPDX-License-Identifier: Apache-2.0
//
// Writes a group of heights as one database transaction:
//
//   BEGIN
//   guards                      one after another in order, position.h; side by side, applied.h:
//                               each must touch its rows, else nothing is written
//   COPY changes                binary
//   COPY sluice_staging         binary, the last write of each key
//   INSERT INTO sluice_heights, sluice_bad_values
//   INSERT INTO state … SELECT FROM sluice_staging ON CONFLICT DO UPDATE; DELETE … USING
//   COMMIT
//
// What becomes of a transaction whose connection broke is not known here: the sink is asked where
// it stands before anything is written again.
//
// Threading: the connection's thread. Ownership: borrows settings, key and connection.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/connection.h"
#include "postgres/height_group.h"
#include "postgres/position.h"
#include "postgres/settings.h"
#include "postgres/tables.h"
#include "postgres/transaction.h"

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

// A row of sluice_heights, as it stands behind VALUES.
std::string HeightRowSql(const SinkKey& key, uint64_t epoch, const GroupHeight& height);
// "INSERT INTO sluice_heights (…) VALUES "
std::string InsertHeightsSql(const Settings& settings);
std::string BadValuesSql(const Settings& settings, const SinkKey& key,
                         const std::vector<BadValue>& bad_values);
// "COPY changes (…) FROM STDIN", rows as HeightGroup and SnapshotWriter encode them.
std::string CopyChangesSql(const Settings& settings);

// `guards`: what stands between BEGIN and the rows, one guard among it at least. `columns` has the
// state table of each store of the group.
Fault WriteGroup(const Settings& settings, const SinkKey& key, uint64_t epoch,
                 const HeightGroup& group, std::vector<Step> guards, const StateColumns& columns,
                 Connection* connection, WriteOutcome* outcome);

}  // namespace sluice_postgres
