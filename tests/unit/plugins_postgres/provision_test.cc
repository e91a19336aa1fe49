// SPDX-License-Identifier: Apache-2.0
#include "postgres/provision.h"

#include <gmock/gmock.h>

#include <cstdlib>

namespace sluice_postgres {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

FoundTables Holding(const std::vector<Table>& tables) {
  FoundTables found;
  for (const Table& table : tables) {
    for (const Column& column : table.columns) found[table.name][column.name] = column.type;
  }
  return found;
}

TEST(Provision, EmptyDatabaseGetsSchemaAndTables) {
  const Settings settings;
  const std::vector<Table> tables = FixedTables(settings);
  const ProvisionPlan plan = PlanProvision(settings, tables, false, {});
  ASSERT_EQ(plan.statements.size(), tables.size() + 1);
  EXPECT_EQ(plan.statements.front(), "CREATE SCHEMA IF NOT EXISTS \"sluice\";");
  EXPECT_EQ(plan.statements.back(),
            "CREATE TABLE IF NOT EXISTS \"sluice\".\"state\" (\"stream\" text NOT NULL, "
            "\"sink\" text NOT NULL, \"store\" text NOT NULL, \"key\" bytea NOT NULL, \"value\" "
            "bytea NOT NULL, "
            "\"height\" bigint NOT NULL, \"seq\" integer NOT NULL, "
            "PRIMARY KEY (\"stream\", \"sink\", \"store\", \"key\"));");
  EXPECT_EQ(plan.tables.size(), tables.size());
  EXPECT_EQ(plan.wrong, "");
}

TEST(Provision, NothingIsDoneWhereAllIsThere) {
  const Settings settings;
  const std::vector<Table> tables = FixedTables(settings);
  FoundTables found = Holding(tables);
  found["changes"]["added_by_somebody"] = "text";
  const ProvisionPlan plan = PlanProvision(settings, tables, true, found);
  EXPECT_TRUE(plan.statements.empty());
  EXPECT_EQ(plan.wrong, "");
}

TEST(Provision, AColumnOfAnotherTypeIsNamed) {
  const Settings settings;
  FoundTables found = Holding(FixedTables(settings));
  found["state"]["key"] = "text";
  EXPECT_EQ(PlanProvision(settings, FixedTables(settings), true, found).wrong,
            "table \"sluice\".\"state\", column \"key\" has type text, not bytea");
}

TEST(Provision, AColumnThatMayBeEmptyIsAdded) {
  Settings settings;
  FoundTables found = Holding(FixedTables(settings));
  settings.value_as["orders"] = ValueForm::kJsonb;
  ProvisionPlan plan = PlanProvision(settings, FixedTables(settings), true, found);
  ASSERT_EQ(plan.statements.size(), 1U);
  EXPECT_EQ(plan.statements[0],
            "ALTER TABLE \"sluice\".\"state\" ADD COLUMN IF NOT EXISTS \"value_jsonb\" jsonb;");
  found["state"].erase("value");
  plan = PlanProvision(settings, FixedTables(settings), true, found);
  EXPECT_EQ(plan.wrong, "table \"sluice\".\"state\", column \"value\" is missing");
}

TEST(Provision, APositionTableThatIsOlderThanSomeColumnsGetsThem) {
  const Settings settings;
  FoundTables found = Holding(FixedTables(settings));
  for (const char* column : {"base_height", "filtered", "keeps", "snapshot_height", "filling"}) {
    found["sluice_position"].erase(column);
  }
  const ProvisionPlan plan = PlanProvision(settings, FixedTables(settings), true, found);
  EXPECT_THAT(plan.statements,
              ::testing::ElementsAre(EndsWith("\"base_height\" bigint NOT NULL DEFAULT 0;"),
                                     EndsWith("\"filtered\" boolean NOT NULL DEFAULT false;"),
                                     EndsWith("\"keeps\" text NOT NULL DEFAULT '';"),
                                     EndsWith("\"snapshot_height\" bigint;"),
                                     EndsWith("\"filling\" bigint;")));
  EXPECT_EQ(plan.wrong, "");
  for (const std::string& statement : plan.statements) {
    EXPECT_THAT(ProvisionScript(settings, FixedTables(settings), {"demo", "pg"}, "writer"),
                HasSubstr(statement));
  }
}

TEST(Provision, ScriptMakesAllAndGrantsToTheRole) {
  Settings settings;
  settings.value_as["orders"] = ValueForm::kText;
  std::vector<Table> tables = FixedTables(settings);
  const std::string script = ProvisionScript(settings, tables, {"demo", "pg"}, "wri\"ter");
  EXPECT_THAT(script, StartsWith("-- Sink pg of stream demo"));
  EXPECT_THAT(script, EndsWith("COMMIT;\n"));
  for (const Table& table : tables) {
    EXPECT_THAT(script, HasSubstr("\n" + CreateTableSql(settings, table) + "\n"));
  }
  // A table that is older than value_as.
  EXPECT_THAT(script, HasSubstr("\nALTER TABLE \"sluice\".\"state\" ADD COLUMN IF NOT EXISTS "
                                "\"value_text\" text;\n"));
  EXPECT_THAT(script, HasSubstr("\nGRANT USAGE ON SCHEMA \"sluice\" TO \"wri\"\"ter\";\n"));
  EXPECT_THAT(script, HasSubstr("\"sluice\".\"sluice_heights\", \"sluice\".\"state\" TO "
                                "\"wri\"\"ter\";\n"));
}

TEST(Provision, ScriptWithoutARoleLeavesTheGrantsToBeFilledIn) {
  const Settings settings;
  const std::string script = ProvisionScript(settings, FixedTables(settings), {"demo", "pg"}, "");
  EXPECT_THAT(script, HasSubstr("\n-- GRANT USAGE ON SCHEMA \"sluice\" TO ROLE;\n"));
  EXPECT_THAT(script, Not(HasSubstr("\nGRANT")));
}

TEST(Provision, RoleIsTheUserOfConninfoOrOfTheEnvironment) {
  ASSERT_EQ(setenv("PGUSER", "from_environment", 1), 0);
  EXPECT_EQ(UserOfConninfo("host=h user='a b' password=p"), "a b");
  EXPECT_EQ(UserOfConninfo("postgresql://me:secret@h/db"), "me");
  EXPECT_EQ(UserOfConninfo("host=h"), "from_environment");
  EXPECT_EQ(UserOfConninfo("service=mirror"), "") << "the service file may name another";
  EXPECT_EQ(UserOfConninfo("service=mirror user=me"), "me");
  EXPECT_EQ(UserOfConninfo("user=me service=mirror"), "me");
  ASSERT_EQ(unsetenv("PGUSER"), 0);
  EXPECT_EQ(UserOfConninfo(""), "");
}

TEST(Provision, SeveralConnectionsNeedATableMore) {
  Settings settings;
  settings.connections = 4;
  const ProvisionPlan plan =
      PlanProvision(settings, FixedTables(settings), true, Holding(FixedTables(Settings())));
  ASSERT_EQ(plan.statements.size(), 1U);
  EXPECT_THAT(plan.statements[0], HasSubstr("\"sluice\".\"sluice_applied\""));
  EXPECT_THAT(ProvisionScript(settings, FixedTables(settings), {"demo", "pg"}, "writer"),
              HasSubstr(plan.statements[0]));
}

TEST(Provision, OnlyTheTablesThatTheSettingsAskFor) {
  Settings settings;
  settings.changes = false;
  settings.table_per_store = true;
  ASSERT_EQ(FixedTables(settings).size(), 1U);
  EXPECT_EQ(FixedTables(settings)[0].name, "sluice_position");
  EXPECT_EQ(StoreTable(settings, "orders").name, "state_orders");
}

}  // namespace
}  // namespace sluice_postgres
