// SPDX-License-Identifier: Apache-2.0
#include "postgres/group_writer.h"

#include <algorithm>
#include <utility>

#include "postgres/sql_text.h"
#include "postgres/tables.h"

namespace sluice_postgres {
namespace {

using sluice::sdk::View;

constexpr char kStaging[] = "pg_temp.sluice_staging";

std::string Number(int64_t value) { return std::to_string(value); }

std::string HeightsSql(const Settings& settings, const SinkKey& key, uint64_t epoch,
                       const HeightGroup& group) {
  std::string rows;
  for (const GroupHeight& height : group.heights()) {
    if (height.held) continue;
    if (!rows.empty()) rows += ", ";
    rows += HeightRowSql(key, epoch, height);
  }
  return rows.empty() ? rows : InsertHeightsSql(settings) + rows;
}

std::string Form(RowForm form) { return std::to_string(static_cast<int>(form)); }

void AddStateSteps(const Settings& settings, const SinkKey& key, const HeightGroup& group,
                   const StateColumns& columns, std::vector<Step>* steps) {
  const std::map<std::string, HeightGroup::StoreRows> stores = group.stores();
  if (settings.table_per_store) {
    for (const auto& [store, rows] : stores) {
      if (rows.sets) {
        steps->push_back(Plain(UpsertSql(settings, key, store, columns.at(store))));
      }
      if (rows.deletes) steps->push_back(Plain(DeleteSql(settings, key, store)));
    }
    return;
  }
  const bool sets = std::any_of(stores.begin(), stores.end(),
                                [](const auto& entry) { return entry.second.sets; });
  const bool deletes = std::any_of(stores.begin(), stores.end(),
                                   [](const auto& entry) { return entry.second.deletes; });
  if (sets) steps->push_back(Plain(UpsertSql(settings, key, "", columns.at(""))));
  if (deletes) steps->push_back(Plain(DeleteSql(settings, key, "")));
}

}  // namespace

std::string PrepareSessionSql(const Settings& settings) {
  std::string sql =
      "SET standard_conforming_strings = on; SET search_path = pg_catalog;"
      " SET client_min_messages = warning; SET datestyle = 'ISO'; SET jit = off;"
      " SET default_transaction_isolation = 'read committed';"
      " SET synchronous_commit = " +
      QuoteText(settings.synchronous_commit) +
      "; SET lock_timeout = " + Number(settings.lock_timeout.count()) +
      "; SET idle_in_transaction_session_timeout = " +
      Number(settings.idle_in_transaction_timeout.count()) + ";";
  if (settings.state) {
    sql +=
        " CREATE TEMPORARY TABLE IF NOT EXISTS " + std::string(kStaging) +
        " (store text NOT NULL, key bytea NOT NULL, value bytea NOT NULL, height bigint NOT NULL,"
        " seq integer NOT NULL, form smallint NOT NULL) ON COMMIT DELETE ROWS;";
  }
  return sql;
}

std::string UpsertSql(const Settings& settings, const SinkKey& key, std::string_view store,
                      const TypedColumns& columns) {
  const bool shared = !settings.table_per_store;
  const auto [text, jsonb] = columns;
  const std::string value = "pg_catalog.convert_from(value, 'UTF8')";
  std::string sql = "INSERT INTO " + StateTable(settings, store) + " (stream, sink, " +
                    (shared ? "store, " : "") + "key, value, height, seq" +
                    (text ? ", value_text" : "") + (jsonb ? ", value_jsonb" : "") + ") SELECT " +
                    key.Values() + ", " + (shared ? "store, " : "") + "key, value, height, seq";
  if (text) sql += ", CASE WHEN form = " + Form(RowForm::kText) + " THEN " + value + " END";
  if (jsonb) {
    sql += ", CASE WHEN form = " + Form(RowForm::kJsonb) + " THEN " + value + "::jsonb END";
  }
  sql += " FROM " + std::string(kStaging) + " WHERE form <> " + Form(RowForm::kDelete);
  if (!shared) sql += " AND store = " + QuoteText(store);
  sql += std::string(" ON CONFLICT (stream, sink, ") + (shared ? "store, " : "") +
         "key) DO UPDATE SET value = excluded.value, height = excluded.height,"
         " seq = excluded.seq";
  if (text) sql += ", value_text = excluded.value_text";
  if (jsonb) sql += ", value_jsonb = excluded.value_jsonb";
  return sql;
}

// LIMIT keeps the lookup inside, once a staged row: without statistics, of a table that has just
// been filled, the planner would join the other way round and read the whole state for each of
// them.
std::string DeleteSql(const Settings& settings, const SinkKey& key, std::string_view store) {
  const bool shared = !settings.table_per_store;
  const std::string table = StateTable(settings, store);
  return "DELETE FROM " + table + " WHERE ctid = ANY (ARRAY(SELECT found.ctid FROM " + kStaging +
         " AS staged CROSS JOIN LATERAL (SELECT held.ctid FROM " + table + " AS held WHERE " +
         key.Where("held.") + (shared ? " AND held.store = staged.store" : "") +
         " AND held.key = staged.key LIMIT 1) AS found WHERE staged.form = " +
         Form(RowForm::kDelete) + (shared ? "" : " AND staged.store = " + QuoteText(store)) + "))";
}

std::string InsertHeightsSql(const Settings& settings) {
  return "INSERT INTO " + HeightsTable(settings) +
         " (stream, sink, height, epoch, digest, time_unix_nanos, changes, filtered) VALUES ";
}

std::string HeightRowSql(const SinkKey& key, uint64_t epoch, const GroupHeight& height) {
  return "(" + key.Values() + ", " + std::to_string(height.height) + ", " + std::to_string(epoch) +
         ", " + QuoteBytes(View(height.digest)) + ", " + Number(height.time_unix_nanos) + ", " +
         std::to_string(height.change_count) + (height.filtered ? ", true)" : ", false)");
}

std::string BadValuesSql(const Settings& settings, const SinkKey& key,
                         const std::vector<BadValue>& bad_values) {
  std::string sql = "INSERT INTO " + BadValuesTable(settings) +
                    " (stream, sink, height, seq, store, key, reason) VALUES ";
  for (const BadValue& bad : bad_values) {
    if (sql.back() == ')') sql += ", ";
    sql += "(" + key.Values() + ", " + std::to_string(bad.height) + ", " +
           std::to_string(bad.sequence) + ", " + QuoteText(bad.store) + ", " + QuoteBytes(bad.key) +
           ", " + QuoteText(bad.reason) + ")";
  }
  return sql;
}

std::string CopyChangesSql(const Settings& settings) {
  return "COPY " + ChangesTable(settings) +
         " (stream, sink, height, seq, tx, op, store, key, value, old_value)"
         " FROM STDIN (FORMAT binary)";
}

Fault WriteGroup(const Settings& settings, const SinkKey& key, uint64_t epoch,
                 const HeightGroup& group, std::vector<Step> guards, const StateColumns& columns,
                 Connection* connection, WriteOutcome* outcome) {
  const std::string staging = settings.state ? group.StagingRows() : std::string();
  std::vector<Step> steps = BeginTransaction();
  for (Step& guard : guards) steps.push_back(std::move(guard));
  if (!group.change_rows().empty()) {
    steps.push_back(Copy(CopyChangesSql(settings), group.change_rows()));
  }
  if (!staging.empty()) {
    steps.push_back(Copy(std::string("COPY ") + kStaging +
                             " (store, key, value, height, seq, form) FROM STDIN (FORMAT binary)",
                         staging));
  }
  if (settings.changes) {
    std::string heights = HeightsSql(settings, key, epoch, group);
    if (!heights.empty()) steps.push_back(Plain(std::move(heights)));
  }
  if (!group.passed_over().empty()) {
    steps.push_back(Plain(BadValuesSql(settings, key, group.passed_over())));
  }
  if (!staging.empty()) AddStateSteps(settings, key, group, columns, &steps);
  return RunTransaction(std::move(steps), connection, outcome);
}

}  // namespace sluice_postgres
