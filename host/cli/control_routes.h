// SPDX-License-Identifier: Apache-2.0
//
// What a running node can be told, at admin.listen only:
//
//   POST /v1/sinks/command   {"sink": "audit", "command": "suspend"}
//                            {"all": true, "command": "repair"}
//     200 {"sinks": [{"name": "audit", "error": null}]}: on record; /v1/status shows what comes of
//     it. 400 no such request, 404 no such sink, 409 it does not apply, 503 not on record:
//     {"error": "text"}.
//   POST /v1/config/reload   {}
//     200 {"changes": ["text"], "needs_restart": ["key"]}; 409 the file does not check, or not now:
//     nothing has changed.
//
// Threading: the handlers run on the server's thread.
#pragma once

#include <string>

#include "admin/route_table.h"
#include "base/status.h"
#include "node/node.h"

namespace sluice {

// Reads the home's configuration again and has the node take it over.
Result<ReloadReport> ReloadNode(Node* node, const std::string& home);

// `node` is borrowed.
void AddControlRoutes(Node* node, const std::string& home, RouteTable* routes);

}  // namespace sluice
