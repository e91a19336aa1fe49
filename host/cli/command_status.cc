// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include "cli/ask_node.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/run_command.h"
#include "cli/stopped_document.h"
#include "node/node_status.h"

namespace sluice {
namespace {

constexpr Duration kWatchInterval = std::chrono::seconds(1);
constexpr char kClearScreen[] = "\x1b[H\x1b[2J";

Result<std::string> StatusDocument(const Config& config, const std::string& home) {
  SLUICE_ASSIGN_OR_RETURN(std::optional<std::string> running, AskStatus(config, home));
  return running ? std::move(*running) : StoppedDocument(config, home);
}

Status Show(const Config& config, const CommandLine& line) {
  SLUICE_ASSIGN_OR_RETURN(std::string document, StatusDocument(config, line.home));
  Print("{}", line.json ? document + "\n" : StatusJsonToText(document));
  std::fflush(stdout);
  return Status::Ok();
}

}  // namespace

int RunStatus(const CommandLine& line) {
  Result<Config> config = LoadHomeToAsk(line.home);
  if (!config) return Fail(config.error());
  const bool redraw = line.watch && !line.json && isatty(STDOUT_FILENO) == 1;
  for (bool shown_before = false;; shown_before = true) {
    if (redraw) Print("{}", kClearScreen);
    // A node that is just starting or ending is no reason to stop watching; what is wrong from the
    // beginning is.
    Status status = Show(*config, line);
    if (!status.ok() && !shown_before) return Fail(status);
    if (!status.ok() && redraw) Print("{}\n", status.message());
    if (!status.ok() && !redraw) Fail(status);
    if (!line.watch || OutputFailed()) return kExitDone;
    std::fflush(stdout);
    std::this_thread::sleep_for(kWatchInterval);
    if (!redraw && !line.json) Print("\n");
  }
}

}  // namespace sluice
