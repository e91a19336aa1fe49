// SPDX-License-Identifier: Apache-2.0
//
// Heights that are written although one below them is missing yet: the table sluice_applied, beside
// the guard row a part of where a sink stands. A height side by side with others has a row of it
// in its own transaction, which
//
//   SELECT … FROM sluice_position … FOR KEY SHARE   its epoch is the row's: nobody has taken over
//   INSERT INTO sluice_applied … DO NOTHING         it is not there yet
//
// let in. The guard row follows over the run without a gap in transactions of its own, which take
// the rows of that run out. KEY SHARE and not SHARE, so that the guard row moves while others
// write; who attaches locks it FOR UPDATE, which waits for all of them.
//
// The digest before a height ties its row to the one below: a run is one history, whoever wrote it.
//
// Threading: none of its own. Ownership: borrows the connection.
#pragma once

#include <cstdint>
#include <map>
#include <sluice/plugin.hpp>
#include <string>

#include "postgres/connection.h"
#include "postgres/height_group.h"
#include "postgres/position.h"
#include "postgres/settings.h"

namespace sluice_postgres {

struct AppliedHeight {
  sluice_digest digest{};
  sluice_digest previous_digest{};
  bool filtered = false;
};

using AppliedHeights = std::map<uint64_t, AppliedHeight>;

// Whether the table is there and may be read.
Fault FindApplied(const Settings& settings, Connection* connection, bool* there);
// Empty where there is no such table. To be read before the guard row: what the guard row has been
// moved over in between is then in one of the two.
Fault ReadApplied(const Settings& settings, const SinkKey& key, Connection* connection,
                  AppliedHeights* applied);
// Where the sink stands with `applied` above `row`: moves it over the run without a gap.
void AdvanceOver(const AppliedHeights& applied, GuardRow* row);

// One row where `epoch` is the guard row's.
std::string ShareGuardSql(const Settings& settings, const SinkKey& key, uint64_t epoch);
// A row for each height of the group that is not there yet.
std::string InsertAppliedSql(const Settings& settings, const SinkKey& key, uint64_t epoch,
                             const HeightGroup& group);
// Takes a height over that an earlier transaction of this epoch may have written: gives the digest.
// Written anew, it is made as safe as a commit of its own.
std::string TakeOverAppliedSql(const Settings& settings, const SinkKey& key, uint64_t epoch,
                               uint64_t height);
// Moves the guard row of `epoch` up to where `to` stands.
std::string MoveGuardSql(const Settings& settings, const SinkKey& key, uint64_t epoch,
                         const GuardRow& to);
std::string DeleteAppliedSql(const Settings& settings, const SinkKey& key, uint64_t through);

}  // namespace sluice_postgres
