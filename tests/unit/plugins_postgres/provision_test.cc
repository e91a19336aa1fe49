// SPDX-License-Identifier: Apache-2.0
#include "postgres/provision.h"

#include <gtest/gtest.h>

namespace sluice_postgres {
namespace {

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
  EXPECT_EQ(plan.statements.front(), "CREATE SCHEMA \"sluice\";");
  EXPECT_EQ(plan.statements.back(),
            "CREATE TABLE \"sluice\".\"state\" (\"stream\" text NOT NULL, \"sink\" text NOT NULL, "
            "\"store\" text NOT NULL, \"key\" bytea NOT NULL, \"value\" bytea NOT NULL, "
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
            "ALTER TABLE \"sluice\".\"state\" ADD COLUMN \"value_jsonb\" jsonb;");
  found["state"].erase("value");
  plan = PlanProvision(settings, FixedTables(settings), true, found);
  EXPECT_EQ(plan.wrong, "table \"sluice\".\"state\", column \"value\" is missing");
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
