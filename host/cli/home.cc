// SPDX-License-Identifier: Apache-2.0
#include "cli/home.h"

#include <cstdio>
#include <filesystem>
#include <system_error>

#include "base/log.h"
#include "base/log_file.h"
#include "config/environment.h"

namespace sluice {

LoadResult ReadHomeConfig(const std::string& home) {
  return LoadConfig(home, ProcessEnvironment());
}

namespace {

Result<LoadResult> Load(const std::string& home) {
  LoadResult loaded = ReadHomeConfig(home);
  for (const Problem& warning : loaded.warnings) {
    std::fprintf(stderr, "sluice: warning: %s\n", warning.ToString().c_str());
  }
  SLUICE_RETURN_IF_ERROR(loaded.ToStatus());
  LogFormat format = loaded.config.log.format == "json" ? LogFormat::kJson : LogFormat::kText;
  SLUICE_RETURN_IF_ERROR(InitLog(loaded.config.log.level, format));
  return loaded;
}

}  // namespace

Result<Config> LoadHome(const std::string& home) {
  SLUICE_ASSIGN_OR_RETURN(LoadResult loaded, Load(home));
  return std::move(loaded.config);
}

std::vector<std::string> PluginFolders(const Config& config, const std::string& home) {
  std::vector<std::string> folders = {ResolvePath(home, config.plugins.dir).string()};
  std::error_code error;
  std::filesystem::path executable = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) {
    folders.push_back((executable.parent_path().parent_path() / "lib/sluice/plugins").string());
  }
  return folders;
}

Result<NodeOptions> LoadNodeOptions(const std::string& home) {
  SLUICE_ASSIGN_OR_RETURN(LoadResult loaded, Load(home));
  const std::string& log_file = loaded.config.log.file;
  SLUICE_RETURN_IF_ERROR(OpenLogFile(log_file.empty() ? "" : ResolvePath(home, log_file)));
  NodeOptions options;
  options.home = home;
  options.plugin_folders = PluginFolders(loaded.config, home);
  options.config = std::move(loaded.config);
  options.effective = std::move(loaded.effective);
  return options;
}

}  // namespace sluice
