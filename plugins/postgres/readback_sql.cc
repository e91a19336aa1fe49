// SPDX-License-Identifier: Apache-2.0
#include "postgres/readback_sql.h"

#include <algorithm>

#include "postgres/sql_text.h"
#include "postgres/tables.h"

namespace sluice_postgres {

// Each part is ordered by itself, so that its index serves, and the planner merges the two: with
// enable_sort off it has no cheaper way, whatever it believes of the tables. A join would not do:
// without statistics it is taken for a loop over all changes a height.
std::string ChangesSelect(const Settings& settings, const SinkKey& key, uint64_t first,
                          uint64_t last) {
  const uint64_t last_bigint = std::min<uint64_t>(last, INT64_MAX);
  const std::string rows = " WHERE " + key.Where() + " AND height BETWEEN " +
                           std::to_string(first) + " AND " + std::to_string(last_bigint) +
                           " ORDER BY height";
  return "(SELECT height, NULL::bytea, NULL::boolean, NULL::integer, seq, tx, op, store, key, "
         "value,"
         " old_value FROM " +
         ChangesTable(settings) + rows +
         ", seq) UNION ALL (SELECT height, digest, filtered, changes, NULL, NULL, NULL, NULL, NULL,"
         " NULL, NULL FROM " +
         HeightsTable(settings) + rows + ") ORDER BY height";
}

std::string StateSelect(const Settings& settings, const SinkKey& key,
                        const std::vector<std::string>& store_tables) {
  if (!settings.table_per_store) {
    return "SELECT store, key, value FROM " + StateTable(settings, "") + " WHERE " + key.Where();
  }
  std::string select;
  for (const std::string& table : store_tables) {
    if (!select.empty()) select += " UNION ALL ";
    select += "SELECT " + QuoteText(table.substr(settings.state_table.size() + 1)) +
              "::text AS store, key, value FROM " + Qualified(settings, table) + " WHERE " +
              key.Where();
  }
  return select;
}

Fault ReadStoreTables(const Settings& settings, Connection* connection,
                      std::vector<std::string>* tables) {
  const std::string prefix = settings.state_table + "_";
  PgResult result;
  Fault fault = connection->Execute(
      "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
      " ON n.oid = c.relnamespace WHERE n.nspname = " +
          QuoteText(settings.schema) +
          " AND c.relkind IN ('r', 'p') AND pg_catalog.starts_with(c.relname::text, " +
          QuoteText(prefix) + ") ORDER BY c.relname",
      &result);
  if (!fault.ok()) return fault;
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    tables->emplace_back(Field(result, row, 0));
  }
  return {};
}

std::string StateDifferenceSelect(const Settings& settings, const SinkKey& key, uint64_t first,
                                  bool complete, const std::string& state) {
  const bool skips = settings.on_bad_value == OnBadValue::kSkip && !settings.value_as.empty();
  std::string sql =
      "SELECT pg_catalog.count(*), pg_catalog.min(store),"
      " pg_catalog.min(pg_catalog.encode(key, 'hex')) FROM (SELECT DISTINCT ON (store, key)"
      " store, key, op, value, height, seq FROM " +
      ChangesTable(settings) + " WHERE " + key.Where() + " AND height >= " + std::to_string(first) +
      " ORDER BY store, key, height DESC, seq DESC) AS latest " + (complete ? "FULL" : "LEFT") +
      " JOIN (" + state +
      ") AS held USING (store, key) WHERE (coalesce(latest.op = 'set', false)"
      " <> (held.value IS NOT NULL) OR held.value <> latest.value)";
  // A key that was left out on purpose.
  if (skips) {
    sql += " AND NOT EXISTS (SELECT 1 FROM " + BadValuesTable(settings) + " AS bad WHERE " +
           key.Where("bad.") + " AND bad.height = latest.height AND bad.seq = latest.seq)";
  }
  return sql;
}

}  // namespace sluice_postgres
