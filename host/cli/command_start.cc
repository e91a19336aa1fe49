// SPDX-License-Identifier: Apache-2.0
#include "cli/exit_code.h"
#include "cli/home.h"
#include "cli/run_command.h"
#include "cli/running_node.h"
#include "driver/replay/replay_driver.h"

namespace sluice {

int RunStart(const CommandLine& line) {
  Result<NodeOptions> options = LoadNodeOptions(line.home);
  if (!options) return Fail(options.error());
  const ReplayConfig& replay = options->config.driver.replay;
  if (replay.path.empty()) {
    return Fail(
        Status(StatusCode::kConfiguration,
               "start: driver.replay.path is empty: name the file to follow, or use `sluice "
               "replay FILE`"));
  }
  ReplayOptions source;
  source.path = ResolvePath(line.home, replay.path).string();
  source.source = replay.source;
  source.follow = replay.follow;
  source.block_txs = replay.block_txs;
  source.block_max_bytes = replay.block_max_bytes;
  ReplayDriver driver(std::move(source));
  RunPlan plan;
  plan.options = std::move(*options);
  plan.driver = &driver;
  plan.take_hang_ups = true;
  Status status = RunNode(std::move(plan));
  return status.ok() ? kExitDone : Fail(status);
}

}  // namespace sluice
