// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <string>

#include "cli/ask_node.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/run_command.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

Status Run(const CommandLine& line) {
  // What the file says now may be what is wrong with it: the node says so, and its address is in
  // it.
  SLUICE_ASSIGN_OR_RETURN(const Config config, LoadHomeToAsk(line.home));
  SLUICE_ASSIGN_OR_RETURN(const std::string answer,
                          TellNode(config, line.home, "/v1/config/reload", "{}"));
  if (line.json) {
    Print("{}", answer);
    return Status::Ok();
  }
  const Json report = Json::parse(answer, nullptr, false);
  if (!report.is_object()) return Status(StatusCode::kFailed, "the answer is no JSON object");
  for (const Json& change : report["changes"]) Print("{}\n", change.get<std::string>());
  if (report["changes"].empty() && report["needs_restart"].empty()) Print("nothing to change\n");
  for (const Json& key : report["needs_restart"]) {
    Print("{}: takes effect with the next start\n", key.get<std::string>());
  }
  return Status::Ok();
}

}  // namespace

int RunConfigReload(const CommandLine& line) {
  Status status = Run(line);
  return status.ok() ? kExitDone : Fail(status);
}

}  // namespace sluice
