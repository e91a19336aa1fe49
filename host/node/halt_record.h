// SPDX-License-Identifier: Apache-2.0
//
// The record of the last halt, by the policy or because it could not hold with the sinks there were
// at start, as `status` shows it: {"time":…,"height":…,"reason":…}.
// Threading: pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "base/types.h"

namespace sluice {

inline constexpr char kHaltRecordName[] = "last_halt";

std::string EncodeHaltRecord(int64_t unix_nanos, Height height, const std::string& reason);

}  // namespace sluice
