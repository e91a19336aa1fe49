// SPDX-License-Identifier: Apache-2.0
#include "kafka/copy_encoder.h"

#include <utility>

#include "kafka/record_value.h"

namespace sluice_kafka {

using sluice::sdk::SnapshotPart;
using sluice::sdk::Status;
using sluice::sdk::View;

CopyEncoder::CopyEncoder(const Settings& settings, std::string stream, bool plain_keys,
                         uint64_t epoch, const sluice_snapshot_args& args)
    : settings_(settings),
      stream_(std::move(stream)),
      plain_keys_(plain_keys),
      epoch_(epoch),
      args_(args),
      height_text_(std::to_string(args.height)),
      epoch_text_(std::to_string(epoch)),
      digest_text_(sluice::sdk::ToHex(View(args.digest))) {
  record_.height = args.height;
}

CopyEncoder::Headers CopyEncoder::CommonHeaders() const {
  return {{kHeaderStream, stream_},
          {kHeaderHeight, height_text_},
          {kHeaderDigest, digest_text_},
          {kHeaderSnapshot, height_text_},
          {kHeaderEpoch, epoch_text_}};
}

Status CopyEncoder::EncodePart(const SnapshotPart& part, const EmitRecord& emit) {
  changes_.clear();
  for (uint64_t i = 0; i < part.size(); ++i) {
    const sluice_row& row = part.row(i);
    sluice_change change{};
    change.kind = SLUICE_CHANGE_SET;
    change.sequence = static_cast<uint32_t>(rows_ + i);
    change.store = row.store;
    change.key = row.key;
    change.value = row.value;
    changes_.push_back(change);
  }
  Status status = settings_.layout == Layout::kBlocks ? EncodeBlock(emit) : EncodeRows(emit);
  rows_ += part.size();
  ++parts_;
  return status;
}

Status CopyEncoder::EncodeRows(const EmitRecord& emit) {
  record_.partition = -1;
  for (const sluice_change& change : changes_) {
    const std::string sequence = std::to_string(records_++);
    record_.store = View(change.store);
    record_.headers = CommonHeaders();
    record_.headers.emplace_back(kHeaderSequence, sequence);
    record_.headers.emplace_back(kHeaderTransaction, "0");
    record_.headers.emplace_back(kHeaderStore, record_.store);
    record_.key = RecordKey(change, plain_keys_, &key_);
    SetChangeValue(settings_.encoding, stream_, args_.height, change, &value_);
    record_.value = value_;
    if (Status status = emit(record_); !status.ok()) return status;
  }
  return Status::Ok();
}

Status CopyEncoder::EncodeBlock(const EmitRecord& emit) {
  const bool filtered = (args_.flags & SLUICE_BATCH_FILTERED) != 0;
  const Changes changes(changes_.data(), changes_.size(), sizeof(sluice_change));
  if (settings_.encoding == Encoding::kJson) {
    BlockLines lines;
    lines.stream = stream_;
    lines.height = args_.height;
    lines.epoch = epoch_;
    lines.digest = args_.digest;
    lines.filtered = filtered;
    SetBlockLines(lines, changes, &value_);
  } else {
    BlockBytes bytes;
    bytes.stream = stream_;
    bytes.height = args_.height;
    bytes.time_unix_nanos = args_.time_unix_nanos;
    bytes.filtered = filtered;
    SetBlockBytes(bytes, changes, &value_);
  }
  const std::string part = std::to_string(parts_);
  record_.partition = 0;
  record_.store = {};
  record_.key = height_text_;
  record_.headers = CommonHeaders();
  record_.headers.emplace_back(kHeaderPart, part);
  return EmitInChunks(value_, settings_.chunk_bytes, &record_, emit);
}

Status CopyEncoder::EncodeTombstone(int32_t partition, std::string_view store, std::string_view key,
                                    const EmitRecord& emit) {
  const std::string sequence = std::to_string(records_++);
  record_.partition = partition;
  record_.store = store;
  record_.headers = CommonHeaders();
  record_.headers.emplace_back(kHeaderSequence, sequence);
  record_.headers.emplace_back(kHeaderTransaction, "0");
  record_.headers.emplace_back(kHeaderStore, store);
  record_.key = key;
  record_.value.reset();
  return emit(record_);
}

Status CopyEncoder::EncodeEnd(const EmitRecord& emit) {
  if (settings_.layout != Layout::kBlocks) return Status::Ok();
  const std::string parts = std::to_string(parts_);
  record_.partition = 0;
  record_.store = {};
  record_.key = height_text_;
  record_.headers = CommonHeaders();
  record_.headers.emplace_back(kHeaderParts, parts);
  record_.value.reset();
  return emit(record_);
}

}  // namespace sluice_kafka
