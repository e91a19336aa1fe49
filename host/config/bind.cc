// SPDX-License-Identifier: Apache-2.0
#include "config/bind.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <utility>

#include "config/json_tree.h"

namespace sluice {

namespace {

// Reads settings below one prefix.
class Section {
 public:
  Section(const CheckedValues& values, std::string prefix)
      : values_(values), prefix_(std::move(prefix)) {}

  const CheckedValue& At(const std::string& key) const { return values_.At(prefix_ + key); }
  const std::string& Text(const std::string& key) const { return values_.Text(prefix_ + key); }
  bool Bool(const std::string& key) const { return values_.Bool(prefix_ + key); }
  double Number(const std::string& key) const { return values_.Number(prefix_ + key); }
  std::vector<std::string> List(const std::string& key) const {
    return values_.List(prefix_ + key);
  }
  const ConfigNode& Map(const std::string& key) const { return values_.Map(prefix_ + key); }
  // Counts and bytes; the table's bounds and units keep them at or above 0.
  uint64_t Count(const std::string& key) const {
    return static_cast<uint64_t>(values_.Integer(prefix_ + key));
  }
  Nanoseconds Time(const std::string& key) const {
    return Nanoseconds(values_.Integer(prefix_ + key));
  }

  // The enum whose name in the file is at the same index.
  template <typename Enum>
  Enum Choice(const std::string& key) const {
    const CheckedValue& value = At(key);
    const std::vector<std::string>& names = value.property->values;
    return static_cast<Enum>(std::find(names.begin(), names.end(), value.node.text) -
                             names.begin());
  }

 private:
  const CheckedValues& values_;
  std::string prefix_;
};

std::vector<std::string> WriteOutStar(std::vector<std::string> names,
                                      const std::vector<std::string>& all) {
  return names == std::vector<std::string>{"*"} ? all : std::move(names);
}

SinkConfig BindSink(const CheckedValues& values, const NamedPlace& name, const Config& config) {
  Section in(values, "sinks." + name.name + ".");
  SinkConfig sink;
  sink.name = SinkName(name.name);
  sink.at = name.at;
  sink.plugin = in.Text("plugin");
  sink.plugin_at = in.At("plugin").node.at.written() ? in.At("plugin").node.at : name.at;
  sink.template_name = in.Text("template");
  sink.settings_tree = in.Map("settings");
  sink.settings = ToJson(sink.settings_tree);
  sink.settings_at = in.At("settings").key_at;
  sink.all_stores = in.List("stores") == std::vector<std::string>{"*"};
  sink.stores = WriteOutStar(in.List("stores"), config.stores.names);
  sink.key_prefixes = in.List("key_prefixes");
  sink.ack = in.Bool("ack");
  sink.enabled = in.Bool("enabled");
  sink.ack_timeout =
      in.At("ack_timeout").has_value() ? in.Time("ack_timeout") : config.commit.ack_timeout * 3 / 4;
  sink.max_in_flight = in.Count("max_in_flight");
  sink.workers = in.Count("workers");
  sink.queue_bytes = in.Count("queue_bytes");
  sink.lazy = in.Bool("lazy");
  sink.old_values = in.Bool("old_values");
  sink.sha256 = in.Text("sha256");
  std::transform(sink.sha256.begin(), sink.sha256.end(), sink.sha256.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  sink.start = in.Choice<SinkStart>("start");
  sink.on_gap = in.Choice<OnGap>("on_gap");
  sink.isolation = in.Choice<Isolation>("isolation");
  sink.retry.initial = in.Time("retry.initial");
  sink.retry.max = in.Time("retry.max");
  sink.retry.factor = in.Number("retry.factor");
  sink.retry.jitter = in.Number("retry.jitter");
  sink.retry.max_attempts = in.Count("retry.max_attempts");
  return sink;
}

DriverConfig BindDriver(const Section& in) {
  DriverConfig driver;
  driver.kind = in.Choice<DriverKind>("kind");
  driver.replay.path = in.Text("replay.path");
  driver.replay.source = in.Text("replay.source");
  driver.replay.follow = in.Bool("replay.follow");
  driver.replay.block_txs = in.Count("replay.block_txs");
  driver.replay.block_max_bytes = in.Count("replay.block_max_bytes");
  driver.resp.listen = in.Text("resp.listen");
  driver.resp.password = in.Text("resp.password");
  driver.resp.block_max_txs = in.Count("resp.block_max_txs");
  driver.resp.block_max_bytes = in.Count("resp.block_max_bytes");
  driver.resp.block_interval = in.Time("resp.block_interval");
  return driver;
}

CommitConfig BindCommit(const Section& in) {
  CommitConfig commit;
  commit.policy = in.Text("policy");
  commit.policy_at = in.At("policy").node.at;
  std::string level = in.Text("level");
  for (AckLevel known : {AckLevel::kReceived, AckLevel::kDurable, AckLevel::kVisible}) {
    if (AckLevelName(known) == level) commit.level = known;
  }
  commit.ack_timeout = in.Time("ack_timeout");
  commit.on_failure = in.Choice<OnFailure>("on_failure");
  commit.recover_timeout = in.Time("recover_timeout");
  commit.window = in.Count("window");
  commit.sync = in.Bool("sync");
  return commit;
}

LifecycleConfig BindLifecycle(const Section& in) {
  LifecycleConfig lifecycle;
  lifecycle.restore = in.Choice<Restore>("restore");
  lifecycle.recover_on_start = in.Choice<RecoverOnStart>("recover_on_start");
  lifecycle.start_timeout = in.Time("start_timeout");
  lifecycle.stop_timeout = in.Time("stop_timeout");
  lifecycle.drain_timeout = in.Time("drain_timeout");
  lifecycle.provision_timeout = in.Time("provision_timeout");
  lifecycle.stalled_after = in.Time("stalled_after");
  lifecycle.healthy_after = in.Time("healthy_after");
  return lifecycle;
}

}  // namespace

Config BindConfig(const CheckedValues& values) {
  Config config;
  config.node.stream_id = values.Text("node.stream_id");
  config.stores.names = values.List("stores.names");
  config.stores.old_values = WriteOutStar(values.List("stores.old_values"), config.stores.names);
  config.stores.options_file = values.Text("stores.options_file");
  config.driver = BindDriver(Section(values, "driver."));
  config.commit = BindCommit(Section(values, "commit."));
  config.journal.max_bytes = static_cast<uint64_t>(values.Integer("journal.max_bytes"));
  config.journal.max_blocks = static_cast<uint64_t>(values.Integer("journal.max_blocks"));
  config.journal.retain_blocks = static_cast<uint64_t>(values.Integer("journal.retain_blocks"));
  config.journal.disk_reserve_bytes = static_cast<uint64_t>(values.Integer("journal.disk_reserve"));
  config.plugins.dir = values.Text("plugins.dir");
  config.lifecycle = BindLifecycle(Section(values, "lifecycle."));
  config.admin.listen = values.Text("admin.listen");
  config.admin.token = values.Text("admin.token");
  config.admin.metrics_listen = values.Text("admin.metrics_listen");
  config.log.level = values.Text("log.level");
  config.log.format = values.Text("log.format");
  config.log.file = values.Text("log.file");
  for (const NamedPlace& name : values.Names("sinks")) {
    config.sinks.push_back(BindSink(values, name, config));
  }
  return config;
}

std::filesystem::path ResolvePath(const std::filesystem::path& home, const std::string& path) {
  return (home / path).lexically_normal();
}

}  // namespace sluice
