// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "base/file_system.h"
#include "base/json_text.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/run_command.h"
#include "config/initial_config.h"

namespace sluice {

int RunInit(const CommandLine& line) {
  namespace fs = std::filesystem;
  const ConfigFormat format = line.format == "yaml" ? ConfigFormat::kYaml : ConfigFormat::kToml;
  const fs::path folder = fs::path(line.home) / "config";
  for (ConfigFormat other : {ConfigFormat::kToml, ConfigFormat::kYaml}) {
    fs::path there = folder / ConfigFileName(other);
    std::error_code error;
    if (fs::exists(there, error)) {
      return Fail(
          Status(StatusCode::kAlreadyExists,
                 fmt::format("init: {}: there is a configuration already: edit it, or choose "
                             "another --home",
                             there.string())));
    }
  }
  if (Status status = CreateFoldersDurably(folder, line.home); !status.ok()) {
    return Fail(status.WithContext("init"));
  }
  // Written beside and renamed: an interrupted init leaves no half of a configuration.
  const fs::path file = folder / ConfigFileName(format);
  const fs::path temporary = file.string() + ".new";
  {
    std::ofstream out(temporary, std::ios::binary);
    out << InitialConfigText(format);
    out.close();
    if (!out) {
      return Fail(Status(StatusCode::kIo, fmt::format("init: cannot write {}: is the disk full?",
                                                      temporary.string())));
    }
  }
  // The content before the name that points at it.
  if (Status status = SyncToDisk(temporary); !status.ok()) return Fail(status.WithContext("init"));
  std::error_code error;
  fs::rename(temporary, file, error);
  if (error) {
    return Fail(Status(StatusCode::kIo,
                       fmt::format("init: cannot create {}: {}", file.string(), error.message())));
  }
  if (Status status = SyncToDisk(folder); !status.ok()) return Fail(status.WithContext("init"));
  if (line.json) {
    std::string json = "{\"home\":";
    AppendJsonString(&json, line.home);
    json += ",\"config\":";
    AppendJsonString(&json, file.string());
    Print("{}}}\n", json);
  } else {
    Print("wrote {}\nnext: sluice --home {} config check\n", file.string(), line.home);
  }
  return kExitDone;
}

}  // namespace sluice
