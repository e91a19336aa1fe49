// SPDX-License-Identifier: Apache-2.0
//
// Which request is answered by what. The server (admin_server.h) carries bytes and knows no route;
// who wires the node adds a row for each thing that can be asked.
//
//   RouteTable routes;
//   routes.Add("GET", "/v1/status", [&](const AdminRequest&) {
//     return AdminResponse::Json(200, StatusToJson(node.status()));
//   });
//
// Threading: Add before the server starts; Answer from the server's thread. Handlers run on that
// thread one at a time and must not block for long: while one runs, nobody else is answered.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace sluice {

struct AdminRequest {
  std::string method;  // "GET"
  std::string path;    // "/v1/status", without the query
  std::string query;   // behind the '?', as written; empty where there is none
  std::string body;
};

struct AdminResponse {
  int status = 200;  // HTTP's
  std::string content_type;
  std::string body;

  static AdminResponse Json(int status, std::string body) {
    return {status, "application/json", std::move(body)};
  }
  static AdminResponse Text(int status, std::string body) {
    return {status, "text/plain; charset=utf-8", std::move(body)};
  }
  // {"error":"text"}
  static AdminResponse Error(int status, std::string_view text);
};

class RouteTable {
 public:
  using Handler = std::function<AdminResponse(const AdminRequest&)>;

  void Add(std::string method, std::string path, Handler handler);

  // 404 where no route has the path, 405 where one has it for another method. HEAD is answered as
  // GET; the server leaves the body out.
  AdminResponse Answer(const AdminRequest& request) const;

 private:
  std::map<std::string, std::map<std::string, Handler>> by_path_;  // then by method
};

}  // namespace sluice
