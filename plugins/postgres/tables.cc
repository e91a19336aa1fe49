// SPDX-License-Identifier: Apache-2.0
#include "postgres/tables.h"

#include <algorithm>

#include "postgres/sql_text.h"

namespace sluice_postgres {
namespace {

constexpr char kHeights[] = "sluice_heights";
constexpr char kPosition[] = "sluice_position";
constexpr char kBadValues[] = "sluice_bad_values";
constexpr char kApplied[] = "sluice_applied";

bool AnyStoreAs(const Settings& settings, ValueForm form) {
  return std::any_of(settings.value_as.begin(), settings.value_as.end(),
                     [form](const auto& entry) { return entry.second == form; });
}

void AddValueColumns(bool text, bool jsonb, Table* table) {
  table->columns.push_back({"value", "bytea", false, ""});
  table->columns.push_back({"height", "bigint", false, ""});
  table->columns.push_back({"seq", "integer", false, ""});
  if (text) table->columns.push_back({"value_text", "text", true, "", true});
  if (jsonb) table->columns.push_back({"value_jsonb", "jsonb", true, "", true});
}

Table SharedStateTable(const Settings& settings) {
  Table table{settings.state_table,
              {{"stream", "text", false, ""},
               {"sink", "text", false, ""},
               {"store", "text", false, ""},
               {"key", "bytea", false, ""}},
              {"stream", "sink", "store", "key"}};
  AddValueColumns(AnyStoreAs(settings, ValueForm::kText), AnyStoreAs(settings, ValueForm::kJsonb),
                  &table);
  return table;
}

std::string ColumnSql(const Column& column) {
  std::string sql = QuoteIdentifier(column.name) + " " + column.type;
  if (!column.nullable) sql += " NOT NULL";
  if (!column.fallback.empty()) sql += " DEFAULT " + column.fallback;
  return sql;
}

}  // namespace

std::vector<Table> FixedTables(const Settings& settings) {
  std::vector<Table> tables;
  tables.push_back({kPosition,
                    {{"stream", "text", false, ""},
                     {"sink", "text", false, ""},
                     {"epoch", "bigint", false, ""},
                     {"height", "bigint", false, ""},
                     {"digest", "bytea", false, ""},
                     {"updated_at", "timestamp with time zone", false, "now()"},
                     {"base_height", "bigint", false, "0"},
                     {"filtered", "boolean", false, "false"},
                     {"keeps", "text", false, "''"},
                     {"snapshot_height", "bigint", true, "", true},
                     {"filling", "bigint", true, "", true}},
                    {"stream", "sink"}});
  if (settings.changes) {
    tables.push_back({settings.changes_table,
                      {{"stream", "text", false, ""},
                       {"sink", "text", false, ""},
                       {"height", "bigint", false, ""},
                       {"seq", "integer", false, ""},
                       {"tx", "integer", false, ""},
                       {"op", "text", false, ""},
                       {"store", "text", false, ""},
                       {"key", "bytea", false, ""},
                       {"value", "bytea", true, ""},
                       {"old_value", "bytea", true, ""}},
                      {"stream", "sink", "height", "seq"}});
    tables.push_back({kHeights,
                      {{"stream", "text", false, ""},
                       {"sink", "text", false, ""},
                       {"height", "bigint", false, ""},
                       {"epoch", "bigint", false, ""},
                       {"digest", "bytea", false, ""},
                       {"time_unix_nanos", "bigint", false, ""},
                       {"changes", "integer", false, ""},
                       {"filtered", "boolean", false, ""}},
                      {"stream", "sink", "height"}});
  }
  if (settings.state && !settings.table_per_store) tables.push_back(SharedStateTable(settings));
  if (settings.connections > 1) {
    tables.push_back({kApplied,
                      {{"stream", "text", false, ""},
                       {"sink", "text", false, ""},
                       {"height", "bigint", false, ""},
                       {"epoch", "bigint", false, ""},
                       {"digest", "bytea", false, ""},
                       {"previous_digest", "bytea", false, ""},
                       {"filtered", "boolean", false, ""}},
                      {"stream", "sink", "height"},
                      false});
  }
  if (!settings.value_as.empty() && settings.on_bad_value != OnBadValue::kHalt) {
    tables.push_back({kBadValues,
                      {{"stream", "text", false, ""},
                       {"sink", "text", false, ""},
                       {"height", "bigint", false, ""},
                       {"seq", "integer", false, ""},
                       {"store", "text", false, ""},
                       {"key", "bytea", false, ""},
                       {"reason", "text", false, ""}},
                      {"stream", "sink", "height", "seq"},
                      false});
  }
  return tables;
}

std::string StoreTableName(const Settings& settings, std::string_view store) {
  return settings.state_table + "_" + std::string(store);
}

Table StoreTable(const Settings& settings, std::string_view store) {
  Table table{
      StoreTableName(settings, store),
      {{"stream", "text", false, ""}, {"sink", "text", false, ""}, {"key", "bytea", false, ""}},
      {"stream", "sink", "key"}};
  const ValueForm form = settings.form_of(store);
  AddValueColumns(form == ValueForm::kText, form == ValueForm::kJsonb, &table);
  return table;
}

std::string Qualified(const Settings& settings, std::string_view table) {
  return QuoteIdentifier(settings.schema) + "." + QuoteIdentifier(table);
}
std::string ChangesTable(const Settings& settings) {
  return Qualified(settings, settings.changes_table);
}
std::string HeightsTable(const Settings& settings) { return Qualified(settings, kHeights); }
std::string PositionTable(const Settings& settings) { return Qualified(settings, kPosition); }
std::string BadValuesTable(const Settings& settings) { return Qualified(settings, kBadValues); }
std::string AppliedTable(const Settings& settings) { return Qualified(settings, kApplied); }
std::string StateTable(const Settings& settings, std::string_view store) {
  return Qualified(
      settings, settings.table_per_store ? StoreTableName(settings, store) : settings.state_table);
}

std::string Keeps(const Settings& settings) {
  std::string keeps;
  if (settings.changes) keeps = "changes=" + settings.changes_table + ";";
  if (settings.state) {
    keeps += "state=" + settings.state_table + (settings.table_per_store ? "_*;" : ";");
  }
  return keeps;
}

namespace {

// Of a text as Keeps gives it: whether it has `part`, which ends in a semicolon.
bool HasPart(std::string_view held, std::string_view part) {
  const size_t at = held.find(part);
  return at != std::string_view::npos && (at == 0 || held[at - 1] == ';');
}

// The parts of what the settings ask for that `held` lacks.
std::string MissingParts(std::string_view held, const Settings& settings) {
  const std::string wanted = Keeps(settings);
  std::string missing;
  for (std::string_view left = wanted; !left.empty();) {
    const size_t end = left.find(';') + 1;
    if (!HasPart(held, left.substr(0, end))) missing += left.substr(0, end);
    left.remove_prefix(end);
  }
  return missing;
}

}  // namespace

bool HeldKeeps(std::string_view held, const Settings& settings) {
  return held.empty() || MissingParts(held, settings).empty();
}

std::string MergedKeeps(std::string_view held, const Settings& settings) {
  return std::string(held) + MissingParts(held, settings);
}

RowTables TablesWithRows(std::string_view held, const Settings& settings) {
  const std::string keeps = MergedKeeps(held, settings);
  RowTables found;
  if (HasPart(keeps, "changes=" + settings.changes_table + ";")) {
    found.tables = {{settings.changes_table, "height, seq"}, {kHeights, "height"}};
  }
  if (HasPart(keeps, "state=" + settings.state_table + ";")) {
    found.tables.push_back({settings.state_table, "store, key"});
  }
  found.store_tables = HasPart(keeps, "state=" + settings.state_table + "_*;");
  found.tables.push_back({kApplied, "height"});
  if (!settings.value_as.empty()) found.tables.push_back({kBadValues, "height, seq"});
  return found;
}

std::string CreateSchemaSql(const Settings& settings) {
  return "CREATE SCHEMA IF NOT EXISTS " + QuoteIdentifier(settings.schema) + ";";
}

std::string CreateTableSql(const Settings& settings, const Table& table) {
  std::string sql = "CREATE TABLE IF NOT EXISTS " + Qualified(settings, table.name) + " (";
  for (const Column& column : table.columns) sql += ColumnSql(column) + ", ";
  sql += "PRIMARY KEY (";
  for (size_t i = 0; i < table.key.size(); ++i) {
    sql += (i == 0 ? "" : ", ") + QuoteIdentifier(table.key[i]);
  }
  return sql + "));";
}

std::string AddColumnSql(const Settings& settings, const Table& table, const Column& column) {
  return "ALTER TABLE " + Qualified(settings, table.name) + " ADD COLUMN IF NOT EXISTS " +
         ColumnSql(column) + ";";
}

}  // namespace sluice_postgres
