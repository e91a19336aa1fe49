// SPDX-License-Identifier: Apache-2.0
//
// The rows. Read top to bottom it is the configuration file.
#include "config/properties.h"

#include <utility>

namespace sluice {

namespace {

using Type = PropertyType;

std::vector<Property> Rows() {
  return {
      {.path = "node.stream_id",
       .default_text = "demo",
       .description =
           "Name of the stream: part of every deduplication key and of the digest chain. "
           "Never change it once a block is committed.",
       .text_rule = TextRule::kName},

      {.path = "stores.names",
       .type = Type::kList,
       .default_text = R"(["main"])",
       .description = "Named key-value stores (RocksDB column families), created when new.",
       .list_rule = ListRule::kNotEmpty,
       .text_rule = TextRule::kName},
      {.path = "stores.old_values",
       .type = Type::kList,
       .default_text = "[]",
       .description = "Stores whose previous values are journaled too, for sinks with "
                      "old_values = true. Empty: none; [\"*\"]: all.",
       .text_rule = TextRule::kNameOrStar},
      {.path = "stores.options_file",
       .default_text = "",
       .description =
           "A RocksDB OPTIONS file, for operators who know it. What decides durability is "
           "set by Sluice over it."},

      {.path = "driver.kind",
       .type = Type::kEnum,
       .default_text = "replay",
       .description = "Where blocks come from under `sluice start`.",
       .values = {"replay", "resp", "abci"},
       .unavailable = {"resp", "abci"}},
      {.path = "driver.replay.path",
       .default_text = "",
       .description = "File of blocks that `sluice start` reads. `sluice replay FILE` needs no "
                      "setting here."},
      {.path = "driver.replay.source",
       .default_text = "",
       .description = "Name of the source in the recorded position.",
       .default_note = "the file's name"},
      {.path = "driver.replay.follow",
       .type = Type::kBool,
       .default_text = "true",
       .description = "Wait for more at the end of the file instead of stopping."},
      {.path = "driver.replay.block_txs",
       .type = Type::kInt,
       .default_text = "100",
       .description = "Transactions a block, for lines that are no blocks.",
       .minimum = "1",
       .maximum = "1000000"},
      {.path = "driver.replay.block_max_bytes",
       .type = Type::kSize,
       .default_text = "64MiB",
       .description = "Longest line, and largest block, that is taken.",
       .minimum = "1KiB",
       .maximum = "2GiB"},
      {.path = "driver.resp.listen",
       .default_text = "127.0.0.1:7379",
       .description = "Address of the Redis-protocol listener: host:port or unix:path.",
       .text_rule = TextRule::kNotEmpty},
      {.path = "driver.resp.password",
       .default_text = "",
       .description =
           "Password for AUTH; required when not listening on loopback or a unix socket.",
       .secret = true},
      {.path = "driver.resp.block_max_txs",
       .type = Type::kInt,
       .default_text = "1024",
       .description = "Most transactions in one block.",
       .minimum = "1",
       .maximum = "1000000"},
      {.path = "driver.resp.block_max_bytes",
       .type = Type::kSize,
       .default_text = "4MiB",
       .description = "Largest block.",
       .minimum = "1KiB",
       .maximum = "2GiB"},
      {.path = "driver.resp.block_interval",
       .type = Type::kDuration,
       .default_text = "0ms",
       .description = "Time between blocks; 0ms: a block is what queued up while the last one "
                      "committed.",
       .maximum = "1h"},

      {.path = "commit.policy",
       .default_text = "all",
       .description =
           "Which sinks must have acked a block before it commits: fire-and-forget | all | "
           "2 of (kafka, pg, audit) | all(audit) and 1 of (kafka, pg).",
       .text_rule = TextRule::kNotEmpty},
      {.path = "commit.level",
       .type = Type::kEnum,
       .default_text = "durable",
       .description = "How far a sink must vouch for a block for its ack to count.",
       .values = {"received", "durable", "visible"}},
      {.path = "commit.ack_timeout",
       .type = Type::kDuration,
       .default_text = "2s",
       .description = "One deadline for the whole policy.",
       .minimum = "1ms",
       .maximum = "24h"},
      {.path = "commit.on_failure",
       .type = Type::kEnum,
       .default_text = "recover",
       .description =
           "When the policy does not hold in time: recover (redeliver, then as halt) | halt "
           "(exit 75, nothing lost) | wait (hold the gate) | degrade (commit without the "
           "acks, and say so).",
       .values = {"recover", "halt", "wait", "degrade"}},
      {.path = "commit.recover_timeout",
       .type = Type::kDuration,
       .default_text = "60s",
       .description = "How long `recover` tries, and how long sinks may catch up at start without "
                      "progress.",
       .minimum = "1ms",
       .maximum = "24h"},
      {.path = "commit.window",
       .type = Type::kInt,
       .default_text = "8",
       .description =
           "Blocks executed ahead of the oldest uncommitted one; 1: strictly one at a time.",
       .minimum = "1",
       .maximum = "1024"},
      {.path = "commit.sync",
       .type = Type::kBool,
       .default_text = "true",
       .description = "Sync the journal, and with it every commit, to the disk. false gives up the "
                      "promises for power cuts, not for crashes of the process."},

      {.path = "journal.max_bytes",
       .type = Type::kSize,
       .default_text = "10GiB",
       .description = "Where the journal holds more, a sink that falls behind is `lost` if the "
                      "policy can hold without it, and else no block is taken until it is back.",
       .minimum = "1MiB"},
      {.path = "journal.max_blocks",
       .type = Type::kInt,
       .default_text = "0",
       .description = "The same in blocks, counted beyond retain_blocks; 0: no limit.",
       .minimum = "0"},
      {.path = "journal.retain_blocks",
       .type = Type::kInt,
       .default_text = "100",
       .description = "Blocks that are kept although every sink has acked them.",
       .minimum = "0"},
      {.path = "journal.disk_reserve",
       .type = Type::kSize,
       .default_text = "1GiB",
       .description = "With less free space than this no block is taken; reads go on, and so does "
                      "intake once there is space."},

      {.path = "plugins.dir",
       .default_text = "plugins",
       .description =
           "Where plugins are looked for first; then in the installation's plugin folder.",
       .text_rule = TextRule::kNotEmpty},

      {.path = "templates.*.plugin",
       .description = "The plugin of the sinks that inherit this template.",
       .example = "kafka",
       .text_rule = TextRule::kNotEmpty,
       .optional = true},
      {.path = "templates.*.settings",
       .type = Type::kMap,
       .default_text = "{}",
       .description = "Settings of the plugin; a sink's own are laid over them, table by table.",
       .example = R"({"brokers": "k1:9092,k2:9092", "producer": {"acks": "all"}})",
       .optional = true},

      {.path = "sinks.*.plugin",
       .description =
           "The plugin, by name (`file` is file.so in plugins.dir or in the installation), "
           "or by path where it holds a slash. Required, here or in the template.",
       .text_rule = TextRule::kNotEmpty,
       .required = true},
      {.path = "sinks.*.template",
       .default_text = "",
       .description =
           "The template that this sink inherits plugin, settings and anything else from."},
      {.path = "sinks.*.settings",
       .type = Type::kMap,
       .default_text = "{}",
       .description = "Settings of the plugin, checked against the plugin's own schema."},
      {.path = "sinks.*.stores",
       .type = Type::kList,
       .default_text = R"(["*"])",
       .description = "The stores whose changes this sink gets; [\"*\"]: all.",
       .list_rule = ListRule::kAllOrNamed,
       .text_rule = TextRule::kNameOrStar},
      {.path = "sinks.*.key_prefixes",
       .type = Type::kList,
       .default_text = "[]",
       .description = "Only changes of keys that begin with one of these; empty: no filter.",
       .text_rule = TextRule::kNotEmpty},
      {.path = "sinks.*.ack",
       .type = Type::kBool,
       .default_text = "true",
       .description = "false: blocks are delivered to it, its acks are never counted."},
      {.path = "sinks.*.enabled",
       .type = Type::kBool,
       .default_text = "true",
       .description = "false: the sink is suspended."},
      {.path = "sinks.*.ack_timeout",
       .type = Type::kDuration,
       .description =
           "No ack for this long while heights are in flight: the instance is started anew. "
           "Below commit.ack_timeout for a sink that counts.",
       .minimum = "1ms",
       .maximum = "24h",
       .default_note = "three quarters of commit.ack_timeout",
       .example = "1500ms",
       .optional = true},
      {.path = "sinks.*.max_in_flight",
       .type = Type::kInt,
       .default_text = "1024",
       .description = "Heights delivered and not yet acked.",
       .minimum = "1",
       .maximum = "1048576"},
      {.path = "sinks.*.workers",
       .type = Type::kInt,
       .default_text = "4",
       .description = "Threads that deliver side by side, to a sink whose plugin can take that "
                      "(PARALLEL); all others have one. At most max_in_flight of them run.",
       .minimum = "1",
       .maximum = "64"},
      {.path = "sinks.*.queue_bytes",
       .type = Type::kSize,
       .default_text = "64MiB",
       .description = "Memory for this sink: queued, in flight and retained together. Beyond it, "
                      "heights are read back from the journal.",
       .minimum = "64KiB"},
      {.path = "sinks.*.start",
       .type = Type::kEnum,
       .default_text = "resume",
       .description =
           "Where an empty sink begins that the node has no record of: resume (from height "
           "1) | snapshot (with a copy of the present state) | latest (from the next height; what "
           "it holds is partial).",
       .values = {"resume", "snapshot", "latest"}},
      {.path = "sinks.*.on_gap",
       .type = Type::kEnum,
       .default_text = "refuse",
       .description =
           "When the journal no longer holds what a sink needs next: refuse | snapshot (a copy of "
           "the present state replaces what it holds) | skip (recorded).",
       .values = {"refuse", "snapshot", "skip"}},
      {.path = "sinks.*.lazy",
       .type = Type::kBool,
       .default_text = "false",
       .description = "Start the sink with the first change that passes its filter; not with "
                      "ack = true."},
      {.path = "sinks.*.old_values",
       .type = Type::kBool,
       .default_text = "false",
       .description = "Give this sink previous values, of the stores in stores.old_values."},
      {.path = "sinks.*.isolation",
       .type = Type::kEnum,
       .default_text = "in_process",
       .description = "in_process is fastest; process survives a crash of the plugin.",
       .values = {"in_process", "process"},
       .unavailable = {"process"}},
      {.path = "sinks.*.sha256",
       .default_text = "",
       .description = "Pin: the SHA-256 that the plugin's file must have; empty: none.",
       .text_rule = TextRule::kSha256},
      {.path = "sinks.*.retry.initial",
       .type = Type::kDuration,
       .default_text = "200ms",
       .description = "First delay before trying again.",
       .minimum = "1ms",
       .maximum = "1h"},
      {.path = "sinks.*.retry.max",
       .type = Type::kDuration,
       .default_text = "10s",
       .description = "Longest delay.",
       .minimum = "1ms",
       .maximum = "24h"},
      {.path = "sinks.*.retry.factor",
       .type = Type::kNumber,
       .default_text = "2.0",
       .description = "What each delay is multiplied by.",
       .minimum = "1.0",
       .maximum = "100.0"},
      {.path = "sinks.*.retry.jitter",
       .type = Type::kNumber,
       .default_text = "0.2",
       .description = "Random part of a delay, as a fraction of it.",
       .minimum = "0.0",
       .maximum = "1.0"},
      {.path = "sinks.*.retry.max_attempts",
       .type = Type::kInt,
       .default_text = "0",
       .description = "Attempts before the sink is suspended as exhausted; 0: no limit.",
       .minimum = "0",
       .maximum = "1000000"},

      {.path = "lifecycle.restore",
       .type = Type::kEnum,
       .default_text = "lenient",
       .description =
           "A sink's record that cannot be read: set aside and named (lenient) or a refusal "
           "to start (strict).",
       .values = {"lenient", "strict"}},
      {.path = "lifecycle.recover_on_start",
       .type = Type::kEnum,
       .default_text = "now",
       .description = "When sinks that were found broken are repaired.",
       .values = {"now", "on_first_use", "never"}},
      {.path = "lifecycle.start_timeout",
       .type = Type::kDuration,
       .default_text = "30s",
       .description = "Deadline of a sink's start.",
       .minimum = "1ms",
       .maximum = "24h"},
      {.path = "lifecycle.stop_timeout",
       .type = Type::kDuration,
       .default_text = "10s",
       .description =
           "How long a cancelled call may go on before its instance is abandoned as hung.",
       .minimum = "1ms",
       .maximum = "24h"},
      {.path = "lifecycle.drain_timeout",
       .type = Type::kDuration,
       .default_text = "10s",
       .description = "How long a sink may finish what is in flight when it is stopped.",
       .minimum = "1ms",
       .maximum = "24h"},
      {.path = "lifecycle.provision_timeout",
       .type = Type::kDuration,
       .default_text = "5m",
       .description = "Deadline of a provisioning task.",
       .minimum = "1ms",
       .maximum = "24h"},
      {.path = "lifecycle.stalled_after",
       .type = Type::kDuration,
       .default_text = "5m",
       .description = "A worker without progress for this long, while there is work, is stalled.",
       .minimum = "1ms",
       .maximum = "24h"},
      {.path = "lifecycle.healthy_after",
       .type = Type::kDuration,
       .default_text = "1m",
       .description = "Running well for this long resets the attempts.",
       .minimum = "1ms",
       .maximum = "24h"},

      {.path = "admin.listen",
       .default_text = "unix:data/admin.sock",
       .description = "Address for status and control: unix:path or host:port.",
       .text_rule = TextRule::kNotEmpty},
      {.path = "admin.token",
       .default_text = "",
       .description =
           "Token for control, and for metrics from other machines; required when not listening on "
           "loopback or a unix socket.",
       .secret = true},
      {.path = "admin.metrics_listen",
       .default_text = "127.0.0.1:7380",
       .description =
           "Address for the status page, /metrics, /healthz and /readyz, to be read only; empty: "
           "none."},

      {.path = "log.level",
       .type = Type::kEnum,
       .default_text = "info",
       .description = "The least severe lines that are written.",
       .values = {"trace", "debug", "info", "warn", "error", "critical", "off"}},
      {.path = "log.format",
       .type = Type::kEnum,
       .default_text = "text",
       .description = "Lines for people or for programs.",
       .values = {"text", "json"}},
      {.path = "log.file",
       .default_text = "",
       .description = "File that `start` and `replay` append their lines to, opened anew on SIGHUP "
                      "to `start`; empty: standard error."},
  };
}

}  // namespace

const PropertyTable& NodeProperties() {
  static const PropertyTable* const kTable = new PropertyTable(Rows());
  return *kTable;
}

std::string_view SectionDescription(std::string_view pattern) {
  static constexpr std::pair<std::string_view, std::string_view> kSections[] = {
      {"node", "The node itself."},
      {"stores", "What state there is."},
      {"driver", "Where blocks come from."},
      {"driver.replay",
       "For `sluice start` with kind = replay, and the defaults of `sluice replay`."},
      {"driver.resp", "Clients speaking the Redis protocol; not yet available in this version."},
      {"commit", "When a block commits."},
      {"journal", "What is kept for sinks that are behind."},
      {"plugins", "Where plugins are found."},
      {"templates.*",
       "A plugin with settings under a name, inherited by sinks. Besides these keys a template "
       "takes "
       "every key of a sink."},
      {"sinks.*", "One sink; its name is its identity for acks, policy and resume."},
      {"sinks.*.retry", "How a sink that failed is tried again."},
      {"lifecycle", "How sinks are started, stopped and repaired."},
      {"admin", "Status, control and metrics."},
      {"log", "What the node says."},
  };
  for (const auto& section : kSections) {
    if (section.first == pattern) return section.second;
  }
  return {};
}

}  // namespace sluice
