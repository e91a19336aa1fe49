// SPDX-License-Identifier: Apache-2.0
#include "postgres/copy_encoder.h"

namespace sluice_postgres {
namespace {

// With the zero byte that ends the signature.
constexpr char kHeader[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";
constexpr std::string_view kHeaderView(kHeader, 19);
constexpr std::string_view kEndView("\377\377", 2);

template <typename T>
void AppendBig(T value, std::string* out) {
  char bytes[sizeof(T)];
  for (size_t i = 0; i < sizeof(T); ++i) {
    bytes[i] = static_cast<char>(value >> (8 * (sizeof(T) - 1 - i)));
  }
  out->append(bytes, sizeof(T));
}

template <typename T>
T ReadBig(std::string_view bytes) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value << 8 | static_cast<unsigned char>(bytes[i]));
  }
  return value;
}

}  // namespace

std::string_view CopyEncoder::Header() { return kHeaderView; }
std::string_view CopyEncoder::End() { return kEndView; }

void CopyEncoder::BeginRow(uint16_t field_count) { AppendBig(field_count, &rows_); }

void CopyEncoder::Int16(int16_t value) {
  AppendBig<uint32_t>(2, &rows_);
  AppendBig(static_cast<uint16_t>(value), &rows_);
}

void CopyEncoder::Int32(int32_t value) {
  AppendBig<uint32_t>(4, &rows_);
  AppendBig(static_cast<uint32_t>(value), &rows_);
}

void CopyEncoder::Int64(int64_t value) {
  AppendBig<uint32_t>(8, &rows_);
  AppendBig(static_cast<uint64_t>(value), &rows_);
}

void CopyEncoder::Bytes(std::string_view value) {
  AppendBig(static_cast<uint32_t>(value.size()), &rows_);
  rows_.append(value);
}

void CopyEncoder::Null() { AppendBig(UINT32_MAX, &rows_); }

bool CopyRow::Parse(std::string_view message, uint16_t field_count) {
  at_end_ = false;
  ok_ = true;
  if (message.substr(0, kHeaderView.size()) == kHeaderView) {
    message.remove_prefix(kHeaderView.size());
  }
  if (message.size() < 2) return ok_ = false;
  const auto count = ReadBig<uint16_t>(message);
  left_ = message.substr(2);
  at_end_ = count == UINT16_MAX;
  ok_ = at_end_ || count == field_count;
  return ok_;
}

std::string_view CopyRow::TakeField(bool* is_null) {
  *is_null = false;
  if (left_.size() < 4) {
    ok_ = false;
    return {};
  }
  const auto size = ReadBig<uint32_t>(left_);
  left_.remove_prefix(4);
  if (size == UINT32_MAX) {
    *is_null = true;
    return {};
  }
  if (size > left_.size()) {
    ok_ = false;
    return {};
  }
  const std::string_view field = left_.substr(0, size);
  left_.remove_prefix(size);
  return field;
}

int64_t CopyRow::TakeInt64() {
  bool is_null = false;
  const std::string_view field = TakeField(&is_null);
  if (field.size() == 8) return static_cast<int64_t>(ReadBig<uint64_t>(field));
  ok_ = false;
  return 0;
}

int32_t CopyRow::TakeInt32() {
  bool is_null = false;
  const std::string_view field = TakeField(&is_null);
  if (field.size() == 4) return static_cast<int32_t>(ReadBig<uint32_t>(field));
  ok_ = false;
  return 0;
}

bool CopyRow::TakeBool() {
  bool is_null = false;
  const std::string_view field = TakeField(&is_null);
  if (field.size() == 1) return field[0] != 0;
  ok_ = false;
  return false;
}

std::string_view CopyRow::TakeBytes(bool* is_null) {
  bool null = false;
  const std::string_view field = TakeField(&null);
  if (is_null != nullptr) {
    *is_null = null;
  } else if (null) {
    ok_ = false;
  }
  return field;
}

}  // namespace sluice_postgres
