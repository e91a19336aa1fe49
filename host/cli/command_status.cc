// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>

#include "admin/admin_client.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/read_home.h"
#include "cli/run_command.h"
#include "config/listen_address.h"
#include "node/node_status.h"
#include "node/stopped_status.h"

namespace sluice {
namespace {

constexpr Duration kPatience = std::chrono::seconds(5);
constexpr Duration kWatchInterval = std::chrono::seconds(1);
constexpr char kClearScreen[] = "\x1b[H\x1b[2J";

// Nothing where no node runs.
Result<std::optional<std::string>> AskRunningNode(const Config& config, const std::string& home) {
  SLUICE_ASSIGN_OR_RETURN(ListenAddress address, ParseListenAddress(config.admin.listen, home));
  Result<AdminAnswer> answer = AdminGet(address, "/v1/status", kPatience, config.admin.token);
  if (!answer && answer.error().code() == StatusCode::kNotFound) {
    return std::optional<std::string>();
  }
  if (!answer) return Error(answer.error());
  if (answer->status != 200) {
    return Error(StatusCode::kFailed,
                 fmt::format("admin: {}: the node answered {}: {}", AddressText(address),
                             answer->status, answer->body));
  }
  return std::optional<std::string>(std::move(answer->body));
}

Result<std::string> ReadStopped(const Config& config, const std::string& home) {
  Result<std::unique_ptr<Database>> database = OpenDatabaseToRead(config, home);
  if (!database && database.error().code() != StatusCode::kNotFound) {
    return Error(database.error());
  }
  SLUICE_ASSIGN_OR_RETURN(NodeStatus status,
                          StoppedStatus(config, database ? database->get() : nullptr));
  return StatusToJson(status);
}

Result<std::string> StatusDocument(const Config& config, const std::string& home) {
  SLUICE_ASSIGN_OR_RETURN(std::optional<std::string> running, AskRunningNode(config, home));
  if (!running) return ReadStopped(config, home);
  while (!running->empty() && running->back() == '\n') running->pop_back();
  return std::move(*running);
}

Status Show(const Config& config, const CommandLine& line) {
  SLUICE_ASSIGN_OR_RETURN(std::string document, StatusDocument(config, line.home));
  Print("{}", line.json ? document + "\n" : StatusJsonToText(document));
  std::fflush(stdout);
  return Status::Ok();
}

}  // namespace

int RunStatus(const CommandLine& line) {
  Result<Config> config = LoadHomeToRead(line.home);
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
