// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "cli/exit_code.h"
#include "cli/home.h"
#include "cli/output.h"
#include "cli/run_command.h"
#include "config/environment.h"
#include "plugin/inspect.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

// A path is taken as it is; a name is looked for as the node looks for it. A home is not needed:
// the installation's own plugins can be looked at without one.
Result<std::filesystem::path> FindPlugin(const CommandLine& line) {
  if (line.path.find('/') != std::string::npos) return std::filesystem::path(line.path);
  const Config config = LoadConfig(line.home, ProcessEnvironment()).config;
  std::string looked;
  for (const std::string& folder : PluginFolders(config, line.home)) {
    const std::filesystem::path path = std::filesystem::path(folder) / (line.path + ".so");
    std::error_code error;
    if (std::filesystem::exists(path, error)) return path;
    looked += (looked.empty() ? "" : ", ") + path.string();
  }
  return Error(StatusCode::kPlugin,
               fmt::format("plugin {}: there is no such library: looked for {}; give a path with a "
                           "slash for another place",
                           line.path, looked));
}

std::string ToJson(const PluginInspection& plugin) {
  Json out = {{"path", plugin.path.string()},
              {"bytes", plugin.file.size},
              {"mode", fmt::format("{:04o}", plugin.file.mode)},
              {"owner", plugin.file.owner},
              {"sha256", plugin.sha256},
              {"machine", plugin.machine},
              {"loadable", plugin.status.ok()},
              {"error", plugin.status.ok() ? Json(nullptr) : Json(plugin.status.message())},
              {"exports", plugin.exported_symbols}};
  if (plugin.identity) {
    const PluginIdentity& identity = *plugin.identity;
    out["id"] = identity.id;
    out["version"] = identity.version;
    out["abi_minor"] = identity.abi_minor;
    out["build_tag"] = identity.build_tag;
    out["highest_level"] = AckLevelName(identity.highest_level);
    out["parallel"] = (identity.capabilities & kCapabilityParallel) != 0;
    Json settings = Json::parse(identity.settings_schema, nullptr, false);
    out["settings"] = settings.is_discarded() ? Json::array() : std::move(settings);
  }
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string Field(const Json& row, const char* name) {
  auto found = row.find(name);
  if (found == row.end()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

std::string SettingsText(const std::string& schema) {
  const Json rows = Json::parse(schema, nullptr, false);
  if (!rows.is_array() || rows.empty()) return "settings   none\n";
  std::string text = "settings\n";
  for (const Json& row : rows) {
    if (!row.is_object()) continue;
    const std::string otherwise = row.contains("default") ? "default " + Field(row, "default")
                                  : row.value("required", false) ? "required"
                                                                 : "optional";
    text += fmt::format("  {:<20} {:<9} {:<20} {}\n", Field(row, "name"), Field(row, "type"),
                        otherwise, Field(row, "description"));
  }
  return text;
}

std::string ToText(const PluginInspection& plugin) {
  std::string text = fmt::format(
      "file       {}\nbytes      {}, mode {:04o}, owner {}\nsha256     "
      "{}\nmachine    {}\n",
      plugin.path.string(), plugin.file.size, plugin.file.mode, plugin.file.owner, plugin.sha256,
      plugin.machine.empty() ? "no ELF library" : plugin.machine);
  if (!plugin.identity) return text;
  const PluginIdentity& identity = *plugin.identity;
  text += fmt::format("plugin     {} {}\nabi        1.{}{}\nlevel      {} at most\n", identity.id,
                      identity.version, identity.abi_minor,
                      identity.build_tag.empty() ? "" : " (" + identity.build_tag + ")",
                      AckLevelName(identity.highest_level));
  return text + SettingsText(identity.settings_schema);
}

}  // namespace

int RunPluginInspect(const CommandLine& line) {
  Result<std::filesystem::path> path = FindPlugin(line);
  if (!path) return Fail(path.error());
  Result<PluginInspection> plugin = InspectPlugin(*path);
  if (!plugin) return Fail(plugin.error());
  PrintBytes(line.json ? ToJson(*plugin) : ToText(*plugin));
  return plugin->status.ok() ? kExitDone
                             : Fail(Status(StatusCode::kPlugin, plugin->status.message()));
}

}  // namespace sluice
