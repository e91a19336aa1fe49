// SPDX-License-Identifier: Apache-2.0
#include "postgres/provision.h"

#include <utility>

#include "postgres/sql_text.h"

namespace sluice_postgres {
namespace {

// Of pg_advisory_xact_lock: "sluice" in ASCII, as a number; every sink of a database takes it.
constexpr char kProvisionLock[] = "126943999484773";

Fault Look(const Settings& settings, const std::vector<Table>& tables, Connection* connection,
           ProvisionPlan* plan) {
  PgResult schemas;
  const std::string schema = QuoteText(settings.schema);
  Fault fault = connection->Execute(
      "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = " + schema, &schemas);
  if (!fault.ok()) return fault;
  std::string names;
  for (const Table& table : tables) {
    names += (names.empty() ? "" : ", ") + QuoteText(table.name);
  }
  PgResult columns;
  fault = connection->Execute(
      "SELECT c.relname, a.attname, pg_catalog.format_type(a.atttypid, NULL)"
      " FROM pg_catalog.pg_class c"
      " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
      " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
      " AND NOT a.attisdropped WHERE n.nspname = " +
          schema + " AND c.relname IN (" + names + ")",
      &columns);
  if (!fault.ok()) return fault;
  FoundTables found;
  for (int row = 0; row < PQntuples(columns.get()); ++row) {
    found[std::string(Field(columns, row, 0))][std::string(Field(columns, row, 1))] =
        Field(columns, row, 2);
  }
  *plan = PlanProvision(settings, tables, PQntuples(schemas.get()) == 1, found);
  if (plan->wrong.empty()) return {};
  return Fault::Operator(connection->name() + ": " + plan->wrong +
                         "; mend it, or name another schema or table in the settings");
}

Fault Create(const Settings& settings, const std::vector<Table>& tables, Connection* connection) {
  Fault fault = connection->Execute(std::string("BEGIN; SELECT pg_catalog.pg_advisory_xact_lock(") +
                                    kProvisionLock + ")");
  ProvisionPlan plan;
  if (fault.ok()) fault = Look(settings, tables, connection, &plan);
  for (const std::string& statement : plan.statements) {
    if (fault.ok()) fault = connection->Execute(statement);
  }
  if (fault.ok()) return connection->Execute("COMMIT");
  connection->Rollback();
  return fault.WithContext("creating the sink's tables");
}

}  // namespace

ProvisionPlan PlanProvision(const Settings& settings, const std::vector<Table>& tables,
                            bool schema_found, const FoundTables& found) {
  ProvisionPlan plan;
  if (!schema_found) plan.statements.push_back(CreateSchemaSql(settings));
  for (const Table& table : tables) {
    const auto there = found.find(table.name);
    if (there == found.end()) {
      plan.statements.push_back(CreateTableSql(settings, table));
      plan.tables.push_back(table.name);
      continue;
    }
    for (const Column& column : table.columns) {
      const auto known = there->second.find(column.name);
      const std::string where =
          "table " + Qualified(settings, table.name) + ", column " + QuoteIdentifier(column.name);
      if (known == there->second.end()) {
        // An old row can do without a column that may be empty.
        if (column.nullable || !column.fallback.empty()) {
          plan.statements.push_back(AddColumnSql(settings, table, column));
        } else if (plan.wrong.empty()) {
          plan.wrong = where + " is missing";
        }
      } else if (known->second != column.type && plan.wrong.empty()) {
        plan.wrong = where + " has type " + known->second + ", not " + column.type;
      }
    }
  }
  return plan;
}

std::string ProvisionScript(const Settings& settings, const std::vector<Table>& tables,
                            const SinkKey& key, const std::string& role) {
  std::string sql = "-- Sink " + key.sink + " of stream " + key.stream +
                    ": for its database, as a role that may create there. May run again.\n"
                    "BEGIN;\nSET LOCAL client_min_messages = warning;\n" +
                    CreateSchemaSql(settings) + "\n";
  std::string names;
  for (const Table& table : tables) {
    sql += CreateTableSql(settings, table) + "\n";
    for (const Column& column : table.columns) {
      if (column.added_later || !column.fallback.empty()) {
        sql += AddColumnSql(settings, table, column) + "\n";
      }
    }
    names += (names.empty() ? "" : ", ") + Qualified(settings, table.name);
  }
  const std::string to = " TO " + (role.empty() ? "ROLE" : QuoteIdentifier(role)) + ";\n";
  if (role.empty()) sql += "-- conninfo names no user: put the sink's role in the place of ROLE.\n";
  const std::string before = role.empty() ? "-- " : "";
  sql += before + "GRANT USAGE ON SCHEMA " + QuoteIdentifier(settings.schema) + to;
  sql += before + "GRANT SELECT, INSERT, UPDATE, DELETE ON " + names + to;
  return sql + "COMMIT;\n";
}

Fault MissingTables(const Settings& settings, const std::vector<Table>& tables,
                    Connection* connection, std::vector<std::string>* missing) {
  ProvisionPlan plan;
  Fault fault = Look(settings, tables, connection, &plan);
  *missing = std::move(plan.tables);
  return fault;
}

Fault FindTypedColumns(const Settings& settings, std::string_view store, Connection* connection,
                       TypedColumns* columns) {
  PgResult found;
  Fault fault = connection->Execute(
      "SELECT a.attname FROM pg_catalog.pg_attribute a WHERE a.attrelid = pg_catalog.to_regclass(" +
          QuoteText(StateTable(settings, store)) +
          ") AND NOT a.attisdropped AND a.attgenerated = '' AND"
          " (a.attname, a.atttypid) IN (('value_text', 'text'::pg_catalog.regtype),"
          " ('value_jsonb', 'jsonb'::pg_catalog.regtype))",
      &found);
  if (!fault.ok()) return fault;
  *columns = TypedColumns();
  for (int row = 0; row < PQntuples(found.get()); ++row) {
    (Field(found, row, 0) == "value_text" ? columns->text : columns->jsonb) = true;
  }
  return {};
}

Fault Provision(const Settings& settings, const std::vector<Table>& tables,
                Connection* connection) {
  ProvisionPlan plan;
  if (Fault fault = Look(settings, tables, connection, &plan); !fault.ok()) return fault;
  if (plan.statements.empty()) return {};
  if (settings.create) return Create(settings, tables, connection);
  std::string sql;
  for (const std::string& statement : plan.statements) sql += " " + statement;
  return Fault::Operator(
      connection->name() +
      ": tables of the sink, or columns, are missing, and create = false (`sluice sink "
      "provision NAME --print` gives a script): let an administrator run:" +
      sql);
}

}  // namespace sluice_postgres
