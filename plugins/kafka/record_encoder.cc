// SPDX-License-Identifier: Apache-2.0
#include "kafka/record_encoder.h"

#include <utility>

#include "kafka/record_value.h"

namespace sluice_kafka {

using sluice::sdk::Batch;
using sluice::sdk::Status;
using sluice::sdk::View;

RecordEncoder::RecordEncoder(const Settings& settings, std::string stream, bool plain_keys)
    : layout_(settings.layout),
      encoding_(settings.encoding),
      chunk_bytes_(settings.chunk_bytes),
      stream_(std::move(stream)),
      plain_keys_(plain_keys) {}

Status RecordEncoder::Encode(const Batch& batch, const Emit& emit) {
  return layout_ == Layout::kBlocks ? EncodeBlock(batch, emit) : EncodeChanges(batch, emit);
}

Status RecordEncoder::EncodeChanges(const Batch& batch, const Emit& emit) {
  const std::string height = std::to_string(batch.height());
  const std::string digest = sluice::sdk::ToHex(View(batch.digest()));
  record_.height = batch.height();
  record_.partition = -1;
  for (const sluice_change& change : batch.changes()) {
    if (!IsKnownChange(change)) continue;
    const std::string sequence = std::to_string(change.sequence);
    const std::string transaction = std::to_string(change.transaction);
    record_.store = View(change.store);
    record_.headers = {{kHeaderStream, stream_},      {kHeaderHeight, height},
                       {kHeaderSequence, sequence},   {kHeaderTransaction, transaction},
                       {kHeaderStore, record_.store}, {kHeaderDigest, digest}};
    record_.key = RecordKey(change, plain_keys_, &key_);
    record_.value.reset();
    if (change.kind == SLUICE_CHANGE_SET) {
      SetChangeValue(encoding_, stream_, batch.height(), change, &value_);
      record_.value = value_;
    }
    if (Status status = emit(record_); !status.ok()) return status;
  }
  return Status::Ok();
}

Status RecordEncoder::EncodeBlock(const Batch& batch, const Emit& emit) {
  const std::string height = std::to_string(batch.height());
  const std::string digest = sluice::sdk::ToHex(View(batch.digest()));
  const std::string previous = sluice::sdk::ToHex(View(batch.previous_digest()));
  std::string_view value = batch.canonical();
  if (encoding_ == Encoding::kJson) {
    BlockLines lines;
    lines.stream = stream_;
    lines.height = batch.height();
    lines.epoch = batch.epoch();
    lines.digest = batch.digest();
    lines.filtered = batch.filtered();
    SetBlockLines(lines, batch.changes(), &value_);
    value = value_;
  }
  record_.height = batch.height();
  record_.partition = 0;
  record_.store = {};
  record_.key = height;
  record_.headers = {{kHeaderStream, stream_},
                     {kHeaderHeight, height},
                     {kHeaderDigest, digest},
                     {kHeaderPreviousDigest, previous}};
  return EmitInChunks(value, chunk_bytes_, &record_, emit);
}

}  // namespace sluice_kafka
