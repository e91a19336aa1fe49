// SPDX-License-Identifier: Apache-2.0
//
// What can be said about a plugin file, for `sluice plugin inspect`: as much as possible without
// running its code, then what it says of itself. Threading: one thread.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "plugin/library_image.h"
#include "plugin/plugin_library.h"

namespace sluice {

struct PluginInspection {
  std::filesystem::path path;
  FileFacts file;
  std::string sha256;
  std::string machine;  // empty where the file is no ELF library
  std::vector<std::string> exported_symbols;
  Status status;                           // why it cannot be loaded; OK where it can
  std::optional<PluginIdentity> identity;  // where it could be loaded
};

// Fails only where the file cannot be read; every other fault is the result's status. `run`:
// whether to load the library, which runs code of it.
Result<PluginInspection> InspectPlugin(const std::filesystem::path& path, bool run = true);

}  // namespace sluice
