// SPDX-License-Identifier: Apache-2.0
//
// What one row of the table cannot say: rules between settings.
// Threading: pure function.
#pragma once

#include <filesystem>
#include <vector>

#include "config/checker.h"
#include "config/config.h"

namespace sluice {

// Adds a problem for each rule that is broken, a warning for what is legal and likely not meant.
void CheckRules(const CheckedValues& values, const Config& config,
                const std::filesystem::path& home, std::vector<Problem>* problems,
                std::vector<Problem>* warnings);

}  // namespace sluice
