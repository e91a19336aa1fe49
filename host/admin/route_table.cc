// SPDX-License-Identifier: Apache-2.0
#include "admin/route_table.h"

#include <utility>

#include "base/json_text.h"

namespace sluice {

AdminResponse AdminResponse::Error(int status, std::string_view text) {
  std::string body = "{\"error\":";
  AppendJsonString(&body, text);
  return Json(status, body + "}\n");
}

void RouteTable::Add(std::string method, std::string path, Handler handler) {
  by_path_[std::move(path)][std::move(method)] = std::move(handler);
}

AdminResponse RouteTable::Answer(const AdminRequest& request) const {
  auto path = by_path_.find(request.path);
  if (path == by_path_.end()) {
    return AdminResponse::Error(404, "there is nothing at " + request.path);
  }
  auto handler = path->second.find(request.method == "HEAD" ? "GET" : request.method);
  if (handler == path->second.end()) {
    return AdminResponse::Error(405, request.path + " does not take " + request.method);
  }
  return handler->second(request);
}

}  // namespace sluice
