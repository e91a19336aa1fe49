// SPDX-License-Identifier: Apache-2.0
//
// A loaded plugin library and the instances made from it.
//
// Loading runs no code of the library before it has passed the pre-flight (preflight.h): regular
// file, owner and mode, ELF class and machine, entry symbol, pin. What was hashed is what is
// loaded: the bytes are copied into a sealed memfd, which is never closed. A library is never
// unloaded: a thread or a thread-key destructor of it may outlive every handle.
//
// Threading: Load from one thread at a time per loader; a PluginLibrary is immutable afterwards.
// Lifetime: for the process; PluginLoader keeps every library that it has loaded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/status.h"
#include "plugin/plugin_metrics.h"
#include "plugin/readback.h"
#include "plugin/sink_instance.h"

namespace sluice {

struct PluginIdentity {
  std::string id;
  std::string version;
  uint32_t abi_minor = 0;
  std::string build_tag;
  uint64_t capabilities = 0;
  AckLevel highest_level = AckLevel::kReceived;
  std::string settings_schema;  // JSON array of rows
  std::filesystem::path path;   // the file it was copied from
  std::string sha256;           // of the loaded bytes, hexadecimal
};

struct InstanceOptions {
  SinkName sink;                    // for logs and error texts
  uint64_t retained_bytes_max = 0;  // byte budget of batch_retain; 0: none may be kept
  // Of the sink; null: the extension is not there.
  std::shared_ptr<PluginMetrics> metrics = nullptr;
};

class PluginLibrary {
 public:
  virtual ~PluginLibrary() = default;
  virtual const PluginIdentity& identity() const = 0;

  // Calls the plugin's `create`. `listener` must outlive the instance's Destroy.
  virtual Result<std::unique_ptr<SinkInstance>> CreateInstance(const InstanceOptions& options,
                                                               InstanceListener* listener) = 0;

  // An instance for reading back only: created, never started. kUnsupported where the plugin has no
  // sluice.readback/1.
  virtual Result<std::unique_ptr<Readback>> OpenReadback(const ReadbackArgs& args) = 0;

  // Whether its instances take copies of the state (sluice.snapshot/1).
  virtual Result<bool> TakesSnapshots() { return false; }

  // What an administrator of the external system has to run there; see provision_plan.h.
  virtual Result<std::string> PlanProvision(const StartArgs& args, Duration patience) = 0;
};

// Finds and loads libraries; one library however many sinks use it, as long as its bytes are the
// same.
class PluginLoader {
 public:
  // `search_folders`: where a plugin named without a slash is looked for, as "<name>.so", in this
  // order.
  explicit PluginLoader(std::vector<std::filesystem::path> search_folders);
  ~PluginLoader();

  // `plugin`: a name, or a path with a slash. `pin`: expected SHA-256 in hexadecimal, or empty.
  // kPlugin where it cannot be found or loaded (the loader's own text is kept); kConfiguration
  // where the pin does not match.
  Result<std::shared_ptr<PluginLibrary>> Load(const std::string& plugin, const std::string& pin);

 private:
  std::vector<std::filesystem::path> search_folders_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<PluginLibrary>> by_sha256_;
};

// Acks, nacks and other calls that came after their instance's destroy, since the process started.
uint64_t LateHostCallCount();

}  // namespace sluice
