// SPDX-License-Identifier: Apache-2.0
#include "postgres/snapshot_writer.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "postgres/group_writer.h"
#include "postgres/readback_sql.h"
#include "postgres/sql_text.h"
#include "postgres/tables.h"

namespace sluice_postgres {

using sluice::sdk::SnapshotArgs;
using sluice::sdk::SnapshotPart;
using sluice::sdk::View;

namespace {

// Rows that one transaction deletes: seconds of work at most, and no large transaction for
// standbys.
constexpr uint64_t kDeletedAtOnce = 50'000;
constexpr uint16_t kChangeFields = 10;
// Binary jsonb begins with its version.
constexpr char kJsonbVersion = 1;

}  // namespace

// --- begin -------------------------------------------------------------------------------------

Fault SnapshotWriter::Begin(const SnapshotArgs& args) {
  under_way_ = false;
  if (Fault fault = session_->Connect(); !fault.ok()) return fault;
  Fault fault = Empty(args.height);
  if (!fault.ok()) return fault.WithContext("emptying the sink for a copy");
  height_ = args.height;
  digest_ = args.digest;
  time_unix_nanos_ = args.time_unix_nanos;
  filtered_ = (args.flags & SLUICE_BATCH_FILTERED) != 0;
  next_part_ = 0;
  row_count_ = 0;
  under_way_ = true;
  return {};
}

Fault SnapshotWriter::Empty(uint64_t height) {
  Connection& connection = session_->connection();
  GuardRow held;
  const auto begin = [&] {
    // An epoch that a power cut could take back would let the older one in again.
    PgResult touched;
    Fault fault = connection.Execute(setup_->settings.synchronous_commit == "off"
                                         ? "BEGIN; SET LOCAL synchronous_commit = local"
                                         : "BEGIN");
    if (fault.ok()) {
      fault = ReadGuardRow(setup_->settings, setup_->key, &connection, &held, /*lock=*/true);
    }
    if (fault.ok()) {
      fault = connection.Execute(BeginFillingSql(setup_->settings, setup_->key, setup_->epoch,
                                                 height, MergedKeeps(held.keeps, setup_->settings)),
                                 &touched);
    }
    if (fault.ok() && std::string_view(PQcmdTuples(touched.get())) != "1") {
      fault = session_->FencedBy(held.epoch);
    }
    if (fault.ok()) fault = connection.Commit();
    if (!fault.ok()) connection.Rollback();
    return fault;
  };
  if (Fault fault = session_->AgainstOlderWriters(begin); !fault.ok()) return fault;
  height_ = height;
  return DeleteRows(held.keeps);
}

Fault SnapshotWriter::Reset() {
  if (Fault fault = Empty(0); !fault.ok()) return fault;
  std::vector<Step> steps = BeginTransaction();
  if (setup_->settings.synchronous_commit == "off") {
    steps.push_back(Plain("SET LOCAL synchronous_commit = local"));
  }
  steps.push_back(Guard(EndEmptyingSql(setup_->settings, setup_->key, setup_->epoch)));
  return Run(std::move(steps));
}

// Of the tables that there are: those of the settings, and those that the sink has filled before.
Fault SnapshotWriter::DeleteRows(const std::string& held_keeps) {
  const Settings& settings = setup_->settings;
  Connection& connection = session_->connection();
  RowTables wanted = TablesWithRows(held_keeps, settings);
  if (wanted.store_tables) {
    std::vector<std::string> names;
    Fault fault = ReadStoreTables(settings, &connection, &names);
    if (!fault.ok()) return fault;
    for (std::string& name : names) wanted.tables.push_back({std::move(name), kStoreTableKey});
  }
  for (const RowTable& table : wanted.tables) {
    PgResult found;
    Fault fault = connection.Execute(
        "SELECT pg_catalog.has_table_privilege(pg_catalog.to_regclass(" +
            QuoteText(Qualified(settings, table.name)) + ")::pg_catalog.oid, 'DELETE')",
        &found);
    const bool there = fault.ok() && PQgetisnull(found.get(), 0, 0) == 0;
    // The table of another role's sinks, with several connections, which this one never had.
    const bool is_ours = there && (Field(found, 0, 0) == "t" ||
                                   Qualified(settings, table.name) != AppliedTable(settings));
    if (is_ours) fault = DeleteRowsOf(table);
    if (!fault.ok()) return fault.WithContext("emptying " + table.name);
  }
  return {};
}

// A lot is a range of the key, so that its index serves, whatever the server knows of the table.
Fault SnapshotWriter::DeleteRowsOf(const RowTable& table) {
  const std::string name = Qualified(setup_->settings, table.name);
  const std::string rest = "DELETE FROM " + name + " WHERE " + setup_->key.Where();
  const std::string lot = rest + " AND (" + table.key + ") <= (SELECT " + table.key + " FROM " +
                          name + " WHERE " + setup_->key.Where() + " ORDER BY " + table.key +
                          " OFFSET " + std::to_string(kDeletedAtOnce - 1) + " LIMIT 1)";
  for (;;) {
    uint64_t deleted = 0;
    if (Fault fault = DeleteOnce(lot, &deleted); !fault.ok()) return fault;
    if (deleted == 0) return DeleteOnce(rest, &deleted);
  }
}

Fault SnapshotWriter::DeleteOnce(const std::string& sql, uint64_t* deleted) {
  Connection& connection = session_->connection();
  PgResult touched;
  PgResult result;
  Fault fault = connection.Execute("BEGIN");
  if (fault.ok()) {
    fault = connection.Execute(
        TouchFillingSql(setup_->settings, setup_->key, setup_->epoch, height_), &touched);
  }
  if (fault.ok() && std::string_view(PQcmdTuples(touched.get())) != "1") {
    connection.Rollback();
    return session_->AskAfterMiss("its own mark of a copy");
  }
  if (fault.ok()) fault = connection.Execute(sql, &result);
  if (fault.ok()) fault = connection.Commit();
  if (!fault.ok()) {
    connection.Rollback();
    return fault;
  }
  *deleted = std::strtoull(PQcmdTuples(result.get()), nullptr, 10);
  return {};
}

// --- parts -------------------------------------------------------------------------------------

std::vector<Step> SnapshotWriter::BeginGuarded() const {
  std::vector<Step> steps = BeginTransaction();
  steps.push_back(Guard(TouchFillingSql(setup_->settings, setup_->key, setup_->epoch, height_)));
  return steps;
}

Fault SnapshotWriter::Run(std::vector<Step> steps) {
  WriteOutcome outcome = WriteOutcome::kCommitted;
  Fault fault = RunTransaction(std::move(steps), &session_->connection(), &outcome);
  if (!fault.ok() || outcome == WriteOutcome::kCommitted) return fault;
  return session_->AskAfterMiss("its own mark of a copy");
}

Fault SnapshotWriter::Take(const SnapshotPart& part) {
  if (!under_way_ || part.number() != next_part_) {
    return Fault::Broken("part " + std::to_string(part.number()) + " of a copy came where " +
                         (under_way_ ? "part " + std::to_string(next_part_) : "none") +
                         " was expected");
  }
  if (row_count_ + part.size() > INT32_MAX) {
    return Fault::Unsupported("a copy of more than " + std::to_string(INT32_MAX) +
                              " keys: their numbers do not fit into the column seq");
  }
  if (setup_->settings.state) {
    for (uint64_t i = 0; i < part.size(); ++i) {
      Fault fault = session_->EnsureStateTable(View(part.row(i).store));
      if (!fault.ok()) return fault;
    }
  }
  std::vector<Passed> passed;
  Fault fault = TakeOnce(part, passed);
  if (MayBeABadValue(fault)) {
    if (Fault bad = FindBadValues(part, fault, &passed); !bad.ok()) return bad;
    fault = TakeOnce(part, passed);
  }
  if (!fault.ok()) return fault.WithContext("taking part " + std::to_string(part.number()));
  ++next_part_;
  row_count_ += part.size();
  return {};
}

Fault SnapshotWriter::TakeOnce(const SnapshotPart& part, const std::vector<Passed>& passed) {
  const Settings& settings = setup_->settings;
  const Rows rows = Encode(part, passed);
  std::vector<Step> steps = BeginGuarded();
  steps.insert(steps.begin() + 1, Plain("SET LOCAL synchronous_commit = off"));
  for (const auto& [store, encoder] : rows.state) {
    if (!encoder.empty()) steps.push_back(Copy(CopyStateSql(store), encoder.rows()));
  }
  if (!rows.changes.empty()) {
    steps.push_back(Copy(CopyChangesSql(settings), rows.changes.rows()));
  }
  if (!passed.empty()) {
    std::vector<BadValue> bad;
    for (const Passed& one : passed) {
      const sluice_row& row = part.row(one.index);
      bad.push_back({height_, static_cast<uint32_t>(row_count_ + one.index),
                     std::string(View(row.store)), std::string(View(row.key)), one.reason});
    }
    steps.push_back(Plain(BadValuesSql(settings, setup_->key, bad)));
  }
  return Run(std::move(steps));
}

SnapshotWriter::Rows SnapshotWriter::Encode(const SnapshotPart& part,
                                            const std::vector<Passed>& passed) const {
  const Settings& settings = setup_->settings;
  Rows rows;
  auto next_passed = passed.begin();
  for (uint64_t i = 0; i < part.size(); ++i) {
    const sluice_row& row = part.row(i);
    const auto sequence = static_cast<int32_t>(row_count_ + i);
    const bool is_passed = next_passed != passed.end() && next_passed->index == i;
    if (is_passed) ++next_passed;
    if (settings.state) {
      const std::string_view table = settings.table_per_store ? View(row.store) : "";
      if (rows.state.empty() || rows.state.back().first != table) {
        rows.state.emplace_back(table, CopyEncoder());
      }
      EncodeState(row, sequence, is_passed, &rows.state.back().second);
    }
    if (settings.changes) {
      rows.changes.BeginRow(kChangeFields);
      rows.changes.Bytes(setup_->key.stream);
      rows.changes.Bytes(setup_->key.sink);
      rows.changes.Int64(static_cast<int64_t>(height_));
      rows.changes.Int32(sequence);
      rows.changes.Int32(0);
      rows.changes.Bytes("set");
      rows.changes.Bytes(View(row.store));
      rows.changes.Bytes(View(row.key));
      rows.changes.Bytes(View(row.value));
      rows.changes.Null();
    }
  }
  return rows;
}

void SnapshotWriter::EncodeState(const sluice_row& row, int32_t sequence, bool passed,
                                 CopyEncoder* out) const {
  const Settings& settings = setup_->settings;
  if (passed && settings.on_bad_value == OnBadValue::kSkip) return;
  const bool shared = !settings.table_per_store;
  const ValueForm form = passed ? ValueForm::kBytes : settings.form_of(View(row.store));
  const auto [text, jsonb] =
      session_->state_columns().at(shared ? std::string() : std::string(View(row.store)));
  out->BeginRow(static_cast<uint16_t>(6 + (shared ? 1 : 0) + (text ? 1 : 0) + (jsonb ? 1 : 0)));
  out->Bytes(setup_->key.stream);
  out->Bytes(setup_->key.sink);
  if (shared) out->Bytes(View(row.store));
  out->Bytes(View(row.key));
  out->Bytes(View(row.value));
  out->Int64(static_cast<int64_t>(height_));
  out->Int32(sequence);
  if (text && form == ValueForm::kText) {
    out->Bytes(View(row.value));
  } else if (text) {
    out->Null();
  }
  if (jsonb && form == ValueForm::kJsonb) {
    out->Bytes(std::string(1, kJsonbVersion) + std::string(View(row.value)));
  } else if (jsonb) {
    out->Null();
  }
}

std::string SnapshotWriter::CopyStateSql(const std::string& store) const {
  const auto [text, jsonb] = session_->state_columns().at(store);
  return "COPY " + StateTable(setup_->settings, store) + " (stream, sink, " +
         (setup_->settings.table_per_store ? "" : "store, ") + "key, value, height, seq" +
         (text ? ", value_text" : "") + (jsonb ? ", value_jsonb" : "") +
         ") FROM STDIN (FORMAT binary)";
}

Fault SnapshotWriter::FindBadValues(const SnapshotPart& part, const Fault& refused,
                                    std::vector<Passed>* passed) {
  for (uint64_t i = 0; i < part.size(); ++i) {
    const sluice_row& row = part.row(i);
    const ValueForm form = setup_->settings.form_of(View(row.store));
    if (form == ValueForm::kBytes) continue;
    const bool text = form == ValueForm::kText;
    Fault why;
    Fault fault = TryTypedValue(&session_->connection(), text, View(row.value), &why);
    if (!fault.ok()) return fault;
    if (why.ok()) continue;
    if (setup_->settings.on_bad_value == OnBadValue::kHalt) {
      return BadValueFault(height_, View(row.store), View(row.key), text, why);
    }
    host_.Log(SLUICE_LOG_WARN, PassedOverText(height_, View(row.store), View(row.key), text));
    passed->push_back({i, why.text()});
  }
  return passed->empty() ? refused : Fault::None();
}

// --- end ---------------------------------------------------------------------------------------

Fault SnapshotWriter::End() {
  if (!under_way_) return Fault::Broken("the end of a copy came without its beginning");
  const auto& [settings, key, epoch, level, started] = *setup_;
  std::vector<Step> steps = BeginTransaction();
  // Of a copy it is asked that it is durable, whatever is asked of a height.
  if (settings.synchronous_commit == "off") {
    steps.push_back(Plain("SET LOCAL synchronous_commit = local"));
  }
  steps.push_back(Guard(EndFillingSql(settings, key, epoch, height_, digest_, filtered_)));
  if (settings.changes) {
    GroupHeight height;
    height.height = height_;
    height.digest = digest_;
    height.time_unix_nanos = time_unix_nanos_;
    height.change_count = row_count_;
    height.filtered = filtered_;
    steps.push_back(Plain(InsertHeightsSql(settings) + HeightRowSql(key, epoch, height)));
  }
  Fault fault = Run(std::move(steps));
  if (!fault.ok()) return fault.WithContext("ending the copy");
  under_way_ = false;
  return {};
}

}  // namespace sluice_postgres
