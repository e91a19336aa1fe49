// SPDX-License-Identifier: Apache-2.0
//
// What the replay driver is to read, and how. The settings of [driver.replay] and the defaults of
// `sluice replay`.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace sluice {

struct ReplayOptions {
  std::string path;     // "-": standard input; a folder, or a segment: a file sink's stream
  std::string source;   // its name in the recorded position; empty: see ReplayDriver::source
  bool follow = false;  // wait for the file to grow, until stopped; lines only

  // Lines that are no blocks are put together to blocks of so many transactions, or of fewer where
  // their lines together would be longer than block_max_bytes.
  uint64_t block_txs = 100;
  // No line may be longer.
  uint64_t block_max_bytes = uint64_t{64} << 20;

  // follow only: an incomplete block of lines is handed over when nothing was added for so long.
  // Block boundaries then depend on time, and with them heights and digests: two runs over the same
  // lines give the same stores, and the same digests only where the boundaries happened to be
  // equal. An input whose digests must be reproducible has block lines, or is not followed.
  std::chrono::milliseconds follow_quiet{100};

  // Blocks are read ahead of the node by a thread, up to whichever of these is reached first.
  size_t queue_blocks = 64;
  size_t queue_bytes = size_t{64} << 20;
};

}  // namespace sluice
