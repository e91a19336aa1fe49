// SPDX-License-Identifier: Apache-2.0
//
// Asks a running node at its admin.listen: what the `sluice` command uses.
// Threading: any thread; blocks for at most `patience` a step.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "config/listen_address.h"

namespace sluice {

struct AdminAnswer {
  int status = 0;  // HTTP's
  std::string body;
};

// `token`: admin.token, or empty. kNotFound: nobody listens at `address`, no node is running there.
// kTimeout: it did not answer in time. kIo: it answered, but not as a node does, or may not be
// asked (permissions).
Result<AdminAnswer> AdminGet(const ListenAddress& address, const std::string& target,
                             Duration patience, const std::string& token = "");
// The same with a body, which is JSON.
Result<AdminAnswer> AdminPost(const ListenAddress& address, const std::string& target,
                              const std::string& body, Duration patience,
                              const std::string& token = "");

}  // namespace sluice
