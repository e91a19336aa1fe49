// SPDX-License-Identifier: Apache-2.0
//
// Lines to blocks: which kind of line may follow which, which height may follow which, when lines
// that are no blocks make one, and the position after each block. No threads; the replay driver
// runs it on one.
//
// Threading: as BlockInput; Resume before the first Next.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "base/status.h"
#include "driver/driver.h"
#include "driver/replay/block_input.h"
#include "driver/replay/byte_source.h"
#include "driver/replay/line_parser.h"
#include "driver/replay/line_reader.h"
#include "driver/replay/replay_options.h"
#include "driver/replay/replay_position.h"

namespace sluice {

class BlockReader : public BlockInput {
 public:
  // `lines`, and `bytes`, from which they come, are borrowed. `source`: the name under which
  // positions are recorded. `options.path` is used for nothing here.
  BlockReader(LineReader* lines, const ByteSource* bytes, const ReplayOptions& options,
              std::string source, const DriverStart& start);

  // Skips what `position`, an encoded ReplayPosition, says was consumed. kInvalid where those lines
  // are not what they were. Called before the first Next. A stop on the way is no error.
  // `quiet_is_end`: a quiet input is one that ends here for now, as a file that is followed; lines
  // that are missing there will not come back by waiting.
  Status Resume(std::string_view position, bool quiet_is_end);

  Result<std::optional<ReadBlock>> Next() override;
  DriverProgress progress() const override;

 private:
  uint64_t lines_read() const { return lines_read_.load(std::memory_order_relaxed); }
  void Count(std::string_view text);
  Status LineFault(size_t column, std::string_view text) const;
  Status CheckKind(LineKind kind);
  // False: the block is at or below the start height and is skipped.
  Result<bool> CheckHeight(const Block& block, size_t column);
  ReadBlock Finish(Block block, size_t line_bytes, SourceKind kind);

  LineReader* const lines_;
  const ByteSource* const bytes_;
  const uint64_t block_txs_;
  const uint64_t block_max_bytes_;
  const std::string& display_name_;
  const std::string source_;
  const Height start_height_;

  LineParser parser_;
  LineHash hash_;
  bool hashing_ = true;  // until the first line with a height
  Line line_;
  bool line_held_ = false;  // line_ was read and belongs to the next block
  std::optional<SourceKind> kind_;
  std::optional<bool> has_heights_;
  Height last_height_;
  bool handed_over_ = false;

  std::atomic<uint64_t> lines_read_{0};
  std::atomic<uint64_t> blocks_skipped_{0};
};

}  // namespace sluice
