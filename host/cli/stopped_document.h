// SPDX-License-Identifier: Apache-2.0
//
// The status document of a home whose node does not run. Threading: one thread.
#pragma once

#include <string>

#include "base/status.h"
#include "config/config.h"

namespace sluice {

Result<std::string> StoppedDocument(const Config& config, const std::string& home);

}  // namespace sluice
