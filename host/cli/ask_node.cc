// SPDX-License-Identifier: Apache-2.0
#include "cli/ask_node.h"

#include <fmt/core.h>

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "admin/admin_client.h"
#include "base/log.h"
#include "cli/read_home.h"
#include "config/listen_address.h"

namespace sluice {
namespace {

// Longer than a node takes to put a command on record, or to say that it cannot.
constexpr Duration kPatience = std::chrono::seconds(10);

// Where a node listens whose configuration does not say otherwise.
constexpr char kOwnSocket[] = "unix:data/admin.sock";

// {"error": "text"}, or whatever else was answered.
std::string ErrorText(const AdminAnswer& answer) {
  const nlohmann::json body = nlohmann::json::parse(answer.body, nullptr, false);
  if (body.is_object() && body.contains("error") && body["error"].is_string()) return body["error"];
  return fmt::format("the node answered {}: {}", answer.status, answer.body);
}

}  // namespace

Result<Config> LoadHomeToAsk(const std::string& home) {
  Result<Config> config = LoadHomeToRead(home);
  if (config || config.error().code() != StatusCode::kConfiguration) return config;
  Config own;
  own.admin.listen = kOwnSocket;
  const Result<std::optional<std::string>> running = AskStatus(own, home);
  if (!running || !*running) return config;
  std::fprintf(stderr,
               "sluice: warning: the configuration does not check, and is not what the node runs "
               "with: see `sluice config check`; asked at %s\n",
               kOwnSocket);
  SLUICE_RETURN_IF_ERROR(InitLog("warn", LogFormat::kText));
  return own;
}

Result<std::optional<std::string>> AskStatus(const Config& config, const std::string& home) {
  SLUICE_ASSIGN_OR_RETURN(ListenAddress address, ParseListenAddress(config.admin.listen, home));
  Result<AdminAnswer> answer = AdminGet(address, "/v1/status", kPatience, config.admin.token);
  if (!answer && answer.error().code() == StatusCode::kNotFound) {
    return std::optional<std::string>();
  }
  if (!answer) return Error(answer.error());
  if (answer->status != 200) {
    return Error(StatusCode::kFailed,
                 fmt::format("admin: {}: {}", AddressText(address), ErrorText(*answer)));
  }
  std::string document = std::move(answer->body);
  while (!document.empty() && document.back() == '\n') document.pop_back();
  return std::optional<std::string>(std::move(document));
}

Result<std::string> TellNode(const Config& config, const std::string& home,
                             const std::string& target, const std::string& body) {
  SLUICE_ASSIGN_OR_RETURN(ListenAddress address, ParseListenAddress(config.admin.listen, home));
  Result<AdminAnswer> answer = AdminPost(address, target, body, kPatience, config.admin.token);
  if (!answer && answer.error().code() == StatusCode::kNotFound) {
    return Error(StatusCode::kNotFound,
                 fmt::format("{}: no node is running: `sluice start` it first, or change the "
                             "configuration",
                             home));
  }
  if (!answer) return Error(answer.error());
  if (answer->status == 200) return std::move(answer->body);
  const StatusCode code = answer->status == 404 || answer->status == 422
                              ? StatusCode::kConfiguration
                          : answer->status == 424 ? StatusCode::kPlugin
                          : answer->status == 409 ? StatusCode::kInvalid
                                                  : StatusCode::kFailed;
  return Error(code, ErrorText(*answer));
}

}  // namespace sluice
