// SPDX-License-Identifier: Apache-2.0
//
// The three wire types of protobuf that our encodings use: varint, fixed64, length-delimited. By
// hand, because a canonical form has to be refused where it is not canonical, and read without
// copying. Threading: pure functions and plain values.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace sluice {

// No length is larger: it is what every protobuf implementation accepts.
inline constexpr uint64_t kMaxWireLength = (uint64_t{1} << 31) - 1;
inline constexpr size_t kMaxVarintSize = 10;

// Bytes of the shortest varint of `value`.
constexpr size_t VarintSize(uint64_t value) {
  return (static_cast<size_t>(std::bit_width(value | 1)) + 6) / 7;
}

// Writes the shortest varint of `value` to `out`, which has room for it; gives the byte after it.
inline char* PutVarint(char* out, uint64_t value) {
  while (value >= 0x80) {
    *out++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<char>(value);
  return out;
}

void AppendVarint(std::string* out, uint64_t value);
// Little-endian, as protobuf's fixed64.
void AppendFixed64(std::string* out, uint64_t value);
// The length as a varint, then the bytes.
void AppendLengthDelimited(std::string* out, std::string_view bytes);

// Reads forward and remembers the first fault. After a fault every read fails and gives a default
// value, so that a caller may look at ok() once at the end of a group. Lifetime: views are into the
// bytes given to the constructor.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : bytes_(bytes), end_(bytes.size()) {}

  bool ok() const { return fault_ == nullptr; }
  size_t offset() const { return offset_; }
  bool at_end() const { return offset_ == end_; }

  // True, and past it, where the next byte is `tag`. False leaves the reader where it is.
  bool TakeTag(uint8_t tag) {
    if (!ok() || at_end() || static_cast<uint8_t>(bytes_[offset_]) != tag) return false;
    ++offset_;
    return true;
  }

  // A varint in its shortest form that is not above `max`.
  uint64_t ReadVarint(uint64_t max = UINT64_MAX);
  uint32_t ReadVarint32() { return static_cast<uint32_t>(ReadVarint(UINT32_MAX)); }
  // As above, but 0 is a fault: a field at its default has to be left out.
  uint64_t ReadNonZero(uint64_t max = UINT64_MAX);
  uint64_t ReadFixed64();
  std::string_view ReadBytes(size_t size);
  std::string_view ReadLengthDelimited();

  // Confines reading to the length-delimited part that begins here, until LeaveMessage.
  // Gives the end to go back to.
  size_t EnterMessage();
  // A fault unless the part was read to its end.
  void LeaveMessage(size_t outer_end);

  // Records a fault at `offset`; only the first one counts. `fault`: a literal.
  void Fail(size_t offset, const char* fault) {
    if (ok()) {
      fault_ = fault;
      fault_offset_ = offset;
    }
  }
  // A fault at the current byte unless all was read.
  void ExpectEnd();

  // OK, or kCorruption with "byte <offset>: <fault>".
  Status ToStatus() const;

 private:
  std::string_view bytes_;
  size_t end_;
  size_t offset_ = 0;
  const char* fault_ = nullptr;
  size_t fault_offset_ = 0;
};

}  // namespace sluice
