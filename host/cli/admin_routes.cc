// SPDX-License-Identifier: Apache-2.0
#include "cli/admin_routes.h"

#include "cli/status_page.h"
#include "metrics/exposition.h"

namespace sluice {
namespace {

AdminResponse Metrics(const Node& node) {
  MetricsSource source;
  source.status = node.status();
  source.pipeline = &node.pipeline_counters();
  for (const auto& [name, counters] : node.sink_counters()) {
    source.sinks.push_back({name, counters});
  }
  return {200, std::string(kMetricsContentType), MetricsText(source)};
}

AdminResponse Ready(const Node& node) {
  const NodeStatus status = node.status();
  if (status.not_ready.empty()) return AdminResponse::Text(200, "ready\n");
  return AdminResponse::Text(503, "not ready: " + status.not_ready + "\n");
}

}  // namespace

RouteTable AdminRoutes(const Node* node, const StatusHistory* history) {
  RouteTable routes;
  routes.Add("GET", "/", [](const AdminRequest&) {
    return AdminResponse{200, "text/html; charset=utf-8", std::string(kStatusPage)};
  });
  routes.Add("GET", "/metrics", [node](const AdminRequest&) { return Metrics(*node); });
  routes.Add("GET", "/healthz",
             [](const AdminRequest&) { return AdminResponse::Text(200, "alive\n"); });
  routes.Add("GET", "/readyz", [node](const AdminRequest&) { return Ready(*node); });
  routes.Add("GET", "/v1/status", [node](const AdminRequest&) {
    return AdminResponse::Json(200, StatusToJson(node->status()) + "\n");
  });
  routes.Add("GET", "/v1/history", [history](const AdminRequest&) {
    return AdminResponse::Json(200, history->Json() + "\n");
  });
  return routes;
}

}  // namespace sluice
