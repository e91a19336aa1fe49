// SPDX-License-Identifier: Apache-2.0
//
// One line of input to what it stands for: a block, a transaction, or a single operation.
//
// The hard part of reading JSON Lines is isolated in line_parser.cc, which alone sees simdjson.
//
// Threading: one thread at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/block.h"

namespace sluice {

enum class LineKind : uint8_t { kBlock = 1, kTransaction = 2, kOperation = 3 };

struct LineError {
  size_t column = 1;  // in bytes, from 1
  std::string text;   // what is wrong and what to do
};

struct ParsedLine {
  LineKind kind = LineKind::kBlock;
  size_t height_column = 1;  // of the height's value, where there is one
};

class LineParser {
 public:
  // Bytes behind a line that must be readable. The first must be '\r' or '\n', the others may be
  // anything.
  static constexpr size_t kPadding = 64;

  // `stores`: those that exist; an operation on another is an error.
  explicit LineParser(const std::vector<std::string>& stores);
  ~LineParser();
  LineParser(const LineParser&) = delete;
  LineParser& operator=(const LineParser&) = delete;

  // Appends the transactions of `line` (not blank, without its terminator, kPadding bytes behind
  // it) to `block`; a block line sets height and time too. After an error `block` may hold a part
  // of the line and is of no use.
  std::optional<LineError> Parse(std::string_view line, Block* block, ParsedLine* parsed);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// `text` in quotes for an error message, shortened where it is long.
std::string QuotedForError(std::string_view text);

}  // namespace sluice
