// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "postgres/group_writer.h"
#include "postgres/position.h"
#include "postgres/sql_text.h"
#include "postgres/tables.h"

namespace sluice_postgres {
namespace {

using std::string_literals::operator""s;

TEST(SqlText, NothingGetsOutOfItsQuotes) {
  EXPECT_EQ(QuoteIdentifier("a\"; DROP TABLE x; --"), "\"a\"\"; DROP TABLE x; --\"");
  EXPECT_EQ(QuoteText("it's \\ '"), "'it''s \\ '''");
  EXPECT_EQ(QuoteBytes("\0\xff'"s), "'\\x00ff27'::bytea");
}

TEST(SqlText, IdentifiersThatPostgresWouldCutAreWrong) {
  EXPECT_EQ(WrongIdentifier(std::string(63, 'a')), "");
  EXPECT_NE(WrongIdentifier(std::string(64, 'a')), "");
  EXPECT_NE(WrongIdentifier(""), "");
  EXPECT_NE(WrongIdentifier("a\0b"s), "");
}

TEST(GuardRow, MovesOnlyFromTheExpectedPlaceAndEpoch) {
  sluice_digest from{};
  sluice_digest to{};
  to.bytes[31] = 1;
  const std::string sql = AdvanceGuardSql(Settings(), {"demo", "it's"}, 7, 11, from, 20, to, false);
  EXPECT_NE(sql.find("SET height = 20"), std::string::npos) << sql;
  EXPECT_NE(sql.find("sink = 'it''s' AND height = 10 AND digest = '\\x" + std::string(64, '0')),
            std::string::npos)
      << sql;
  EXPECT_NE(sql.find("AND epoch <= 7"), std::string::npos) << sql;
  EXPECT_EQ(sql.find("filtered"), std::string::npos) << sql;
}

TEST(GuardRow, IsTouchedOnlyUnderItsOwnEpoch) {
  EXPECT_EQ(TouchGuardSql(Settings(), {"demo", "pg"}, 7),
            "UPDATE \"sluice\".\"sluice_position\" SET updated_at = pg_catalog.now()"
            " WHERE stream = 'demo' AND sink = 'pg' AND epoch = 7");
}

TEST(GuardRow, ACopyIsGuardedByItsEpochAndItsMark) {
  const SinkKey key{"demo", "pg"};
  const std::string begin = BeginFillingSql(Settings(), key, 7, 20, "state=state;");
  EXPECT_NE(begin.find("height = 0"), std::string::npos) << begin;
  EXPECT_NE(begin.find("WHERE held.epoch <= excluded.epoch"), std::string::npos) << begin;
  EXPECT_NE(TouchFillingSql(Settings(), key, 7, 20).find("AND epoch = 7 AND filling = 20"),
            std::string::npos);
  const std::string end = EndFillingSql(Settings(), key, 7, 20, {}, true);
  EXPECT_NE(end.find("AND epoch = 7 AND filling = 20"), std::string::npos) << end;
  EXPECT_NE(end.find("filtered = true"), std::string::npos) << end;
}

TEST(SinkKey, ApplicationNameFitsAndTellsSinksAndEpochsApart) {
  const SinkKey key{std::string(63, 's'), std::string(63, 'n')};
  const Settings settings;
  const std::string name = key.ApplicationName(settings, UINT64_C(9223372036854775807));
  EXPECT_LE(name.size(), kIdentifierBytesMax);
  EXPECT_EQ(name.rfind(key.ApplicationPrefix(settings) + "9223372036854775807/", 0), 0U) << name;
  const std::string prefix = SinkKey({"a", "b"}).ApplicationPrefix(settings);
  EXPECT_NE(prefix, SinkKey({"a", "c"}).ApplicationPrefix(settings));
  EXPECT_NE(prefix, SinkKey({"c", "b"}).ApplicationPrefix(settings));
  Settings elsewhere;
  elsewhere.schema = "other";
  EXPECT_NE(prefix, SinkKey({"a", "b"}).ApplicationPrefix(elsewhere))
      << "the sessions of another home would be ended";
}

TEST(StateSql, TypedColumnsThatAreThereAreWritten) {
  Settings settings;
  EXPECT_EQ(UpsertSql(settings, {"s", "n"}, "", {}).find("value_"), std::string::npos);
  const std::string sql = UpsertSql(settings, {"s", "n"}, "", {false, true});
  EXPECT_NE(sql.find("value_jsonb = excluded.value_jsonb"), std::string::npos);
  EXPECT_EQ(sql.find("value_text"), std::string::npos);
  settings.table_per_store = true;
  EXPECT_NE(UpsertSql(settings, {"s", "n"}, "orders", {}).find("\"sluice\".\"state_orders\""),
            std::string::npos);
  EXPECT_NE(DeleteSql(settings, {"s", "n"}, "main").find("staged.store = 'main'"),
            std::string::npos);
}

TEST(Keeps, ATableSwitchedOnLaterIsNotHeld) {
  Settings both;
  Settings changes;
  changes.state = false;
  EXPECT_TRUE(HeldKeeps(Keeps(both), both));
  EXPECT_TRUE(HeldKeeps(Keeps(both), changes));
  EXPECT_FALSE(HeldKeeps(Keeps(changes), both));
  Settings renamed = both;
  renamed.state_table = "state2";
  EXPECT_FALSE(HeldKeeps(Keeps(both), renamed));
  EXPECT_FALSE(HeldKeeps(Keeps(renamed), both));
  Settings per_store = both;
  per_store.table_per_store = true;
  EXPECT_FALSE(HeldKeeps(Keeps(both), per_store));
  EXPECT_TRUE(HeldKeeps("", both)) << "a row that is older than the column";
}

TEST(Keeps, ACopyEmptiesWhatWasFilledBeforeToo) {
  Settings state;
  state.changes = false;
  EXPECT_EQ(MergedKeeps("changes=changes;", state), "changes=changes;state=state;");
  EXPECT_EQ(MergedKeeps("changes=changes;state=state;", state), "changes=changes;state=state;");
  const auto names = [](const RowTables& found) {
    std::string all;
    for (const RowTable& table : found.tables) all += table.name + "(" + table.key + ") ";
    return all;
  };
  EXPECT_EQ(names(TablesWithRows("", state)), "state(store, key) sluice_applied(height) ");
  EXPECT_EQ(
      names(TablesWithRows("changes=changes;", state)),
      "changes(height, seq) sluice_heights(height) state(store, key) sluice_applied(height) ");
  state.table_per_store = true;
  const RowTables tables = TablesWithRows("state=state;", state);
  EXPECT_EQ(names(tables), "state(store, key) sluice_applied(height) ");
  EXPECT_TRUE(tables.store_tables);
}

}  // namespace
}  // namespace sluice_postgres
