// SPDX-License-Identifier: Apache-2.0
//
// A home opened to be read, beside a running node or where none runs: what `status`, `store`,
// `verify` and `journal` begin with. Threading: one thread.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "config/config.h"
#include "store/database.h"

namespace sluice {

// The configuration, with the log reduced to warnings: standard error is for what went wrong.
Result<Config> LoadHomeToRead(const std::string& home);

// What is committed at this moment. kNotFound: the node has never been started.
Result<std::unique_ptr<Database>> OpenDatabaseToRead(const Config& config, const std::string& home);

struct ReadHome {
  Config config;
  std::unique_ptr<Database> database;
};
Result<ReadHome> OpenHomeToRead(const std::string& home);

// kConfiguration for a name that is not among `known`: says the nearest one, or all. `what` is
// "store" or "sink".
Status UnknownName(const std::string& what, const std::string& name,
                   const std::vector<std::string>& known);

}  // namespace sluice
