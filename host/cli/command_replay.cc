// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/exit_code.h"
#include "cli/home.h"
#include "cli/output.h"
#include "cli/run_command.h"
#include "cli/running_node.h"
#include "driver/replay/replay_driver.h"
#include "lifecycle/step.h"

namespace sluice {
namespace {

// Why a sink does not run, with the error where there is one.
std::string ReasonOf(const SinkStatus& sink) {
  if (sink.last_error.text.empty() || sink.last_error.text == sink.reason) return sink.reason;
  return (sink.reason.empty() ? "" : sink.reason + ": ") + sink.last_error.text;
}

std::string SummaryJson(const RunSummary& summary, uint64_t skipped, double seconds,
                        const NodeStatus& status) {
  nlohmann::ordered_json out = {{"height", summary.height.value()},
                                {"digest", summary.digest.ToHex()},
                                {"blocks", summary.blocks},
                                {"transactions", summary.transactions},
                                {"failed_transactions", summary.failed_transactions},
                                {"changes", summary.changes},
                                {"skipped", skipped},
                                {"seconds", seconds},
                                {"sinks", nlohmann::ordered_json::object()}};
  for (const SinkStatus& sink : status.sinks) {
    out["sinks"][sink.name] = {{"watermark", sink.watermark.value()},
                               {"lifecycle", sink.lifecycle},
                               {"reason", sink.lifecycle == "running" ? "" : ReasonOf(sink)}};
  }
  return out.dump();
}

std::string SummaryText(const RunSummary& summary, uint64_t skipped, double seconds,
                        const NodeStatus& status) {
  std::string text = fmt::format(
      "height {}  digest {}\n{} blocks, {} transactions ({} failed), {} changes in {:.1f} s",
      summary.height, summary.digest.ToHex().substr(0, 16), summary.blocks, summary.transactions,
      summary.failed_transactions, summary.changes, seconds);
  if (skipped > 0) text += fmt::format("; {} blocks were there already", skipped);
  for (const SinkStatus& sink : status.sinks) {
    text += fmt::format("\nsink {}: watermark {}", sink.name, sink.watermark);
    if (sink.lifecycle == "running") continue;
    const std::string reason = ReasonOf(sink);
    text += fmt::format(
        ", {} ({}{}{})",
        sink.lag_blocks == 0 ? "not running" : fmt::format("{} behind", sink.lag_blocks),
        sink.lifecycle, reason.empty() ? "" : ": ", reason);
  }
  return text;
}

// The replay has done what it was asked for, for the policy does without them; but nobody should
// have to look for it.
std::vector<std::string> BrokenSinks(const NodeStatus& status) {
  std::vector<std::string> broken;
  for (const SinkStatus& sink : status.sinks) {
    const std::optional<SuspendReason> reason = SuspendReasonNamed(sink.reason);
    if (sink.lifecycle != "suspended" || !reason || !IsFault(*reason)) continue;
    broken.push_back(fmt::format(
        "sink {}: it is suspended ({}) and has got nothing more: see `sluice sink show {}`",
        sink.name, ReasonOf(sink), sink.name));
  }
  return broken;
}

}  // namespace

int RunReplay(const CommandLine& line) {
  Result<NodeOptions> options = LoadNodeOptions(line.home);
  if (!options) return Fail(options.error());
  const ReplayConfig& defaults = options->config.driver.replay;
  ReplayOptions source;
  source.path = line.path;
  source.source = !line.source.empty() ? line.source : defaults.source;
  source.block_txs = line.block_txs != 0 ? line.block_txs : defaults.block_txs;
  source.block_max_bytes = defaults.block_max_bytes;
  ReplayDriver driver(std::move(source));
  const TimePoint started_at = Now();
  RunPlan plan;
  plan.options = std::move(*options);
  plan.driver = &driver;
  plan.wait_for_sinks = true;
  plan.show_progress = true;
  std::string printed;
  std::vector<std::string> broken;
  plan.on_done = [&](const Node& node) {
    broken = BrokenSinks(node.status());
    double seconds = std::chrono::duration<double>(Now() - started_at).count();
    uint64_t skipped = driver.progress().blocks_skipped;
    printed = line.json ? SummaryJson(node.summary(), skipped, seconds, node.status())
                        : SummaryText(node.summary(), skipped, seconds, node.status());
  };
  Status status = RunNode(std::move(plan));
  if (!printed.empty()) Print("{}\n", printed);
  for (const std::string& warning : broken) {
    std::fprintf(stderr, "sluice: warning: %s\n", warning.c_str());
  }
  return status.ok() ? kExitDone : Fail(status);
}

}  // namespace sluice
