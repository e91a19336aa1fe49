// SPDX-License-Identifier: Apache-2.0
//
// What the replay driver reads blocks from, whatever their format: BlockReader reads lines,
// StreamInput what a file sink has written.
//
// Threading: Next on one thread at a time; progress from any.
#pragma once

#include <cstddef>
#include <optional>

#include "base/status.h"
#include "driver/driver.h"
#include "model/block.h"

namespace sluice {

struct ReadBlock {
  Block block;
  size_t input_bytes = 0;  // that it was made from, uncompressed; the queue is bounded by them
};

class BlockInput {
 public:
  virtual ~BlockInput() = default;

  // The next block; nothing at the end or after a stop. An error leaves the input of no further
  // use.
  virtual Result<std::optional<ReadBlock>> Next() = 0;

  virtual DriverProgress progress() const = 0;
};

}  // namespace sluice
