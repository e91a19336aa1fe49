// SPDX-License-Identifier: Apache-2.0
//
//   record     := head canonical crc
//   head       := "SLJ" 01                 what it is, and the version of this grammar
//                 fixed64(height)
//                 digest previous_digest   32 bytes each
//                 bytes(position.source) bytes(position.state)
//                 varint(count of old values) (varint(sequence) bytes(old value))*
//                 varint(size of canonical)
//   crc        := CRC-32C of head and canonical, 4 bytes, least significant first
//   bytes, varint, fixed64: as in change_set.cc, and as strictly read
//
// The CRC is last in every version, so that a damaged version byte is told from a newer version. It
// finds damage without a look at the content; the digest, over canonical only, proves the history.
#include "model/journal_record.h"

#include <fmt/core.h>

#include <utility>

#include "base/crc32c.h"
#include "model/wire.h"

namespace sluice {
namespace {

constexpr std::string_view kMagic = "SLJ";
constexpr uint8_t kVersion = 1;
constexpr size_t kCrcSize = 4;

void AppendCrc(std::string* out, uint32_t crc) {
  for (int shift = 0; shift < 32; shift += 8) out->push_back(static_cast<char>(crc >> shift));
}

uint32_t ReadCrc(std::string_view bytes) {
  uint32_t crc = 0;
  for (size_t i = kCrcSize; i > 0; --i) crc = crc << 8 | static_cast<uint8_t>(bytes[i - 1]);
  return crc;
}

Status Corruption(Height height, std::string_view what) {
  return Status(StatusCode::kCorruption,
                fmt::format("journal record of height {}: {}", height, what));
}

Status CheckCrc(Height height, std::string_view bytes) {
  if (bytes.size() < kMagic.size() + 1 + kCrcSize) {
    return Corruption(height, fmt::format("cut off at byte {}", bytes.size()));
  }
  const size_t end = bytes.size() - kCrcSize;
  const uint32_t stored = ReadCrc(bytes.substr(end));
  const uint32_t computed = Crc32c(bytes.substr(0, end));
  if (stored == computed) return Status::Ok();
  return Corruption(height, fmt::format("CRC-32C of bytes 0 to {} is {:08x}, but {:08x} is stored "
                                        "at byte {}",
                                        end, computed, stored, end));
}

Digest ReadDigest(WireReader* reader) {
  return Digest::FromBytes(reader->ReadBytes(sizeof(Digest::bytes))).value_or(Digest());
}

}  // namespace

EncodedJournalRecord EncodeJournalRecord(const JournalRecord& record) {
  const ChangeSet& change_set = *record.change_set;
  EncodedJournalRecord encoded;
  std::string& head = encoded.head;
  head.append(kMagic);
  head.push_back(static_cast<char>(kVersion));
  AppendFixed64(&head, change_set.height().value());
  head.append(change_set.digest().view());
  head.append(change_set.previous_digest().view());
  AppendLengthDelimited(&head, record.position.source);
  AppendLengthDelimited(&head, record.position.state);
  AppendVarint(&head, change_set.old_values().size());
  for (const OldValue& old_value : change_set.old_values()) {
    AppendVarint(&head, old_value.sequence);
    AppendLengthDelimited(&head, old_value.value);
  }
  AppendVarint(&head, change_set.canonical().size());
  encoded.canonical = change_set.canonical();
  AppendCrc(&encoded.tail, ExtendCrc32c(Crc32c(head), encoded.canonical));
  return encoded;
}

Result<JournalRecord> DecodeJournalRecord(Height height, std::string_view bytes) {
  SLUICE_RETURN_IF_ERROR(CheckCrc(height, bytes));
  WireReader reader(bytes.substr(0, bytes.size() - kCrcSize));
  if (reader.ReadBytes(kMagic.size()) != kMagic) {
    return Error(Corruption(height, "byte 0: not a journal record"));
  }
  if (!reader.TakeTag(kVersion)) {
    return Error(StatusCode::kUnsupported,
                 fmt::format("journal record of height {} has version {}, this program reads {}: "
                             "use the release that wrote it",
                             height, static_cast<uint8_t>(bytes[kMagic.size()]), kVersion));
  }

  const Height stored_height(reader.ReadFixed64());
  const Digest digest = ReadDigest(&reader);
  const Digest previous_digest = ReadDigest(&reader);
  JournalRecord record;
  record.position.source = reader.ReadLengthDelimited();
  record.position.state = reader.ReadLengthDelimited();
  std::vector<OldValue> old_values;
  const uint64_t old_value_count = reader.ReadVarint(UINT32_MAX);
  for (uint64_t i = 0; i < old_value_count && reader.ok(); ++i) {
    const uint32_t sequence = reader.ReadVarint32();
    old_values.push_back({sequence, std::string(reader.ReadLengthDelimited())});
  }
  std::string_view canonical = reader.ReadLengthDelimited();
  const size_t canonical_offset = reader.offset() - canonical.size();
  reader.ExpectEnd();
  if (!reader.ok()) return Error(Corruption(height, reader.ToStatus().message()));

  auto parsed =
      ChangeSet::Parse(std::string(canonical), previous_digest, digest, std::move(old_values));
  if (!parsed) {
    return Error(Corruption(height, fmt::format("in the part at byte {}: {}", canonical_offset,
                                                parsed.error().message())));
  }
  record.change_set = *std::move(parsed);
  if (stored_height != height || record.change_set->height() != height) {
    return Error(Corruption(height, fmt::format("it is that of height {}, with a change set of {}",
                                                stored_height, record.change_set->height())));
  }
  if (record.change_set->filtered()) {
    return Error(Corruption(height, "its change set is filtered"));
  }
  if (Status status = record.change_set->CheckDigest(); !status.ok()) {
    return Error(Corruption(height, status.message()));
  }
  return record;
}

}  // namespace sluice
