// SPDX-License-Identifier: Apache-2.0
//
// Asks a running node over its unix socket: what the `sluice` command uses.
// Threading: any thread; blocks for at most `patience` a step.
#pragma once

#include <filesystem>
#include <string>

#include "base/clock.h"
#include "base/status.h"

namespace sluice {

struct AdminAnswer {
  int status = 0;  // HTTP's
  std::string body;
};

// kNotFound: nobody listens at `socket`, no node is running there. kTimeout: it did not answer in
// time. kIo: it answered, but not as a node does, or may not be asked (permissions).
Result<AdminAnswer> AdminGet(const std::filesystem::path& socket, const std::string& target,
                             Duration patience);

}  // namespace sluice
