// SPDX-License-Identifier: Apache-2.0
#include "kafka/record_value.h"

#include <algorithm>

#include "file/abi_digest.h"
#include "file/jsonl_line.h"

namespace sluice_kafka {

using sluice::sdk::Status;
using sluice::sdk::View;

namespace {

constexpr uint64_t kOpSet = 1;
constexpr uint64_t kOpDelete = 2;

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

void AppendFixed64(uint32_t field, uint64_t value, std::string* out) {
  if (value == 0) return;
  AppendVarint(field << 3 | 1, out);
  for (int i = 0; i < 8; ++i, value >>= 8) out->push_back(static_cast<char>(value));
}

void AppendBytes(uint32_t field, std::string_view bytes, std::string* out) {
  AppendVarint(field << 3 | 2, out);
  AppendVarint(bytes.size(), out);
  out->append(bytes);
}

void AppendChange(const sluice_change& change, std::string* out) {
  const bool is_set = change.kind == SLUICE_CHANGE_SET;
  AppendNumber(1, change.transaction, out);
  AppendNumber(2, change.sequence, out);
  AppendNumber(3, is_set ? kOpSet : kOpDelete, out);
  AppendBytes(4, View(change.store), out);
  AppendBytes(5, View(change.key), out);
  if (is_set) AppendBytes(6, View(change.value), out);
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

}  // namespace

bool IsKnownChange(const sluice_change& change) {
  return change.kind == SLUICE_CHANGE_SET || change.kind == SLUICE_CHANGE_DELETE;
}

std::string_view RecordKey(const sluice_change& change, bool plain_keys, std::string* buffer) {
  if (plain_keys) return View(change.key);
  buffer->assign(View(change.store)).push_back('\0');
  buffer->append(View(change.key));
  return *buffer;
}

void SetChangeValue(Encoding encoding, std::string_view stream, uint64_t height,
                    const sluice_change& change, std::string* value) {
  value->clear();
  if (encoding == Encoding::kProtobuf) return AppendChange(change, value);
  sluice_file::AppendChangeLine(stream, height, ToChangeView(change), value);
  value->pop_back();  // a record needs no newline
}

void SetBlockLines(const BlockLines& block, const Changes& changes, std::string* value) {
  value->clear();
  sluice_file::ClosingLine closing;
  for (const sluice_change& change : changes) {
    if (!IsKnownChange(change)) continue;
    sluice_file::AppendChangeLine(block.stream, block.height, ToChangeView(change), value);
    ++closing.changes;
  }
  closing.stream = block.stream;
  closing.height = block.height;
  closing.epoch = block.epoch;
  closing.digest = sluice_file::ToDigest(block.digest);
  closing.filtered = block.filtered;
  sluice_file::AppendClosingLine(closing, value);
  value->pop_back();
}

void SetBlockBytes(const BlockBytes& block, const Changes& changes, std::string* value) {
  value->clear();
  if (!block.stream.empty()) AppendBytes(1, block.stream, value);
  AppendNumber(2, block.height, value);
  AppendFixed64(3, static_cast<uint64_t>(block.time_unix_nanos), value);
  std::string one;
  for (const sluice_change& change : changes) {
    if (!IsKnownChange(change)) continue;
    one.clear();
    AppendChange(change, &one);
    AppendBytes(4, one, value);
  }
  AppendNumber(6, block.filtered ? 1 : 0, value);
}

Status EmitInChunks(std::string_view value, uint64_t chunk_bytes, Record* record,
                    const EmitRecord& emit) {
  const size_t chunks = std::max<size_t>(1, (value.size() + chunk_bytes - 1) / chunk_bytes);
  const std::string chunk_count = std::to_string(chunks);
  const size_t own_headers = record->headers.size();
  for (size_t chunk = 0; chunk < chunks; ++chunk) {
    const std::string number = std::to_string(chunk);
    record->headers.resize(own_headers);
    if (chunks > 1) {
      record->headers.emplace_back(kHeaderChunk, number);
      record->headers.emplace_back(kHeaderChunks, chunk_count);
    }
    record->value = value.substr(chunk * chunk_bytes, chunk_bytes);
    if (Status status = emit(*record); !status.ok()) return status;
  }
  return Status::Ok();
}

}  // namespace sluice_kafka
