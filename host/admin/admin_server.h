// SPDX-License-Identifier: Apache-2.0
//
// The node's HTTP/1.1 server for operators: on a unix socket that only its owner may use, or on an
// address of the network. It carries requests to a route table and knows nothing of the node.
//
// Limits: a request has at most 8 KiB of headers and 1 MiB of body, and a connection that neither
// asks nor reads is closed after 10 s, so that no client can hold memory or descriptors for ever.
//
// Boost.Asio and Beast do the work and stay in the source file.
//
// Threading: one thread of its own from Start to destruction; handlers run on it. Start and
// destruction on one thread. Ownership: owns the unix socket's file and removes it at the end.
// Lifetime: what the handlers use must outlive it.
#pragma once

#include <memory>
#include <string>

#include "admin/route_table.h"
#include "base/status.h"
#include "config/listen_address.h"

namespace sluice {

class AdminServer {
 public:
  // Listening on return. `token`: what a request must carry as `Authorization: Bearer <token>`;
  // empty: nothing. Errors: kConfiguration: the path of a unix socket is too long or taken by
  // something else, or the network address is none of this machine's; kLocked: somebody else
  // listens there; kIo.
  static Result<std::unique_ptr<AdminServer>> Start(const ListenAddress& address, RouteTable routes,
                                                    const std::string& token = "");
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  // Where it listens: the address of Start, with the port that the system chose for port 0.
  const ListenAddress& address() const;

 private:
  class Impl;
  explicit AdminServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice
