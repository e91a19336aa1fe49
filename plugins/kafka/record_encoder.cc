// SPDX-License-Identifier: Apache-2.0
#include "kafka/record_encoder.h"

#include <algorithm>
#include <utility>

#include "file/abi_digest.h"
#include "file/jsonl_line.h"

namespace sluice_kafka {

using sluice::sdk::Batch;
using sluice::sdk::Status;
using sluice::sdk::View;

namespace {

void AppendVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}

// A field at its default is left out, as the canonical encoding asks for.
void AppendNumber(uint32_t field, uint64_t value, std::string* out) {
  if (value == 0) return;
  AppendVarint(field << 3, out);
  AppendVarint(value, out);
}

void AppendBytes(uint32_t field, std::string_view bytes, std::string* out) {
  AppendVarint(field << 3 | 2, out);
  AppendVarint(bytes.size(), out);
  out->append(bytes);
}

sluice_file::ChangeView ToChangeView(const sluice_change& change) {
  sluice_file::ChangeView view;
  view.is_delete = change.kind == SLUICE_CHANGE_DELETE;
  view.has_old_value = (change.flags & SLUICE_CHANGE_HAS_OLD_VALUE) != 0;
  view.transaction = change.transaction;
  view.sequence = change.sequence;
  view.store = View(change.store);
  view.key = View(change.key);
  view.value = View(change.value);
  view.old_value = View(change.old_value);
  return view;
}

bool IsKnown(const sluice_change& change) {
  return change.kind == SLUICE_CHANGE_SET || change.kind == SLUICE_CHANGE_DELETE;
}

}  // namespace

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
    if (!IsKnown(change)) continue;
    const std::string sequence = std::to_string(change.sequence);
    const std::string transaction = std::to_string(change.transaction);
    record_.store = View(change.store);
    record_.headers = {{kHeaderStream, stream_},      {kHeaderHeight, height},
                       {kHeaderSequence, sequence},   {kHeaderTransaction, transaction},
                       {kHeaderStore, record_.store}, {kHeaderDigest, digest}};
    record_.key = View(change.key);
    if (!plain_keys_) {
      key_.assign(record_.store).push_back('\0');
      key_.append(View(change.key));
      record_.key = key_;
    }
    record_.value.reset();
    if (change.kind == SLUICE_CHANGE_SET) {
      EncodeValue(batch.height(), change);
      record_.value = value_;
    }
    if (Status status = emit(record_); !status.ok()) return status;
  }
  return Status::Ok();
}

void RecordEncoder::EncodeValue(uint64_t height, const sluice_change& change) {
  value_.clear();
  if (encoding_ == Encoding::kJson) {
    sluice_file::AppendChangeLine(stream_, height, ToChangeView(change), &value_);
    value_.pop_back();  // a record needs no newline
    return;
  }
  constexpr uint64_t kOpSet = 1;
  AppendNumber(1, change.transaction, &value_);
  AppendNumber(2, change.sequence, &value_);
  AppendNumber(3, kOpSet, &value_);
  AppendBytes(4, View(change.store), &value_);
  AppendBytes(5, View(change.key), &value_);
  AppendBytes(6, View(change.value), &value_);
}

void RecordEncoder::EncodeBlockJson(const Batch& batch) {
  value_.clear();
  sluice_file::ClosingLine closing;
  for (const sluice_change& change : batch.changes()) {
    if (!IsKnown(change)) continue;
    sluice_file::AppendChangeLine(stream_, batch.height(), ToChangeView(change), &value_);
    ++closing.changes;
  }
  closing.stream = stream_;
  closing.height = batch.height();
  closing.epoch = batch.epoch();
  closing.digest = sluice_file::ToDigest(batch.digest());
  closing.filtered = batch.filtered();
  sluice_file::AppendClosingLine(closing, &value_);
  value_.pop_back();
}

Status RecordEncoder::EncodeBlock(const Batch& batch, const Emit& emit) {
  const std::string height = std::to_string(batch.height());
  const std::string digest = sluice::sdk::ToHex(View(batch.digest()));
  const std::string previous = sluice::sdk::ToHex(View(batch.previous_digest()));
  std::string_view value = batch.canonical();
  if (encoding_ == Encoding::kJson) {
    EncodeBlockJson(batch);
    value = value_;
  }
  const size_t chunks = std::max<size_t>(1, (value.size() + chunk_bytes_ - 1) / chunk_bytes_);
  const std::string chunk_count = std::to_string(chunks);
  record_.height = batch.height();
  record_.partition = 0;
  record_.store = {};
  record_.key = height;
  for (size_t chunk = 0; chunk < chunks; ++chunk) {
    const std::string number = std::to_string(chunk);
    record_.headers = {{kHeaderStream, stream_},
                       {kHeaderHeight, height},
                       {kHeaderDigest, digest},
                       {kHeaderPreviousDigest, previous}};
    if (chunks > 1) {
      record_.headers.emplace_back(kHeaderChunk, number);
      record_.headers.emplace_back(kHeaderChunks, chunk_count);
    }
    record_.value = value.substr(chunk * chunk_bytes_, chunk_bytes_);
    if (Status status = emit(record_); !status.ok()) return status;
  }
  return Status::Ok();
}

}  // namespace sluice_kafka
