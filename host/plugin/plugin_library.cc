// SPDX-License-Identifier: Apache-2.0
#include "plugin/plugin_library.h"

#include <fmt/core.h>

#include <algorithm>
#include <boost/dll/shared_library.hpp>
#include <utility>

#include "base/log.h"
#include "base/nearest.h"
#include "plugin/handshake.h"
#include "plugin/instance.h"
#include "plugin/loaded_code.h"
#include "plugin/preflight.h"
#include "plugin/provision_plan.h"
#include "plugin/raw_instance.h"
#include "plugin/readback_cursor.h"
#include "plugin/silent_listener.h"

namespace sluice {
namespace {

// Keeps a library for the life of the process: unloading it would crash where a thread or a
// thread-key destructor of it is left. Reachable from here, so that leak checkers know that it is
// meant.
const boost::dll::shared_library& KeepForever(boost::dll::shared_library library) {
  static std::mutex mutex;
  static auto* const libraries = new std::vector<std::unique_ptr<boost::dll::shared_library>>;
  const std::lock_guard<std::mutex> lock(mutex);
  libraries->push_back(std::make_unique<boost::dll::shared_library>(std::move(library)));
  return *libraries->back();
}

// The loader's own words, with the file's name instead of the descriptor's.
std::string LoaderText(std::string text, const std::string& loaded, const std::string& path) {
  constexpr std::string_view kBegin = "(dlerror system message: ";
  if (const size_t begin = text.find(kBegin); begin != std::string::npos) {
    const size_t end = text.rfind(')');
    text = text.substr(begin + kBegin.size(), end - begin - kBegin.size());
  }
  for (size_t at = text.find(loaded); at != std::string::npos; at = text.find(loaded, at)) {
    text.replace(at, loaded.size(), path);
    at += path.size();
  }
  return text;
}

struct Loaded {
  const sluice_plugin* table = nullptr;
  PluginIdentity identity;
};

// Texts name no file. From here on code of the library runs.
Result<Loaded> LoadChecked(CheckedLibrary checked, const std::filesystem::path& path) {
  const std::filesystem::path load_path = checked.image.load_path();
  sluice_plugin_entry_fn entry = nullptr;
  // Kept open whether or not it loads: a reused descriptor would give the library loaded before.
  checked.image.KeepForever();
  // The seam at which Boost.DLL's exceptions end. The throwing overloads, because those with an
  // error_code lose the loader's text.
  try {
    const boost::dll::shared_library& library = KeepForever(boost::dll::shared_library(
        load_path, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local));
    entry = &library.get<const sluice_plugin*()>(SLUICE_PLUGIN_ENTRY_SYMBOL);
  } catch (const std::exception& error) {
    return Error(StatusCode::kPlugin,
                 fmt::format("the loader refused it ({}): install what it misses, or build it "
                             "again on this system",
                             LoaderText(error.what(), load_path.string(), path.string())));
  }
  Loaded loaded;
  loaded.table = entry();
  SLUICE_ASSIGN_OR_RETURN(loaded.identity, CheckPluginTable(loaded.table));
  loaded.identity.path = path;
  loaded.identity.sha256 = checked.sha256;
  RegisterLoadedCode(reinterpret_cast<const void*>(entry),
                     fmt::format("plugin {} {} (sha256 {}, {})", loaded.identity.id,
                                 loaded.identity.version, checked.sha256, path.string()));
  return loaded;
}

class LoadedLibrary final : public PluginLibrary {
 public:
  explicit LoadedLibrary(Loaded loaded) : loaded_(std::move(loaded)) {}

  const PluginIdentity& identity() const override { return loaded_.identity; }

  Result<std::unique_ptr<SinkInstance>> CreateInstance(const InstanceOptions& options,
                                                       InstanceListener* listener) override {
    auto raw = RawInstance::Create(loaded_.table, options, listener);
    if (!raw) return Error(WithPlugin(raw.error()));
    return std::unique_ptr<SinkInstance>(std::make_unique<Instance>(*raw, loaded_.identity));
  }

