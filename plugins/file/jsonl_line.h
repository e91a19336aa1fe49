// SPDX-License-Identifier: Apache-2.0
//
// The lines of a jsonl file, for people and `jq`:
//
//   {"stream":"demo","height":12,"tx":0,"seq":3,"op":"set","store":"orders","key":"o-1","value":"42"}
//   {"stream":"demo","height":12,"epoch":3,"changes":1,"digest":"hex"}
//
// A line without "op" closes its height; "filtered":true is added to it where a filter left changes
// out. Bytes that are not UTF-8 stand under key_base64, value_base64, old_value_base64. A line with
// "base":true says where a stream that does not begin at genesis starts: its height is the one
// before the first.
//
// A snapshot is a file of its own: a line that begins it, a line a row, which is no change of a
// transaction and so has neither "tx" nor "seq", and a line that ends it, with the number of rows:
//
//   {"stream":"demo","height":12,"epoch":3,"changes":0,"digest":"hex","snapshot":"begin"}
//   {"stream":"demo","height":12,"snapshot":"row","op":"set","store":"orders","key":"o-1","value":"1"}
//   {"stream":"demo","height":12,"epoch":3,"changes":1,"digest":"hex","snapshot":"end"}
//
// Threading: the functions are pure.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "file/file_reader.h"
#include "file/frame.h"

namespace sluice_file {

enum class SnapshotLine { kNone, kBegin, kRow, kEnd };

struct ClosingLine {
  std::string stream;
  uint64_t height = 0;
  uint64_t epoch = 0;
  uint64_t changes = 0;  // lines before it
  Digest digest{};
  bool filtered = false;
  bool is_base = false;
  SnapshotLine snapshot = SnapshotLine::kNone;  // never kRow
};

// Each appends one line with its newline.
void AppendChangeLine(std::string_view stream, uint64_t height, const ChangeView& change,
                      std::string* out);
void AppendRowLine(std::string_view stream, uint64_t height, std::string_view store,
                   std::string_view key, std::string_view value, std::string* out);
void AppendClosingLine(const ClosingLine& line, std::string* out);

// One line as read. Strings are owned, so that a height's lines can be kept.
struct JsonlLine {
  bool is_change = false;
  bool is_row = false;  // of a snapshot; is_change too
  ClosingLine closing;  // stream and height are set for a change too
  bool is_delete = false;
  bool has_old_value = false;
  uint32_t transaction = 0;
  uint32_t sequence = 0;
  std::string store;
  std::string key;
  std::string value;
  std::string old_value;
};

// Reads lines. Keeps its working memory between them, which is what makes it fast.
// Threading: one thread.
class JsonlParser {
 public:
  JsonlParser();
  ~JsonlParser();
  JsonlParser(const JsonlParser&) = delete;
  JsonlParser& operator=(const JsonlParser&) = delete;

  // What is wrong with the line (without its newline), or nothing. Unknown fields are taken.
  std::string Parse(std::string_view text, JsonlLine* line);

 private:
  struct Memory;
  const std::unique_ptr<Memory> memory_;
};

}  // namespace sluice_file
