// SPDX-License-Identifier: Apache-2.0
#include "postgres/session.h"

#include <algorithm>
#include <utility>

#include "postgres/provision.h"
#include "postgres/sql_text.h"

namespace sluice_postgres {
namespace {

// ON CONFLICT came with 9.5; older than this is not tried.
constexpr int kOldestServer = 120000;
constexpr char kLockNotAvailable[] = "55P03";

// A key as people can read it, and no longer than a message may be.
std::string Shown(std::string_view key) {
  constexpr size_t kShownBytes = 64;
  const std::string_view part = key.substr(0, kShownBytes);
  const bool printable =
      std::all_of(part.begin(), part.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
  return (printable ? "'" + std::string(part) + "'" : "0x" + sluice::sdk::ToHex(part)) +
         (part.size() < key.size() ? "…" : "");
}

std::string ValueText(uint64_t height, std::string_view store, std::string_view key, bool as_text) {
  return HeightText(height) + ", store " + std::string(store) + ", key " + Shown(key) +
         ": the value is no " + (as_text ? "text" : "jsonb");
}

}  // namespace

std::string HeightText(uint64_t height) { return "height " + std::to_string(height); }

Fault CheckStoreTable(const Settings& settings, std::string_view store) {
  const std::string name = StoreTableName(settings, store);
  const std::string wrong = WrongIdentifier(name);
  if (wrong.empty()) return {};
  return Fault::Operator("the table of store " + std::string(store) + " would be called " + name +
                         ", which " + wrong + "; shorten state_table");
}

Session::Session(const SinkSetup* setup, sluice::sdk::Host host)
    : setup_(setup),
      host_(host),
      connection_(&wakeup_, [host](std::string_view text) { host.Log(SLUICE_LOG_DEBUG, text); }) {}

Fault Session::Connect() {
  if (connection_.open()) return {};
  const Settings& settings = setup_->settings;
  if (Fault fault =
          connection_.Open(settings.conninfo, setup_->key.ApplicationName(settings, setup_->epoch));
      !fault.ok()) {
    return fault;
  }
  if (connection_.server_version() < kOldestServer) {
    connection_.Close();
    return Fault::Operator(name() + " is older than PostgreSQL 12");
  }
  PgResult fsync;
  Fault fault = connection_.Execute(PrepareSessionSql(settings), nullptr);
  if (fault.ok()) fault = connection_.Execute("SHOW fsync", &fsync);
  if (!fault.ok()) {
    connection_.Close();
    return fault.WithContext("preparing the session");
  }
  syncs_ = Field(fsync, 0, 0) != "off";
  // A server that does not sync cannot make anything durable, whatever a commit says.
  if (!syncs_ && setup_->started && setup_->level > SLUICE_LEVEL_RECEIVED) {
    connection_.Close();
    return Fault::Broken(name() + " runs with fsync = off now: acks are at level received only, " +
                         "which is less than this instance started with");
  }
  return {};
}

Fault Session::MakeSure() {
  if (Fault fault = Connect(); !fault.ok()) return fault;
  Fault fault =
      connection_.Execute("BEGIN; " + TouchGuardSql(setup_->settings, setup_->key, setup_->epoch));
  if (fault.ok()) fault = connection_.Commit();
  if (fault.ok()) return {};
  connection_.Rollback();
  return fault.WithContext("making sure of what the sink holds");
}

Fault Session::ProvisionTables(const std::vector<Table>& tables, bool against_older) {
  const auto provision = [&] { return Provision(setup_->settings, tables, &connection_); };
  return against_older ? AgainstOlderWriters(provision) : provision();
}

Fault Session::EnsureStateTable(std::string_view store, bool against_older) {
  const Settings& settings = setup_->settings;
  const std::string_view known_as = settings.table_per_store ? store : std::string_view();
  if (state_columns_.count(known_as) != 0) return {};
  if (settings.table_per_store) {
    if (Fault fault = CheckStoreTable(settings, store); !fault.ok()) return fault;
    Fault fault = ProvisionTables({StoreTable(settings, store)}, against_older);
    if (!fault.ok()) return fault;
  }
  TypedColumns columns;
  Fault fault = FindTypedColumns(settings, store, &connection_, &columns);
  if (fault.ok()) state_columns_.emplace(known_as, columns);
  return fault;
}

Fault Session::AgainstOlderWriters(const std::function<Fault()>& step) {
  Fault fault = step();
  if (fault.sqlstate() != kLockNotAvailable) return fault;
  int ended = 0;
  const Fault refused =
      EndOlderWriters(setup_->settings, setup_->key, setup_->epoch, &connection_, &ended);
  if (!refused.ok()) {
    return Fault::Retry(fault.text() +
                        "; an older incarnation could not be ended: " + refused.text());
  }
  if (ended == 0) return fault;
  host_.Log(SLUICE_LOG_WARN, "ended " + std::to_string(ended) +
                                 " connection(s) of an older incarnation of this node that held "
                                 "locks at " +
                                 name());
  return step();
}

Fault Session::Write(HeightGroup* group, const std::function<Fault()>& write_once) {
  if (setup_->settings.state && !setup_->settings.table_per_store) {
    if (Fault fault = EnsureStateTable(""); !fault.ok()) return fault;
  } else if (setup_->settings.state) {
    for (const auto& [store, rows] : group->stores()) {
      if (Fault fault = EnsureStateTable(store); !fault.ok()) return fault;
    }
  }
  Fault fault = AgainstOlderWriters(write_once);
  if (!MayBeABadValue(fault)) return fault;
  bool passed = false;
  if (Fault bad = PassOverBadValues(fault, group, &passed); !bad.ok()) return bad;
  return passed ? write_once() : fault;
}

Fault Session::PassOverBadValues(const Fault& refused, HeightGroup* group, bool* passed) {
  *passed = false;
  for (StateRow* row : group->TypedRows()) {
    const bool text = row->form == RowForm::kText;
    Fault why;
    Fault fault = TryTypedValue(&connection_, text, row->value, &why);
    if (!fault.ok()) return fault;
    if (why.ok()) continue;
    if (setup_->settings.on_bad_value == OnBadValue::kHalt) {
      return BadValueFault(row->height, row->store, row->key, text, why);
    }
    host_.Log(SLUICE_LOG_WARN, PassedOverText(row->height, row->store, row->key, text));
    group->PassOver(row, why.text());
    *passed = true;
  }
  return *passed ? Fault::None() : refused;
}

Fault Session::AskAfterMiss(const std::string& expected) {
  GuardRow row;
  if (Fault fault = ReadGuardRow(setup_->settings, setup_->key, &connection_, &row); !fault.ok()) {
    return fault;
  }
  if (row.found && row.epoch > setup_->epoch) return FencedBy(row.epoch);
  const std::string where = row.found ? "stands at " + HeightText(row.height) : "has no row";
  // What somebody else wrote there is made sure of before it is taken for this instance's.
  connection_.Close();
  return Fault::Retry(name() + ": the sink " + where + " where " + expected +
                      " was expected; it is asked again");
}

Fault Session::FencedBy(uint64_t epoch) const {
  return Fault::Fenced(name() + ": a newer incarnation, of epoch " + std::to_string(epoch) +
                       ", is at work; this one has epoch " + std::to_string(setup_->epoch));
}

// --- values of value_as ------------------------------------------------------------------------

bool MayBeABadValue(const Fault& fault) {
  const std::string sqlstate_class = fault.sqlstate().substr(0, 2);
  return sqlstate_class == "22" || sqlstate_class == "54";
}

Fault TryTypedValue(Connection* connection, bool as_text, std::string_view value, Fault* refused) {
  Fault fault =
      connection->ExecuteWithText(as_text ? "SELECT $1::text" : "SELECT $1::text::jsonb", value);
  *refused = Fault::None();
  if (fault.ok()) return {};
  if (fault.sqlstate().empty() || fault.code() == SLUICE_RETRY) return fault;
  *refused = std::move(fault);
  return {};
}

Fault BadValueFault(uint64_t height, std::string_view store, std::string_view key, bool as_text,
                    const Fault& refused) {
  return Fault::Height(ValueText(height, store, key, as_text) + ", as value_as says: " +
                       refused.text() + "; correct value_as, or set on_bad_value to null or skip");
}

std::string PassedOverText(uint64_t height, std::string_view store, std::string_view key,
                           bool as_text) {
  return ValueText(height, store, key, as_text) + "; passed over and recorded";
}

}  // namespace sluice_postgres
