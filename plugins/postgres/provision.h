// SPDX-License-Identifier: Apache-2.0
//
// Makes the schema and tables that are missing, and takes those that are there as they are, if they
// have the columns that the sink needs. Nothing is created, and no privilege to create is needed,
// where nothing is missing. Several sinks, and nodes, may start at once: an advisory lock lets one
// after another look and create.
//
// Threading: control and delivery thread. Ownership: borrows the connection.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/connection.h"
#include "postgres/position.h"
#include "postgres/tables.h"

namespace sluice_postgres {

// What the database holds: table, then column, then type.
using FoundTables = std::map<std::string, std::map<std::string, std::string>>;

struct ProvisionPlan {
  std::vector<std::string> statements;  // that make what is missing
  std::vector<std::string> tables;      // that are missing as a whole
  std::string wrong;                    // what cannot be mended by adding something; or empty
};

// Pure: what is to be done so that `tables` are there.
ProvisionPlan PlanProvision(const Settings& settings, const std::vector<Table>& tables,
                            bool schema_found, const FoundTables& found);

// Pure: a script for psql that makes all of it, or what is missing of it, and grants what a sink
// needs to `role`; where that is empty, the grants are left as comments to be filled in.
std::string ProvisionScript(const Settings& settings, const std::vector<Table>& tables,
                            const SinkKey& key, const std::string& role);

// The tables that are missing, without making any.
Fault MissingTables(const Settings& settings, const std::vector<Table>& tables,
                    Connection* connection, std::vector<std::string>* missing);

// What the state table of `store` (any, where all stores share one) has.
Fault FindTypedColumns(const Settings& settings, std::string_view store, Connection* connection,
                       TypedColumns* columns);

Fault Provision(const Settings& settings, const std::vector<Table>& tables, Connection* connection);

}  // namespace sluice_postgres