  Result<std::unique_ptr<Readback>> OpenReadback(const ReadbackArgs& args) override {
    return OpenReadbackCursor(loaded_.table, loaded_.identity, args);
  }

  Result<bool> TakesSnapshots() override {
    SilentListener listener("config");
    SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<SinkInstance> instance,
                            CreateInstance({SinkName("none"), 0}, &listener));
    const bool takes = instance->can_take_snapshot();
    instance->Destroy();
    return takes;
  }

  Result<std::string> PlanProvision(const StartArgs& args, Duration patience) override {
    return PlanSinkProvision(loaded_.table, loaded_.identity, args, patience);
  }

 private:
  Status WithPlugin(const Status& status) const {
    return status.WithContext(
        fmt::format("plugin {}: {}", loaded_.identity.id, loaded_.identity.path.string()));
  }

  const Loaded loaded_;
};

// The name of a plugin in `folders` that `plugin` may have been meant to be, or empty.
std::string NearestPlugin(const std::string& plugin,
                          const std::vector<std::filesystem::path>& folders) {
  std::vector<std::string> known;
  for (const std::filesystem::path& folder : folders) {
    std::error_code error;
    for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
         at.increment(error)) {
      if (at->path().extension() == ".so") known.push_back(at->path().stem().string());
    }
  }
  std::sort(known.begin(), known.end());  // the folder's own order is nobody's
  return NearestName(plugin, known);
}

Result<std::filesystem::path> Find(const std::string& plugin,
                                   const std::vector<std::filesystem::path>& folders) {
  if (plugin.empty()) {
    return Error(StatusCode::kPlugin, "plugin \"\": its name is empty: name a plugin or a path");
  }
  if (plugin.find('/') != std::string::npos) return std::filesystem::path(plugin);
  std::string looked_in;
  for (const std::filesystem::path& folder : folders) {
    std::filesystem::path path = folder / (plugin + ".so");
    std::error_code error;
    if (std::filesystem::exists(path, error)) return path;
    looked_in += (looked_in.empty() ? "" : ", ") + folder.string();
  }
  const std::string nearest = NearestPlugin(plugin, folders);
  return Error(
      StatusCode::kPlugin,
      fmt::format("plugin {}: {}.so is in none of the plugin folders ({}): {}install it "
                  "there, or give a path with a slash",
                  plugin, plugin, looked_in.empty() ? "there are none" : looked_in,
                  nearest.empty() ? "" : fmt::format("did you mean '{}'? Else ", nearest)));
}

}  // namespace

PluginLoader::PluginLoader(std::vector<std::filesystem::path> search_folders)
    : search_folders_(std::move(search_folders)) {}

PluginLoader::~PluginLoader() = default;

Result<std::shared_ptr<PluginLibrary>> PluginLoader::Load(const std::string& plugin,
                                                          const std::string& pin) {
  SLUICE_ASSIGN_OR_RETURN(const std::filesystem::path path, Find(plugin, search_folders_));
  const std::string context =
      fmt::format("plugin {}: {}", std::filesystem::path(plugin).stem().string(), path.string());
  auto checked = Preflight(path, pin);
  if (!checked) return Error(checked.error().WithContext(context));
  if (Status entry = CheckEntrySymbol(checked->elf); !entry.ok()) {
    return Error(entry.WithContext(context));
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  std::shared_ptr<PluginLibrary>& known = by_sha256_[checked->sha256];
  if (known == nullptr) {
    auto loaded = LoadChecked(std::move(*checked), path);
    if (!loaded) return Error(loaded.error().WithContext(context));
    known = std::make_shared<LoadedLibrary>(std::move(*loaded));
    LogDebug("plugin", "loaded {} {} from {} (sha256 {})", known->identity().id,
             known->identity().version, path.string(), known->identity().sha256);
  }
  return known;
}

}  // namespace sluice
