// SPDX-License-Identifier: Apache-2.0
#include "driver/replay/line_reader.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "driver/replay/line_parser.h"

namespace sluice {
namespace {

// Twice what is read at once, so that a line that crosses the end of a read finds room without
// growing.
constexpr size_t kReadBytes = 1 << 20;
constexpr size_t kInitialBytes = 2 * kReadBytes;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace

LineReader::LineReader(InputStream* input, std::string display_name, size_t max_line_bytes)
    : input_(input),
      display_name_(std::move(display_name)),
      max_line_bytes_(max_line_bytes),
      buffer_(new char[kInitialBytes + 1 + LineParser::kPadding]()),
      capacity_(kInitialBytes) {}

Result<ReadOutcome> LineReader::Next(Line* line) {
  for (;;) {
    char* data = buffer_.get();
    auto* feed = static_cast<char*>(std::memchr(data + scanned_, '\n', end_ - scanned_));
    if (feed != nullptr) {
      Take(static_cast<size_t>(feed - data) - begin_, 1, line);
      if (line->text.size() > max_line_bytes_) return Error(TooLong());
      return ReadOutcome::kBytes;
    }
    scanned_ = end_;
    SLUICE_RETURN_IF_ERROR(MakeRoom());
    SLUICE_ASSIGN_OR_RETURN(ReadResult read, input_->Read(buffer_.get() + end_, capacity_ - end_));
    if (read.outcome == ReadOutcome::kEnd && begin_ < end_) {
      buffer_[end_] = '\n';  // the parser wants a terminator behind the line
      Take(end_ - begin_, 0, line);
      if (line->text.size() > max_line_bytes_) return Error(TooLong());
      return ReadOutcome::kBytes;
    }
    if (read.outcome != ReadOutcome::kBytes) return read.outcome;
    end_ += read.size;
  }
}

void LineReader::Take(size_t size, size_t terminator_size, Line* line) {
  std::string_view text(buffer_.get() + begin_, size);
  begin_ += size + terminator_size;
  scanned_ = begin_;
  if (++number_ == 1 && text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (text.ends_with('\r')) text.remove_suffix(1);
  *line = Line{text, number_};
}

// Makes room for another read: moves what is left to the front, or grows where one line fills it
// all.
Status LineReader::MakeRoom() {
  size_t left = end_ - begin_;
  // Beyond the line itself: a byte order mark and a carriage return.
  if (left > max_line_bytes_ + kByteOrderMark.size() + 1) {
    ++number_;
    return TooLong();
  }
  if (capacity_ - end_ >= kReadBytes) return Status::Ok();
  if (capacity_ - left >= kReadBytes) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, left);
  } else {
    size_t larger = capacity_ * 2;
    std::unique_ptr<char[]> grown(new char[larger + 1 + LineParser::kPadding]());
    std::memcpy(grown.get(), buffer_.get() + begin_, left);
    buffer_ = std::move(grown);
    capacity_ = larger;
  }
  begin_ = 0;
  scanned_ = end_ = left;
  return Status::Ok();
}

Status LineReader::TooLong() const {
  return Status(StatusCode::kInvalid,
                fmt::format("{}:{}:{}: the line is longer than {} bytes; split it, or raise "
                            "block_max_bytes in [driver.replay]",
                            display_name_, number_, max_line_bytes_ + 1, max_line_bytes_));
}

}  // namespace sluice
