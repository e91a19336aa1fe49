// SPDX-License-Identifier: Apache-2.0
//
// From the rows of a copy of the state to records, keyed and encoded as the heights' (see
// record_encoder.h):
//
//   layout changes   one record a row: a set of height H and transaction 0, numbered over the copy;
//                    a key that the state lacks: the same without a value
//   layout blocks    one record a part, in chunks like a height: its rows as sets; a last record
//                    without value says how many parts there were
//
// All carry the headers sluice-snapshot (H) and sluice-epoch, which name the copy together.
// Threading: one thread an encoder, which keeps its buffers between calls.
#pragma once

#include <cstdint>
#include <sluice/plugin.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/record.h"
#include "kafka/settings.h"

namespace sluice_kafka {

class CopyEncoder {
 public:
  // The copy is of the state after `args.height`, written by a start with `epoch`.
  CopyEncoder(const Settings& settings, std::string stream, bool plain_keys, uint64_t epoch,
              const sluice_snapshot_args& args);

  // Each emits until that is not OK, and returns what it answered.
  sluice::sdk::Status EncodePart(const sluice::sdk::SnapshotPart& part, const EmitRecord& emit);
  // Layout changes. `key`: of the record that is to be forgotten, in `partition`.
  sluice::sdk::Status EncodeTombstone(int32_t partition, std::string_view store,
                                      std::string_view key, const EmitRecord& emit);
  // Layout blocks; layout changes has no such record.
  sluice::sdk::Status EncodeEnd(const EmitRecord& emit);

  uint64_t parts() const { return parts_; }
  uint64_t rows() const { return rows_; }

 private:
  using Headers = std::vector<std::pair<const char*, std::string_view>>;
  sluice::sdk::Status EncodeRows(const EmitRecord& emit);
  sluice::sdk::Status EncodeBlock(const EmitRecord& emit);
  Headers CommonHeaders() const;

  const Settings settings_;
  const std::string stream_;
  const bool plain_keys_;
  const uint64_t epoch_;
  const sluice_snapshot_args args_;
  const std::string height_text_;
  const std::string epoch_text_;
  const std::string digest_text_;
  uint64_t parts_ = 0;
  uint64_t rows_ = 0;
  uint64_t records_ = 0;  // numbered so far, layout changes
  Record record_;
  std::string key_;
  std::string value_;
  std::vector<sluice_change> changes_;
};

}  // namespace sluice_kafka
