// SPDX-License-Identifier: Apache-2.0
//
// The driver that reads blocks from a file or standard input: JSON Lines, plain, gzip or zstd; or
// from a stream that a file sink has written (a folder of segments, or one of them), which it
// recognises by what it is. docs/formats.md, "Blocks in: JSON Lines" and "Blocks in: a stream".
//
// A thread of the driver's own reads and parses ahead of the node, so that parsing costs the node's
// intake thread nothing; blocks, the error that ends them, and the end are handed over in the order
// of the input.
//
// Where blocks carry heights, the height is the position: what is at or below the start is skipped.
// Where they do not, each block carries the lines consumed and their running hash, and Begin skips
// them again after it has checked that they are the same. A stream has heights; where its id is not
// the home's, each block carries besides how far the stream was consumed, and only a home that
// stands just there is continued.
//
// Threading: as Driver. Stop may be called before and during Begin, which then ends early without
// an error. The destructor stops.
#pragma once

#include <memory>

#include "driver/driver.h"
#include "driver/replay/replay_options.h"

namespace sluice {

class ReplayDriver : public Driver {
 public:
  explicit ReplayDriver(ReplayOptions options);
  ~ReplayDriver() override;

  // The name under which positions are recorded: options.source, or else the file's name without
  // its folder ("-" for standard input); for a segment the name of its folder, so that a stream has
  // one name whether it is given as a whole or in parts.
  const std::string& source() const;

  // Opens the input and skips what was consumed, which reads it. kInvalid, kNotFound: see Driver.
  // kConfiguration: an option is out of range. kIo.
  Status Begin(const DriverStart& start) override;
  // After an error every further call gives the same error.
  Result<std::optional<Block>> Next() override;
  void Stop() override;
  // bytes_read and lines_read run ahead of what Next has given, by what is queued.
  DriverProgress progress() const override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice
