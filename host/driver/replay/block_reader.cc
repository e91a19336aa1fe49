// SPDX-License-Identifier: Apache-2.0
#include "driver/replay/block_reader.h"

#include <fmt/core.h>

#include <utility>

#include "file/frame.h"

namespace sluice {
namespace {

bool IsBlank(std::string_view text) { return text.find_first_not_of(" \t\r") == text.npos; }

}  // namespace

BlockReader::BlockReader(LineReader* lines, const ByteSource* bytes, const ReplayOptions& options,
                         std::string source, const DriverStart& start)
    : lines_(lines),
      bytes_(bytes),
      block_txs_(options.block_txs),
      block_max_bytes_(options.block_max_bytes),
      display_name_(bytes->display_name()),
      source_(std::move(source)),
      start_height_(start.height),
      parser_(start.stores),
      last_height_(start.height) {}

Status BlockReader::Resume(std::string_view state, bool quiet_is_end) {
  std::optional<ReplayPosition> position = DecodeReplayPosition(state);
  if (!position) {
    return Status(
        StatusCode::kInvalid,
        fmt::format("cannot continue source {}: its recorded position is not one that this "
                    "version understands; use the version that wrote it, or replay under "
                    "another name with --source",
                    QuotedForError(source_)));
  }
  auto changed = [&](std::string_view how) {
    return Status(StatusCode::kInvalid,
                  fmt::format("cannot continue source {}: {}: {}; put the original back, or replay "
                              "this input from its beginning under another name with --source",
                              QuotedForError(source_), display_name_, how));
  };
  while (lines_read() < position->lines) {
    SLUICE_ASSIGN_OR_RETURN(ReadOutcome outcome, lines_->Next(&line_));
    if (outcome == ReadOutcome::kStopped) return Status::Ok();
    // The last consumed line may be there without its line feed, for which a followed file still
    // waits.
    bool missing =
        outcome == ReadOutcome::kQuiet && quiet_is_end && lines_read() + 1 < position->lines;
    if (outcome == ReadOutcome::kQuiet && !missing) continue;
    if (outcome == ReadOutcome::kEnd || missing) {
      return changed(fmt::format("it has {} lines, but {} of it were consumed earlier",
                                 lines_read(), position->lines));
    }
    Count(line_.text);
  }
  if (hash_.Current() != position->hash) {
    return changed(
        fmt::format("its first {} lines have changed since they were consumed", position->lines));
  }
  kind_ = position->kind;
  if (kind_ == SourceKind::kBlocks) has_heights_ = false;
  return Status::Ok();
}

Result<std::optional<ReadBlock>> BlockReader::Next() {
  Block block;
  size_t line_bytes = 0;
  for (;;) {
    if (!std::exchange(line_held_, false)) {
      SLUICE_ASSIGN_OR_RETURN(ReadOutcome outcome, lines_->Next(&line_));
      if (outcome == ReadOutcome::kStopped) return std::optional<ReadBlock>();
      if (outcome != ReadOutcome::kBytes) {
        if (!block.transactions.empty())
          return Finish(std::move(block), line_bytes, SourceKind::kLines);
        if (outcome == ReadOutcome::kEnd) return std::optional<ReadBlock>();
        continue;
      }
    }
    if (IsBlank(line_.text)) {
      Count(line_.text);
      continue;
    }
    if (!block.transactions.empty() && line_bytes + line_.text.size() > block_max_bytes_) {
      line_held_ = true;
      return Finish(std::move(block), line_bytes, SourceKind::kLines);
    }
    ParsedLine parsed;
    if (auto error = parser_.Parse(line_.text, &block, &parsed)) {
      if (line_.number == 1 && line_.text.starts_with(sluice_file::kSegmentMagic)) {
        error->text =
            "this is a segment of a stream, which is not read through a pipe or from a compressed "
            "file; give the path of the stream's folder, or of the segment itself";
        error->column = 1;
      }
      return Error(LineFault(error->column, error->text));
    }
    SLUICE_RETURN_IF_ERROR(CheckKind(parsed.kind));
    line_bytes += line_.text.size();
    if (parsed.kind == LineKind::kBlock) {
      SLUICE_ASSIGN_OR_RETURN(bool take, CheckHeight(block, parsed.height_column));
      Count(line_.text);
      if (take) return Finish(std::move(block), line_bytes, SourceKind::kBlocks);
      block = Block();
      line_bytes = 0;
      continue;
    }
    Count(line_.text);
    if (block.transactions.size() >= block_txs_) {
      return Finish(std::move(block), line_bytes, SourceKind::kLines);
    }
  }
}

DriverProgress BlockReader::progress() const {
  DriverProgress progress;
  progress.bytes_read = bytes_->bytes_read();
  progress.bytes_total = bytes_->bytes_total();
  progress.blocks_skipped = blocks_skipped_.load(std::memory_order_relaxed);
  progress.lines_read = lines_read();
  return progress;
}

void BlockReader::Count(std::string_view text) {
  if (hashing_) hash_.Add(text);
  lines_read_.fetch_add(1, std::memory_order_relaxed);
}

Status BlockReader::LineFault(size_t column, std::string_view text) const {
  return Status(StatusCode::kInvalid,
                fmt::format("{}:{}:{}: {}", display_name_, line_.number, column, text));
}

Status BlockReader::CheckKind(LineKind line_kind) {
  SourceKind kind = line_kind == LineKind::kBlock ? SourceKind::kBlocks : SourceKind::kLines;
  if (!kind_) kind_ = kind;
  if (kind_ == kind) return Status::Ok();
  std::string_view text =
      kind == SourceKind::kBlocks
          ? "a block after lines that are transactions or operations; put them in separate files"
          : "a line that is no block after blocks; put them in separate files";
  return LineFault(line_.text.find_first_not_of(" \t\r") + 1, text);
}

Result<bool> BlockReader::CheckHeight(const Block& block, size_t column) {
  bool has_height = block.height.has_value();
  if (!has_heights_) has_heights_ = has_height;
  if (has_heights_ != has_height) {
    size_t line_column = line_.text.find_first_not_of(" \t\r") + 1;
    return Error(has_height ? LineFault(column,
                                        "a block with a height after blocks without one; "
                                        "remove it, or give every block its height")
                            : LineFault(line_column,
                                        "a block without a height after blocks with "
                                        "one; give every block its height"));
  }
  if (!has_height) return true;
  // The height is the position: what was consumed needs no hash.
  hashing_ = false;
  Height height = *block.height;
  if (!handed_over_ && height <= start_height_) {
    blocks_skipped_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  Height next = last_height_ + 1;
  if (height < next) {
    return Error(LineFault(column, fmt::format("height {} stands here again after {}; remove the "
                                               "repeated block",
                                               height, last_height_)));
  }
  if (height > next) {
    return Error(LineFault(column, fmt::format("height {} where {} is the next; add the blocks "
                                               "between, or correct the height",
                                               height, next)));
  }
  last_height_ = height;
  return true;
}

ReadBlock BlockReader::Finish(Block block, size_t line_bytes, SourceKind kind) {
  handed_over_ = true;
  if (!block.height) {
    block.position.source = source_;
    block.position.state = EncodeReplayPosition({kind, lines_read(), hash_.Current()});
  }
  return ReadBlock{std::move(block), line_bytes};
}

}  // namespace sluice
