// SPDX-License-Identifier: Apache-2.0
#include "cli/control_routes.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "cli/home.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;
using Told = std::vector<std::pair<std::string, Status>>;

AdminResponse Answer(const Told& told) {
  Json sinks = Json::array();
  for (const auto& [name, status] : told) {
    sinks.push_back(
        {{"name", name}, {"error", status.ok() ? Json(nullptr) : Json(status.message())}});
  }
  return AdminResponse::Json(
      200,
      Json{{"sinks", std::move(sinks)}}.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

int HttpCode(const Status& status) {
  switch (status.code()) {
    case StatusCode::kNotFound:
      return 404;
    case StatusCode::kInvalid:
      return 409;
    case StatusCode::kConfiguration:
      return 422;
    case StatusCode::kPlugin:
      return 424;
    default:
      return 503;
  }
}

struct Request {
  SinkCommand command = SinkCommand::kRepair;
  std::optional<SinkName> sink;  // nothing: all
};

Result<Request> Parse(const std::string& body) {
  const Json json = Json::parse(body, nullptr, false);
  const auto wrong = [](std::string what) { return Error(StatusCode::kInvalid, std::move(what)); };
  if (!json.is_object()) return wrong("the body is no JSON object");
  for (const auto& [key, value] : json.items()) {
    if (key != "sink" && key != "command" && key != "all") {
      return wrong(fmt::format("unknown key '{}'", key));
    }
  }
  if (!json.contains("command") || !json["command"].is_string()) {
    return wrong("\"command\" is missing, or no string");
  }
  const std::string name = json["command"];
  const std::optional<SinkCommand> command = SinkCommandNamed(name);
  if (!command) return wrong(fmt::format("there is no command '{}'", name));
  Request request{*command, std::nullopt};
  if (json.contains("all")) {
    if (json["all"] != true || json.contains("sink") || *command != SinkCommand::kRepair) {
      return wrong("\"all\" is true, stands without \"sink\", and goes with \"repair\" only");
    }
    return request;
  }
  if (!json.contains("sink") || !json["sink"].is_string()) {
    return wrong("\"sink\" is missing, or no string");
  }
  request.sink = SinkName(json["sink"].get<std::string>());
  return request;
}

AdminResponse Command(Node* node, const AdminRequest& asked) {
  Result<Request> request = Parse(asked.body);
  if (!request) return AdminResponse::Error(400, request.error().message());
  if (!request->sink) return Answer(node->RepairSinks());
  Status status = node->CommandSink(*request->sink, request->command);
  if (!status.ok()) return AdminResponse::Error(HttpCode(status), status.message());
  return Answer({{request->sink->str(), Status::Ok()}});
}

AdminResponse Reload(Node* node, const std::string& home) {
  Result<ReloadReport> report = ReloadNode(node, home);
  if (!report) return AdminResponse::Error(HttpCode(report.error()), report.error().message());
  const Json body = {{"changes", report->changes}, {"needs_restart", report->needs_restart}};
  return AdminResponse::Json(200, body.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace

Result<ReloadReport> ReloadNode(Node* node, const std::string& home) {
  LoadResult loaded = ReadHomeConfig(home);
  Status status = loaded.ToStatus();
  Result<ReloadReport> report = status.ok() ? node->Reload(loaded.config, loaded.effective)
                                            : Result<ReloadReport>(Error(std::move(status)));
  if (!report) LogError("node", "reload: {}: nothing has changed", report.error().message());
  return report;
}

void AddControlRoutes(Node* node, const std::string& home, RouteTable* routes) {
  routes->Add("POST", "/v1/config/reload",
              [node, home](const AdminRequest&) { return Reload(node, home); });
  routes->Add("POST", "/v1/sinks/command",
              [node](const AdminRequest& request) { return Command(node, request); });
}

}  // namespace sluice
