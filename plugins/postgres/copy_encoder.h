// SPDX-License-Identifier: Apache-2.0
//
// Rows as PostgreSQL's binary COPY wants them (its manual, "COPY", section "Binary Format"):
//   header  "PGCOPY\n\377\r\n\0", int32 flags 0, int32 length of the extension 0
//   row     int16 count of fields, then for each: int32 length (-1: NULL), bytes
//   end     int16 -1
// All integers are big-endian. Threading: none of its own. Ownership: the bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace sluice_postgres {

class CopyEncoder {
 public:
  CopyEncoder() = default;

  void BeginRow(uint16_t field_count);
  void Int16(int16_t value);
  void Int32(int32_t value);
  void Int64(int64_t value);
  void Bytes(std::string_view value);  // text and bytea
  void Null();

  bool empty() const { return rows_.empty(); }
  size_t size() const { return rows_.size(); }
  void Reserve(size_t bytes) { rows_.reserve(bytes); }
  // The rows without header and end.
  const std::string& rows() const { return rows_; }
  std::string TakeRows() { return std::move(rows_); }
  void Clear() { rows_.clear(); }

  static std::string_view Header();
  static std::string_view End();

 private:
  std::string rows_;
};

// The same format, read: one message of COPY TO STDOUT may hold any part of a row's neighbours, but
// the server gives whole rows, the header with the first of them.
class CopyRow {
 public:
  // False where the message is no row of `field_count` fields. It is read by the calls below, and
  // what they give points into it.
  bool Parse(std::string_view message, uint16_t field_count);
  // True for the mark after the last row.
  bool at_end() const { return at_end_; }

  // Of the next field, in order. NULL is not taken but by TakeBytes.
  int64_t TakeInt64();
  int32_t TakeInt32();
  bool TakeBool();
  // `is_null` may be null where the column cannot be.
  std::string_view TakeBytes(bool* is_null = nullptr);
  // False once a field was not what was asked for.
  bool ok() const { return ok_; }

 private:
  std::string_view TakeField(bool* is_null);

  std::string_view left_;
  bool at_end_ = false;
  bool ok_ = true;
};

}  // namespace sluice_postgres
