// SPDX-License-Identifier: Apache-2.0
//
// One session of a sink at its server: a connection that is prepared for writing, the state tables
// that it knows to be there, and what all ways of writing have in common.
//
// Threading: one thread at a time; raising the wakeup ends a wait from another.
// Ownership: the connection; borrows the setup, which Start fills.
#pragma once

#include <cstdint>
#include <functional>
#include <sluice/plugin.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/applied.h"
#include "postgres/connection.h"
#include "postgres/group_writer.h"
#include "postgres/height_group.h"
#include "postgres/position.h"
#include "postgres/settings.h"
#include "postgres/tables.h"
#include "postgres/wakeup.h"

namespace sluice_postgres {

// What Start makes of its arguments; then only read.
struct SinkSetup {
  Settings settings;
  SinkKey key;
  uint64_t epoch = 0;
  int32_t level = SLUICE_LEVEL_RECEIVED;
  bool started = false;  // the host knows the level
};

std::string HeightText(uint64_t height);

class Session {
 public:
  Session(const SinkSetup* setup, sluice::sdk::Host host);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Connection& connection() { return connection_; }
  const std::string& name() const { return connection_.name(); }
  Wakeup& wakeup() { return wakeup_; }

  // A connection that is prepared; nothing to do where there is one. Once the host knows a level
  // that a server without fsync cannot give, such a server is a fault.
  Fault Connect();
  // False where the server runs with fsync = off.
  bool syncs() const { return syncs_; }

  // What this sink's earlier transactions have made visible is as safe as a commit of its own: one
  // is made behind them. What a lost answer leaves visible, and what a restart of the server makes
  // visible, need not be on a synchronous standby.
  Fault MakeSure();

  // `against_older`: an older incarnation that holds a lock on them is ended.
  Fault ProvisionTables(const std::vector<Table>& tables, bool against_older);
  // The state table of `store` is there, and its columns are known.
  Fault EnsureStateTable(std::string_view store, bool against_older = true);
  const StateColumns& state_columns() const { return state_columns_; }

  // Runs `step` again where it timed out on a lock of an older incarnation that could be ended.
  Fault AgainstOlderWriters(const std::function<Fault()>& step);

  // Writes the group by `write_once`, and once more without the values that the server cannot take
  // where those may be passed over.
  Fault Write(HeightGroup* group, const std::function<Fault()>& write_once);

  // What a guard that was missed means: fenced, or a retry on a new connection, on which it is
  // asked again. `expected`: where the row should have stood.
  Fault AskAfterMiss(const std::string& expected);
  // The guard row's epoch is above this instance's.
  Fault FencedBy(uint64_t epoch) const;

 private:
  Fault PassOverBadValues(const Fault& refused, HeightGroup* group, bool* passed);

  const SinkSetup* const setup_;
  const sluice::sdk::Host host_;
  Wakeup wakeup_;
  Connection connection_;
  StateColumns state_columns_;
  bool syncs_ = true;
};

// Whether the server takes `value` as text or jsonb; `refused`: its fault, where it does not. A
// fault that says nothing of the value is returned.
Fault TryTypedValue(Connection* connection, bool as_text, std::string_view value, Fault* refused);
// What the sink says of a value that it cannot take, with on_bad_value = halt.
Fault BadValueFault(uint64_t height, std::string_view store, std::string_view key, bool as_text,
                    const Fault& refused);
// And where it passes it over.
std::string PassedOverText(uint64_t height, std::string_view store, std::string_view key,
                           bool as_text);
// A fault that a value of value_as may be the cause of.
bool MayBeABadValue(const Fault& fault);

// A name that PostgreSQL would cut could be another store's.
Fault CheckStoreTable(const Settings& settings, std::string_view store);

}  // namespace sluice_postgres
