// SPDX-License-Identifier: Apache-2.0
//
// Asking the node of a home that is running, at its admin.listen. Threading: any thread; blocks for
// a few seconds at most.
#pragma once

#include <optional>
#include <string>

#include "base/status.h"
#include "config/config.h"

namespace sluice {

// The status document. Nothing where no node runs; kTimeout, kIo, kFailed: one does, and cannot be
// asked.
Result<std::optional<std::string>> AskStatus(const Config& config, const std::string& home);

// POSTs `body` to `target` and returns the answer's body. kNotFound: no node runs, or it does not
// know what is meant; kInvalid: it refused. The texts are the node's.
Result<std::string> TellNode(const Config& config, const std::string& home,
                             const std::string& target, const std::string& body);

}  // namespace sluice
