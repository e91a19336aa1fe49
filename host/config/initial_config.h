// SPDX-License-Identifier: Apache-2.0
//
// The file that `sluice init` writes: every setting of the table with its description, its default,
// unit and bounds, commented out, and the few that make a node run as it is. TOML and YAML say the
// same. Threading: pure function.
#pragma once

#include <string>

#include "config/load.h"

namespace sluice {

std::string InitialConfigText(ConfigFormat format);

}  // namespace sluice
