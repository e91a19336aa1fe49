// SPDX-License-Identifier: Apache-2.0
#include "file/change_set_decoder.h"

#include "file/little_endian.h"

namespace sluice_file {
namespace {

// One field of a protobuf message: a number, or bytes.
struct Field {
  uint32_t number = 0;
  uint64_t integer = 0;    // varint and fixed
  std::string_view bytes;  // length-delimited
};

class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : left_(bytes) {}

  // False at the end and where the bytes are no message; bad() tells which.
  bool Next(Field* field) {
    if (left_.empty()) return false;
    uint64_t tag = 0;
    if (!Varint(&tag)) return false;
    *field = Field();
    field->number = static_cast<uint32_t>(tag >> 3);
    switch (tag & 7) {
      case 0:
        return Varint(&field->integer);
      case 1:
        return Fixed<uint64_t>(field);
      case 5:
        return Fixed<uint32_t>(field);
      case 2: {
        uint64_t size = 0;
        if (!Varint(&size) || size > left_.size()) return Bad();
        field->bytes = left_.substr(0, size);
        left_.remove_prefix(size);
        return true;
      }
      default:
        return Bad();
    }
  }
  bool bad() const { return bad_; }

 private:
  bool Bad() {
    bad_ = true;
    return false;
  }
  bool Varint(uint64_t* value) {
    *value = 0;
    for (unsigned shift = 0; shift < 64 && !left_.empty(); shift += 7) {
      const auto byte = static_cast<uint8_t>(left_.front());
      left_.remove_prefix(1);
      *value |= uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return true;
    }
    return Bad();
  }
  template <typename T>
  bool Fixed(Field* field) {
    if (left_.size() < sizeof(T)) return Bad();
    field->integer = ReadLittle<T>(left_, 0);
    left_.remove_prefix(sizeof(T));
    return true;
  }

  std::string_view left_;
  bool bad_ = false;
};

bool DecodeChange(std::string_view bytes, ChangeView* change) {
  constexpr uint64_t kSet = 1;
  constexpr uint64_t kDelete = 2;
  uint64_t op = 0;
  WireReader reader(bytes);
  Field field;
  while (reader.Next(&field)) {
    switch (field.number) {
      case 1:
        change->transaction = static_cast<uint32_t>(field.integer);
        break;
      case 2:
        change->sequence = static_cast<uint32_t>(field.integer);
        break;
      case 3:
        op = field.integer;
        break;
      case 4:
        change->store = field.bytes;
        break;
      case 5:
        change->key = field.bytes;
        break;
      case 6:
        change->value = field.bytes;
        break;
      default:
        break;
    }
  }
  change->is_delete = op == kDelete;
  return !reader.bad() && (op == kSet || op == kDelete);
}

}  // namespace

std::string DecodeChangeSet(std::string_view canonical, ChangeSetView* out) {
  *out = ChangeSetView();
  WireReader reader(canonical);
  Field field;
  while (reader.Next(&field)) {
    switch (field.number) {
      case 1:
        out->stream = field.bytes;
        break;
      case 2:
        out->height = field.integer;
        break;
      case 3:
        out->time_unix_nanos = static_cast<int64_t>(field.integer);
        break;
      case 4: {
        ChangeView change;
        if (!DecodeChange(field.bytes, &change)) {
          return "change " + std::to_string(out->changes.size()) + " is no change of this schema";
        }
        out->changes.push_back(change);
        break;
      }
      case 6:
        out->filtered = field.integer != 0;
        break;
      default:
        break;
    }
  }
  return reader.bad() ? "the bytes are no sluice.stream.v1.ChangeSet" : std::string();
}

}  // namespace sluice_file
