// SPDX-License-Identifier: Apache-2.0
//
// What the disk allows: the raw cost of one fdatasync, and what a backlog costs in memory.
// Threading: one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/status.h"

namespace sluice {

// Seconds of each of `count` appends of 4 KiB with an fdatasync, to a new file in `folder`.
Result<std::vector<double>> TimeFdatasync(const std::filesystem::path& folder, int count);

// The largest resident memory of this process since ResetPeakMemory, in bytes; 0 where it is not
// known.
uint64_t PeakMemoryBytes();
void ResetPeakMemory();

}  // namespace sluice
