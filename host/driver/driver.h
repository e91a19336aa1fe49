// SPDX-License-Identifier: Apache-2.0
//
// A driver: where blocks come from. The node asks it for one block after another, executes and
// commits them, and stores the driver's position with each.
//
// Threading: Begin and Next on the node's intake thread; Stop and progress from any.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "model/block.h"
#include "model/digest.h"

namespace sluice {

// Where the node stands when the driver begins: after the roll-forward.
struct DriverStart {
  Height height;  // journaled and committed through here; the next block is height + 1
  // The recorded position of a source, or nothing.
  std::function<Result<std::optional<DriverPosition>>(std::string_view source)> find_position;
  std::vector<std::string>
      stores;  // the stores that exist; an operation on another is an input error
  std::string stream_id;
  Digest digest;  // of the history up to `height`
};

struct DriverProgress {
  uint64_t bytes_read = 0;      // of the input as stored (compressed where it is)
  uint64_t bytes_total = 0;     // 0: not known (standard input, a file that is followed)
  uint64_t blocks_skipped = 0;  // at or below the height at which this run began
  uint64_t lines_read = 0;
};

class Driver {
 public:
  virtual ~Driver() = default;

  // Called once, before Next. kInvalid: the source is not the one that was consumed; the text says
  // what to do. kNotFound: no such input.
  virtual Status Begin(const DriverStart& start) = 0;

  // The next block; nothing at the end of the input or after Stop. kInvalid: bad input, with file,
  // line and column, or file and offset; kCorruption: a stored stream is damaged. Nothing of that
  // block has been handed over.
  virtual Result<std::optional<Block>> Next() = 0;

  // Next returns soon, with nothing.
  virtual void Stop() = 0;

  virtual DriverProgress progress() const = 0;
};

}  // namespace sluice
