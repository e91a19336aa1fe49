// SPDX-License-Identifier: Apache-2.0
//
// The node's HTTP/1.1 server for operators, on a unix socket that only its owner may use. It
// carries requests to a route table and knows nothing of the node.
//
// Limits: a request has at most 8 KiB of headers and 1 MiB of body, and a connection that neither
// asks nor reads is closed after 10 s, so that no client can hold memory or descriptors for ever.
//
// Boost.Asio and Beast do the work and stay in the source file.
//
// Threading: one thread of its own from Start to destruction; handlers run on it. Start and
// destruction on one thread. Ownership: owns the socket's file and removes it at the end. Lifetime:
// what the handlers use must outlive it.
#pragma once

#include <memory>

#include "admin/route_table.h"
#include "base/status.h"
#include "config/listen_address.h"

namespace sluice {

// kConfiguration where the server cannot listen at such an address: not a unix socket, or a path
// that is too long for one.
Status CheckAdminAddress(const ListenAddress& address);

class AdminServer {
 public:
  // Listening on return. Errors: those of CheckAdminAddress; kConfiguration: the path is taken by
  // something else; kLocked: another process listens there; kIo.
  static Result<std::unique_ptr<AdminServer>> Start(const ListenAddress& address,
                                                    RouteTable routes);
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

 private:
  class Impl;
  explicit AdminServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice
