// SPDX-License-Identifier: Apache-2.0
//
// The node's configuration, typed and checked. LoadConfig (load.h) makes it; everybody else reads
// it.
//
// Durations are nanoseconds, sizes bytes, paths as written: relative ones resolve against the home
// (ResolvePath). What later checks may find wrong carries its place in the file: the policy's text
// is parsed by host/commit, plugins and their settings are looked at when they are loaded.
//
// Threading: plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/types.h"
#include "config/problem.h"
#include "config/tree.h"

namespace sluice {

using Nanoseconds = std::chrono::nanoseconds;

struct NodeConfig {
  std::string stream_id;
};

struct StoresConfig {
  std::vector<std::string> names;
  std::vector<std::string> old_values;  // stores; ["*"] is written out: every store by name
  std::string options_file;             // empty: none
};

enum class DriverKind { kReplay };

struct ReplayConfig {
  std::string path;    // empty: none given
  std::string source;  // empty: the file's name
  bool follow = true;
  uint64_t block_txs = 0;
  uint64_t block_max_bytes = 0;
};

struct RespConfig {
  std::string listen;
  std::string password;
  uint64_t block_max_txs = 0;
  uint64_t block_max_bytes = 0;
  Nanoseconds block_interval{0};
};

struct DriverConfig {
  DriverKind kind = DriverKind::kReplay;
  ReplayConfig replay;
  RespConfig resp;
};

struct CommitConfig {
  std::string policy;        // as written
  SourcePosition policy_at;  // not written() where it is the default
  AckLevel level = AckLevel::kDurable;
  Nanoseconds ack_timeout{0};
  OnFailure on_failure = OnFailure::kRecover;
  Nanoseconds recover_timeout{0};
  uint64_t window = 0;  // blocks, >= 1
  bool sync = true;
};

struct JournalConfig {
  uint64_t max_bytes = 0;
  uint64_t max_blocks = 0;  // 0: no limit
  uint64_t retain_blocks = 0;
  uint64_t disk_reserve_bytes = 0;
};

struct PluginsConfig {
  std::string dir;
};

struct RetryConfig {
  Nanoseconds initial{0};
  Nanoseconds max{0};
  double factor = 0;
  double jitter = 0;
  uint64_t max_attempts = 0;  // 0: no limit
};

enum class Isolation { kInProcess };

struct SinkConfig {
  SinkName name;
  SourcePosition at;  // of the sink's own table
  std::string plugin;
  SourcePosition plugin_at;
  std::string template_name;  // empty: none
  // As written, references resolved, templates applied; not yet checked against the plugin's schema
  // (settings_schema.h does that). The tree has the places; the text is a JSON object of the same.
  ConfigNode settings_tree;
  std::string settings;
  SourcePosition settings_at;
  std::vector<std::string> stores;  // written out: ["*"] has become every store by name
  bool all_stores = true;           // whether it was ["*"]
  std::vector<std::string> key_prefixes;
  bool ack = true;
  bool enabled = true;
  Nanoseconds ack_timeout{0};
  uint64_t max_in_flight = 0;  // heights
  uint64_t workers = 0;        // threads; sinks that are PARALLEL only
  uint64_t queue_bytes = 0;
  SinkStart start = SinkStart::kResume;
  OnGap on_gap = OnGap::kRefuse;
  bool lazy = false;
  bool old_values = false;
  Isolation isolation = Isolation::kInProcess;
  std::string sha256;  // lower-case hexadecimal; empty: no pin
  RetryConfig retry;
};

enum class Restore { kLenient, kStrict };

struct LifecycleConfig {
  Restore restore = Restore::kLenient;
  RecoverOnStart recover_on_start = RecoverOnStart::kNow;
  Nanoseconds start_timeout{0};
  Nanoseconds stop_timeout{0};
  Nanoseconds drain_timeout{0};
  Nanoseconds provision_timeout{0};
  Nanoseconds stalled_after{0};
  Nanoseconds healthy_after{0};
};

struct AdminConfig {
  std::string listen;  // see listen_address.h
  std::string token;
  std::string metrics_listen;  // empty: none
};

struct LogConfig {
  std::string level;
  std::string format;  // text | json
  std::string file;    // empty: standard error
};

struct Config {
  NodeConfig node;
  StoresConfig stores;
  DriverConfig driver;
  CommitConfig commit;
  JournalConfig journal;
  PluginsConfig plugins;
  std::vector<SinkConfig> sinks;  // in the order of the file
  LifecycleConfig lifecycle;
  AdminConfig admin;
  LogConfig log;
};

// `path` itself where it is absolute, else below `home`; without "." and ".." in it.
std::filesystem::path ResolvePath(const std::filesystem::path& home, const std::string& path);

}  // namespace sluice
