// SPDX-License-Identifier: Apache-2.0
#include "model/wire.h"

#include <fmt/core.h>

namespace sluice {

void AppendVarint(std::string* out, uint64_t value) {
  char buffer[kMaxVarintSize];
  out->append(buffer, PutVarint(buffer, value));
}

void AppendFixed64(std::string* out, uint64_t value) {
  char buffer[8];
  for (char& byte : buffer) {
    byte = static_cast<char>(value);
    value >>= 8;
  }
  out->append(buffer, sizeof buffer);
}

void AppendLengthDelimited(std::string* out, std::string_view bytes) {
  AppendVarint(out, bytes.size());
  out->append(bytes);
}

uint64_t WireReader::ReadVarint(uint64_t max) {
  if (!ok()) return 0;
  uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    if (at_end()) {
      Fail(offset_, "cut off inside a number");
      return 0;
    }
    const auto byte = static_cast<uint8_t>(bytes_[offset_]);
    // The tenth byte holds the one bit that is left of 64.
    if (shift == 63 && byte > 1) {
      Fail(offset_, "number larger than 64 bits");
      return 0;
    }
    if (byte == 0 && shift > 0) {
      Fail(offset_, "number not in its shortest form");
      return 0;
    }
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) {
      if (value > max) {
        Fail(offset_, "number too large");
        return 0;
      }
      ++offset_;
      return value;
    }
    ++offset_;
  }
}

uint64_t WireReader::ReadNonZero(uint64_t max) {
  const size_t start = offset_;
  const uint64_t value = ReadVarint(max);
  if (value == 0) Fail(start, "default value written out");
  return value;
}

uint64_t WireReader::ReadFixed64() {
  const std::string_view raw = ReadBytes(8);
  uint64_t value = 0;
  for (size_t i = raw.size(); i > 0; --i) value = value << 8 | static_cast<uint8_t>(raw[i - 1]);
  return value;
}

std::string_view WireReader::ReadBytes(size_t size) {
  if (!ok()) return {};
  if (size > end_ - offset_) {
    Fail(end_, "cut off");
    return {};
  }
  const std::string_view bytes = bytes_.substr(offset_, size);
  offset_ += size;
  return bytes;
}

std::string_view WireReader::ReadLengthDelimited() {
  const size_t start = offset_;
  const uint64_t size = ReadVarint(kMaxWireLength);
  if (ok() && size > end_ - offset_) Fail(start, "length reaches beyond the end");
  return ReadBytes(size);
}

size_t WireReader::EnterMessage() {
  const size_t outer_end = end_;
  const size_t start = offset_;
  const uint64_t size = ReadVarint(kMaxWireLength);
  if (ok() && size > end_ - offset_) Fail(start, "length reaches beyond the end");
  if (ok()) end_ = offset_ + size;
  return outer_end;
}

void WireReader::LeaveMessage(size_t outer_end) {
  ExpectEnd();
  end_ = outer_end;
}

void WireReader::ExpectEnd() {
  if (!at_end()) Fail(offset_, "field unknown, repeated or out of order");
}

Status WireReader::ToStatus() const {
  if (ok()) return Status::Ok();
  return Status(StatusCode::kCorruption, fmt::format("byte {}: {}", fault_offset_, fault_));
}

}  // namespace sluice
