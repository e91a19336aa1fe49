// SPDX-License-Identifier: Apache-2.0
//
// The guard row: where a sink stands and under which epoch, in the database, in the same
// transaction as the data. It is what refuses an older incarnation, also one that was stopped in
// the middle of a transaction: its update finds a newer epoch, or another height, and touches no
// row.
//
// Threading: control and delivery thread. Ownership: borrows the connection.
#pragma once

#include <cstdint>
#include <sluice/plugin.hpp>
#include <string>

#include "postgres/connection.h"
#include "postgres/settings.h"

namespace sluice_postgres {

// Whose rows these are.
struct SinkKey {
  std::string stream;
  std::string sink;

  // "stream = 's' AND sink = 'n'"; `prefix` goes before the columns.
  std::string Where(const std::string& prefix = "") const;
  // "'s', 'n'"
  std::string Values() const;
  // pg_stat_activity shows it, and a newer incarnation finds by it the older one's connections:
  // "sluice/<hash of stream, sink and schema>/<epoch>/<sink>", cut to what PostgreSQL keeps.
  std::string ApplicationName(const Settings& settings, uint64_t epoch) const;
  // What comes before the epoch in it: the same for all that write one guard row, no others.
  std::string ApplicationPrefix(const Settings& settings) const;
};

struct GuardRow {
  bool found = false;
  uint64_t epoch = 0;
  uint64_t height = 0;
  sluice_digest digest{};
  uint64_t base_height = 0;      // heights through it were never delivered
  bool filtered = false;         // a filter left changes out
  std::string keeps;             // the tables that it has filled (tables.h)
  uint64_t snapshot_height = 0;  // the base is a snapshot at that height; 0: it is none
  // A copy is under way, or was interrupted: rows of it may be there, and do not count.
  bool filling = false;
};

// `lock`: within a transaction, nobody else writes, or attaches, until its end.
Fault ReadGuardRow(const Settings& settings, const SinkKey& key, Connection* connection,
                   GuardRow* row, bool lock = false);

// Moves the position from height first-1 to last; touches one row, or none where it does not stand
// there or a newer epoch has been here.
std::string AdvanceGuardSql(const Settings& settings, const SinkKey& key, uint64_t epoch,
                            uint64_t first, const sluice_digest& previous_digest, uint64_t last,
                            const sluice_digest& digest, bool filtered);
// Raises the epoch of a row that is locked, and puts it where `row` stands; one row, or none.
std::string RaiseEpochSql(const Settings& settings, const SinkKey& key, uint64_t epoch,
                          const GuardRow& row);
// Writes the row of `epoch` anew, as it is.
std::string TouchGuardSql(const Settings& settings, const SinkKey& key, uint64_t epoch);
// Begins at a base: makes the row, or moves one that stands below it under an older epoch.
std::string BeginAtSql(const Settings& settings, const SinkKey& key, uint64_t epoch,
                       uint64_t height, const sluice_digest& digest);

// A copy at `height` begins: the sink is empty from here on, under `epoch`. One row, or none where
// a newer epoch has been here.
std::string BeginFillingSql(const Settings& settings, const SinkKey& key, uint64_t epoch,
                            uint64_t height, const std::string& keeps);
// Within the copy: one row, or none where another incarnation, or another copy, has taken over.
std::string TouchFillingSql(const Settings& settings, const SinkKey& key, uint64_t epoch,
                            uint64_t height);
// The copy is whole: the sink stands at it.
std::string EndFillingSql(const Settings& settings, const SinkKey& key, uint64_t epoch,
                          uint64_t height, const sluice_digest& digest, bool filtered);

// The sink is empty, and no copy is awaited: its rows are gone. The row stays, for its epoch.
std::string EndEmptyingSql(const Settings& settings, const SinkKey& key, uint64_t epoch);

// Ends the server's side of incarnations with an older epoch than this, which may hold the guard
// row's lock for as long as their process is stopped. `ended`: how many.
Fault EndOlderWriters(const Settings& settings, const SinkKey& key, uint64_t epoch,
                      Connection* connection, int* ended);

}  // namespace sluice_postgres
