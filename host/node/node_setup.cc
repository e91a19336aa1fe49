// SPDX-License-Identifier: Apache-2.0
#include "node/node_setup.h"

#include <fmt/core.h>

#include <algorithm>

#include "config/settings_schema.h"
#include "config/sink_version.h"

namespace sluice {
namespace {

// A sink's own filter: an empty list means no restriction, and ["*"] says just that.
ChangeFilter MakeFilter(const SinkConfig& sink) {
  ChangeFilter filter;
  if (!sink.all_stores) filter.stores = sink.stores;
  filter.key_prefixes = sink.key_prefixes;
  return filter;
}

RetrySettings MakeRetry(const RetryConfig& retry) {
  RetrySettings settings;
  settings.initial = retry.initial;
  settings.max = retry.max;
  settings.factor = retry.factor;
  settings.jitter = retry.jitter;
  settings.max_attempts = retry.max_attempts;
  return settings;
}

SinkSettings MakeSinkSettings(const Config& config, const SinkConfig& sink) {
  SinkSettings settings;
  settings.name = sink.name;
  settings.filter = MakeFilter(sink);
  settings.with_old_values = sink.old_values;
  settings.counted = sink.ack;
  settings.enabled = sink.enabled;
  settings.start = sink.start;
  settings.on_gap = sink.on_gap;
  settings.lazy = sink.lazy;
  settings.configuration = SinkConfigVersion(sink);
  settings.ack_timeout = sink.ack_timeout;
  settings.max_in_flight = sink.max_in_flight;
  settings.workers = sink.workers;
  settings.queue_bytes = sink.queue_bytes;
  settings.retry = MakeRetry(sink.retry);
  settings.start_timeout = config.lifecycle.start_timeout;
  settings.stop_timeout = config.lifecycle.stop_timeout;
  settings.drain_timeout = config.lifecycle.drain_timeout;
  settings.provision_timeout = config.lifecycle.provision_timeout;
  settings.stalled_after = config.lifecycle.stalled_after;
  settings.healthy_after = config.lifecycle.healthy_after;
  return settings;
}

// Who says "snapshot" needs a plugin that takes one.
void CheckTakesSnapshots(const SinkConfig& sink, PluginLibrary* library,
                         std::vector<Problem>* problems) {
  const bool starts = sink.start == SinkStart::kSnapshot;
  if (!starts && sink.on_gap != OnGap::kSnapshot) return;
  const Result<bool> takes = library->TakesSnapshots();
  if (takes && *takes) return;
  const PluginIdentity& identity = library->identity();
  problems->push_back(MakeProblem(
      sink.plugin_at, fmt::format("sinks.{}.{}", sink.name, starts ? "start" : "on_gap"),
      takes
          ? fmt::format("\"snapshot\", and plugin {} takes no copy of the state (no "
                        "sluice.snapshot/1); use {}",
                        identity.id, starts ? "\"resume\" or \"latest\"" : "\"refuse\" or \"skip\"")
          : fmt::format("\"snapshot\", and plugin {} cannot say whether it takes one: {}",
                        identity.id, takes.error().message())));
}

// The library's own word on what the sink is configured with. `needed`: the policy names it.
void CheckAgainstLibrary(const SinkConfig& sink, const Config& config, bool needed,
                         PreparedSink* prepared, std::vector<Problem>* problems) {
  const PluginIdentity& identity = prepared->library->identity();
  Result<SettingsSchema> schema = SettingsSchema::Parse(identity.settings_schema);
  if (!schema) {
    prepared->load_error = schema.error().WithContext(
        fmt::format("plugin {}: its settings schema cannot be read", identity.path.string()));
    prepared->library.reset();
    return;
  }
  SettingsCheck check = schema->Check(sink);
  problems->insert(problems->end(), check.problems.begin(), check.problems.end());
  prepared->settings.settings_json = std::move(check.completed);
  prepared->settings.masked_settings_json = std::move(check.masked);
  CheckTakesSnapshots(sink, prepared->library.get(), problems);
  if (sink.ack && identity.highest_level < config.commit.level) {
    problems->push_back(MakeProblem(
        sink.plugin_at, fmt::format("sinks.{}.plugin", sink.name),
        fmt::format("plugin {} can give '{}' at most, and commit.level asks for '{}'; lower "
                    "commit.level, or set ack = false",
                    identity.id, AckLevelName(identity.highest_level),
                    AckLevelName(config.commit.level))));
  } else if (needed && check.level_cap && check.level_cap->level < config.commit.level) {
    const LevelCap& cap = *check.level_cap;
    problems->push_back(MakeProblem(
        cap.at, cap.key,
        fmt::format("with {} the sink can give '{}' at most, and commit.level asks for '{}'; "
                    "change it, lower commit.level, or take the sink out of the policy",
                    cap.value, AckLevelName(cap.level), AckLevelName(config.commit.level))));
  }
}

}  // namespace

PreparedNode PrepareNode(const Config& config, PluginLoader* loader) {
  PreparedNode node;
  for (const SinkConfig& sink : config.sinks) {
    node.policy_sinks.push_back({sink.name, sink.ack, sink.enabled});
  }
  Result<Policy> policy = ResolvePolicy(config.commit.policy, node.policy_sinks);
  for (const SinkConfig& sink : config.sinks) {
    PreparedSink prepared;
    prepared.settings = MakeSinkSettings(config, sink);
    prepared.plugin = sink.plugin;
    prepared.enabled = sink.enabled;
    if (sink.enabled) {
      Result<std::shared_ptr<PluginLibrary>> library = loader->Load(sink.plugin, sink.sha256);
      if (library) {
        prepared.library = std::move(*library);
        const bool needed = policy && policy->Involves(node.sinks.size());
        CheckAgainstLibrary(sink, config, needed, &prepared, &node.problems);
      } else if (library.error().code() == StatusCode::kConfiguration) {
        node.problems.push_back(MakeProblem(
            sink.plugin_at, fmt::format("sinks.{}.plugin", sink.name), library.error().message()));
      } else {
        prepared.load_error = library.error();
      }
    }
    if (!prepared.load_error.ok()) {
      prepared.load_error = prepared.load_error.WithContext(
          fmt::format("{}: sinks.{}.plugin", sink.plugin_at.ToString(), sink.name));
    }
    node.sinks.push_back(std::move(prepared));
  }
  if (policy) {
    node.policy = std::move(*policy);
  } else {
    node.problems.push_back(
        MakeProblem(config.commit.policy_at, "commit.policy", policy.error().message()));
  }
  SortAndDeduplicate(&node.problems);
  return node;
}

DatabaseOptions MakeDatabaseOptions(const Config& config, const std::string& home) {
  DatabaseOptions options;
  options.path = ResolvePath(home, "data/db").string();
  options.stream_id = config.node.stream_id;
  options.stores = config.stores.names;
  if (!config.stores.options_file.empty()) {
    options.options_file = ResolvePath(home, config.stores.options_file).string();
  }
  options.sync = config.commit.sync;
  return options;
}

PipelineSettings MakePipelineSettings(const Config& config, Policy policy) {
  PipelineSettings settings;
  settings.gate.policy = std::move(policy);
  settings.gate.level = config.commit.level;
  settings.gate.ack_timeout = config.commit.ack_timeout;
  settings.gate.on_failure = config.commit.on_failure;
  settings.gate.recover_timeout = config.commit.recover_timeout;
  settings.window = config.commit.window;
  settings.retain_blocks = config.journal.retain_blocks;
  settings.journal_max_bytes = config.journal.max_bytes;
  settings.journal_max_blocks = config.journal.max_blocks;
  settings.disk_reserve_bytes = config.journal.disk_reserve_bytes;
  return settings;
}

}  // namespace sluice
