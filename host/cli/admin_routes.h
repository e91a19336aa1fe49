// SPDX-License-Identifier: Apache-2.0
//
// What a running node answers over HTTP. Threading: the handlers run on the servers' threads and
// read only what is readable from any.
#pragma once

#include "admin/route_table.h"
#include "node/node.h"
#include "node/status_history.h"

namespace sluice {

// All of it is to be read only; the same at admin.listen, where control_routes.h adds to it, and at
// admin.metrics_listen:
//   /           the status page
//   /metrics    Prometheus's text format
//   /healthz    200: the process answers
//   /readyz     200: a block that comes now would commit; 503 and why not
//   /v1/status  the status document; /v1/history: what the page draws
// Both are borrowed.
RouteTable AdminRoutes(const Node* node, const StatusHistory* history);

}  // namespace sluice
