// SPDX-License-Identifier: Apache-2.0
//
// The lines of a text, one after another, in place in one buffer.
//
// Threading: one thread at a time.
// Ownership: a line is a view into the reader's buffer, valid until the next call of Next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "driver/replay/input_stream.h"

namespace sluice {

// Without its terminator (LF or CRLF) and, on line 1, without a byte order mark. Behind the text
// stand a
// '\r' or '\n' and LineParser::kPadding readable bytes.
struct Line {
  std::string_view text;
  uint64_t number = 0;  // from 1
};

class LineReader {
 public:
  // `input` is borrowed. `max_line_bytes`: a longer line is an error.
  LineReader(InputStream* input, std::string display_name, size_t max_line_bytes);

  // kBytes: *line is the next line. The others as in ReadOutcome; a last line without a terminator
  // comes before kEnd, and never where the input may still grow. kInvalid: the line is too long,
  // with its position; errors of the input.
  Result<ReadOutcome> Next(Line* line);

 private:
  Status MakeRoom();
  Status TooLong() const;
  void Take(size_t size, size_t terminator_size, Line* line);

  InputStream* const input_;
  const std::string display_name_;
  const size_t max_line_bytes_;

  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0;  // without the padding
  size_t begin_ = 0;     // of what is not yet taken
  size_t scanned_ = 0;   // no line feed in [begin_, scanned_)
  size_t end_ = 0;
  uint64_t number_ = 0;
};

}  // namespace sluice
