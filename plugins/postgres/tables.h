// SPDX-License-Identifier: Apache-2.0
//
// The sink's tables: their names, columns and definitions. Readers of the tables rely on the
// columns (docs/sinks/postgres.md); some may be added, none is renamed or changes its type.
//
//   changes            every change                   key (stream, sink, height, seq)
//   sluice_heights     every height, with its digest  key (stream, sink, height); with changes
//   state              latest value of a key          key (stream, sink, store, key)
//   state_<store>      the same, one table a store    key (stream, sink, key)
//   sluice_position    the guard row: where a sink stands, under which epoch
//   sluice_applied     heights above the position that are written already; with connections > 1
//                      key (stream, sink, height)
//   sluice_bad_values  values that value_as could not take, and were passed over
//
// Threading: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "postgres/settings.h"

namespace sluice_postgres {

struct Column {
  std::string name;
  std::string type;  // as format_type() gives it
  bool nullable = false;
  std::string fallback;  // SQL of the default, or empty
  // May be missing in a table that is older than the column, or than the setting that asks for it.
  bool added_later = false;
};

struct Table {
  std::string name;
  std::vector<Column> columns;
  std::vector<std::string> key;
  // False for one that a change of the settings may add later.
  bool written_from_the_start = true;
};

// What a state table has besides the bytes of a value, asked for now or by settings of before.
struct TypedColumns {
  bool text = false;   // value_text
  bool jsonb = false;  // value_jsonb
};

// All but the state tables of single stores; sluice_position is the first.
std::vector<Table> FixedTables(const Settings& settings);
Table StoreTable(const Settings& settings, std::string_view store);
std::string StoreTableName(const Settings& settings, std::string_view store);

// "sluice"."changes"
std::string Qualified(const Settings& settings, std::string_view table);
std::string ChangesTable(const Settings& settings);
std::string HeightsTable(const Settings& settings);
std::string PositionTable(const Settings& settings);
std::string BadValuesTable(const Settings& settings);
std::string AppliedTable(const Settings& settings);
// `store` matters only with table_per_store.
std::string StateTable(const Settings& settings, std::string_view store);

// Which tables a sink with these settings fills, as the guard row notes it: a table that is
// switched on later would lack what came before.
std::string Keeps(const Settings& settings);
// Whether a sink that was filling `held` has filled all that the settings ask for. Empty: a row
// that is older than this column, of which nothing can be said.
bool HeldKeeps(std::string_view held, const Settings& settings);
// `held`, and what it lacks of what the settings ask for.
std::string MergedKeeps(std::string_view held, const Settings& settings);

// A table that may hold rows of a sink, and the columns of its key behind stream and sink.
struct RowTable {
  std::string name;
  std::string key;  // "height, seq"
};
// Those of a sink that has filled `held` and has these settings. `store_tables`: and all whose
// names begin with state_table and an underscore; their key is kStoreTableKey.
struct RowTables {
  std::vector<RowTable> tables;
  bool store_tables = false;
};
inline constexpr char kStoreTableKey[] = "key";
RowTables TablesWithRows(std::string_view held, const Settings& settings);

std::string CreateSchemaSql(const Settings& settings);
std::string CreateTableSql(const Settings& settings, const Table& table);
std::string AddColumnSql(const Settings& settings, const Table& table, const Column& column);

}  // namespace sluice_postgres
