// SPDX-License-Identifier: Apache-2.0
#include "store/records.h"

#include <fmt/core.h>

#include "base/bytes.h"
#include "model/wire.h"

namespace sluice::records {
namespace {

// OK where all of the record was read, and was as it should be.
Status Finish(WireReader* reader, std::string_view what) {
  reader->ExpectEnd();
  if (reader->ok()) return Status::Ok();
  return Status(StatusCode::kCorruption,
                fmt::format("record '{}' of the database: {}", what, reader->ToStatus().message()));
}

std::vector<std::string> ReadTexts(WireReader* reader) {
  std::vector<std::string> texts;
  const uint64_t count = reader->ReadVarint();
  for (uint64_t i = 0; i < count && reader->ok(); ++i) {
    texts.emplace_back(reader->ReadLengthDelimited());
  }
  return texts;
}

void AppendTexts(std::string* out, const std::vector<std::string>& texts) {
  AppendVarint(out, texts.size());
  for (const std::string& text : texts) AppendLengthDelimited(out, text);
}

}  // namespace

std::string Key(std::string_view prefix, std::string_view name) {
  return std::string(prefix).append(name);
}

std::string JournalKey(Height height) { return BigEndian64(height.value()); }

std::string EncodeFormat(const Format& format) {
  std::string out;
  AppendVarint(&out, format.version);
  AppendLengthDelimited(&out, format.stream_id);
  AppendTexts(&out, format.stores);
  return out;
}

std::string EncodeHeads(const Heads& heads) {
  std::string out;
  AppendFixed64(&out, heads.committed.height.value());
  out.append(heads.committed.digest.view());
  AppendFixed64(&out, heads.committed.epoch.value());
  AppendFixed64(&out, heads.journaled.value());
  return out;
}

std::string EncodeNumber(uint64_t number) {
  std::string out;
  AppendFixed64(&out, number);
  return out;
}

std::string EncodeUnacked(const UnackedRange& range) {
  std::string out;
  AppendFixed64(&out, range.last.value());
  AppendVarint(&out, range.healed ? 1 : 0);
  AppendFixed64(&out, static_cast<uint64_t>(range.since_unix_nanos));
  AppendTexts(&out, range.sinks);
  return out;
}

Result<Format> DecodeFormat(std::string_view bytes) {
  WireReader reader(bytes);
  Format format;
  format.version = reader.ReadVarint();
  if (reader.ok() && format.version > kFormatVersion) return format;
  format.stream_id = reader.ReadLengthDelimited();
  format.stores = ReadTexts(&reader);
  SLUICE_RETURN_IF_ERROR(Finish(&reader, kFormatKey));
  return format;
}

Result<Heads> DecodeHeads(std::string_view bytes) {
  WireReader reader(bytes);
  Heads heads;
  CommittedState& committed = heads.committed;
  committed.height = Height(reader.ReadFixed64());
  committed.digest = Digest::FromBytes(reader.ReadBytes(sizeof(Digest::bytes))).value_or(Digest());
  committed.epoch = Epoch(reader.ReadFixed64());
  heads.journaled = Height(reader.ReadFixed64());
  SLUICE_RETURN_IF_ERROR(Finish(&reader, kHeadsKey));
  return heads;
}

Result<uint64_t> DecodeNumber(std::string_view what, std::string_view bytes) {
  WireReader reader(bytes);
  const uint64_t number = reader.ReadFixed64();
  SLUICE_RETURN_IF_ERROR(Finish(&reader, what));
  return number;
}

Result<UnackedRange> DecodeUnacked(std::string_view key, std::string_view bytes) {
  key.remove_prefix(std::min(key.size(), kUnackedPrefix.size()));
  if (key.size() != 8) {
    return Error(StatusCode::kCorruption,
                 "record 'unacked/' of the database: no height in its key");
  }
  WireReader reader(bytes);
  UnackedRange range;
  range.first = Height(ReadBigEndian64(key));
  range.last = Height(reader.ReadFixed64());
  range.healed = reader.ReadVarint(1) == 1;
  range.since_unix_nanos = static_cast<int64_t>(reader.ReadFixed64());
  range.sinks = ReadTexts(&reader);
  SLUICE_RETURN_IF_ERROR(Finish(&reader, kUnackedPrefix));
  return range;
}

}  // namespace sluice::records
