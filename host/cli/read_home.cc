// SPDX-License-Identifier: Apache-2.0
#include "cli/read_home.h"

#include <fmt/core.h>

#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/nearest.h"
#include "cli/home.h"
#include "node/node_setup.h"

namespace sluice {

Result<Config> LoadHomeToRead(const std::string& home) {
  SLUICE_ASSIGN_OR_RETURN(Config config, LoadHome(home));
  LogFormat format = config.log.format == "json" ? LogFormat::kJson : LogFormat::kText;
  SLUICE_RETURN_IF_ERROR(InitLog("warn", format));
  return config;
}

Result<std::unique_ptr<Database>> OpenDatabaseToRead(const Config& config,
                                                     const std::string& home) {
  DatabaseOptions options = MakeDatabaseOptions(config, home);
  options.read_only = true;
  std::error_code error;
  if (!std::filesystem::exists(options.path, error)) {
    return Error(StatusCode::kNotFound,
                 fmt::format("database {}: there is none yet: start the node once to make it",
                             options.path));
  }
  return Database::Open(options);
}

Result<ReadHome> OpenHomeToRead(const std::string& home) {
  ReadHome opened;
  SLUICE_ASSIGN_OR_RETURN(opened.config, LoadHomeToRead(home));
  SLUICE_ASSIGN_OR_RETURN(opened.database, OpenDatabaseToRead(opened.config, home));
  return opened;
}

Status UnknownName(const std::string& what, const std::string& name,
                   const std::vector<std::string>& known) {
  std::string hint;
  if (std::string nearest = NearestName(name, known); !nearest.empty()) {
    hint = fmt::format("did you mean '{}'?", nearest);
  } else if (known.empty()) {
    hint = fmt::format("the configuration names no {}", what);
  } else {
    hint = "there are ";
    for (size_t i = 0; i < known.size(); ++i) hint += (i == 0 ? "" : ", ") + known[i];
  }
  return Status(StatusCode::kConfiguration,
                fmt::format("{} '{}': there is none of this name: {}", what, name, hint));
}

}  // namespace sluice
