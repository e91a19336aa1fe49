// SPDX-License-Identifier: Apache-2.0
//
// From the table's values to the typed configuration: one line a row.
// Threading: pure function.
#pragma once

#include "config/checker.h"
#include "config/config.h"

namespace sluice {

// `values` holds every row of NodeProperties(), right ones or defaults.
Config BindConfig(const CheckedValues& values);

}  // namespace sluice
