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

// The configuration, for a command that needs no more of it than where the node listens. Where it
// does not check, and the node answers at the home's own socket, that, with a warning.
Result<Config> LoadHomeToAsk(const std::string& home);

// The status document. Nothing where no node runs; kTimeout, kIo, kFailed: one does, and cannot be
// asked.
Result<std::optional<std::string>> AskStatus(const Config& config, const std::string& home);

// POSTs `body` to `target` and returns the answer's body. kNotFound: no node runs, or it does not
// know what is meant; kInvalid: it refused; kConfiguration, kPlugin: what it was given to read or
// to load is wrong. The texts are the node's.
Result<std::string> TellNode(const Config& config, const std::string& home,
                             const std::string& target, const std::string& body);

}  // namespace sluice
