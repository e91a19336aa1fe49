// SPDX-License-Identifier: Apache-2.0
//
// The node's own records in the database's default column family: their keys, and their bytes.
//
//   format                 varint(version) bytes(stream id) varint(count) bytes(store)*
//   heads                  fixed64(committed height) digest fixed64(epoch) fixed64(journaled
//   height) epoch                  fixed64(epoch) journal_base           fixed64(height)       the
//   journal's records up to it are pruned position/<source>      the driver's own bytes
//   unacked/<height BE64>  fixed64(last) varint(healed) fixed64(since) varint(count) bytes(sink)*
//   watermark/<sink>       fixed64(height)
//   record/<name>          opaque
//
// bytes, varint, fixed64 as in model/wire.h. Journal keys are the height in big-endian order.
// Threading: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/types.h"
#include "store/database.h"

namespace sluice::records {

inline constexpr uint64_t kFormatVersion = 1;

inline constexpr std::string_view kFormatKey = "format";
inline constexpr std::string_view kHeadsKey = "heads";
inline constexpr std::string_view kEpochKey = "epoch";
inline constexpr std::string_view kJournalBaseKey = "journal_base";
inline constexpr std::string_view kPositionPrefix = "position/";
inline constexpr std::string_view kUnackedPrefix = "unacked/";
inline constexpr std::string_view kWatermarkPrefix = "watermark/";
inline constexpr std::string_view kNamedPrefix = "record/";

std::string Key(std::string_view prefix, std::string_view name);
std::string JournalKey(Height height);

struct Format {
  uint64_t version = kFormatVersion;
  std::string stream_id;
  std::vector<std::string> stores;
};

// How far the home has come. In one record, so that every batch says it at the cost of one key; and
// said rather than read off the journal's keys, so that a journal that lacks its end is found out.
struct Heads {
  CommittedState committed;
  Height journaled;
};

std::string EncodeFormat(const Format& format);
std::string EncodeHeads(const Heads& heads);
std::string EncodeNumber(uint64_t number);
std::string EncodeUnacked(const UnackedRange& range);

// kCorruption where the bytes are not what the encoder writes. Of a newer version only `version` is
// read: the rest may mean anything.
Result<Format> DecodeFormat(std::string_view bytes);
Result<Heads> DecodeHeads(std::string_view bytes);
// `what`: the record's name, for the error text.
Result<uint64_t> DecodeNumber(std::string_view what, std::string_view bytes);
// `key`: the record's whole key, which holds the first height.
Result<UnackedRange> DecodeUnacked(std::string_view key, std::string_view bytes);

}  // namespace sluice::records
