// SPDX-License-Identifier: Apache-2.0
#include "plugin/batch_view.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "plugin/abi_text.h"

namespace sluice {
namespace {

sluice_digest ToAbi(const Digest& digest) {
  sluice_digest out;
  std::memcpy(out.bytes, digest.bytes.data(), sizeof(out.bytes));
  return out;
}

sluice_change ToAbi(const Change& change, bool with_old_values) {
  sluice_change out{};
  out.kind = change.kind == ChangeKind::kSet ? SLUICE_CHANGE_SET : SLUICE_CHANGE_DELETE;
  out.transaction = change.transaction;
  out.sequence = change.sequence;
  out.store = ToText(change.store);
  out.key = ToBytes(change.key);
  out.value = ToBytes(change.value);
  if (with_old_values && change.has_old_value) {
    out.flags |= SLUICE_CHANGE_HAS_OLD_VALUE;
    out.old_value = ToBytes(change.old_value);
  }
  return out;
}

}  // namespace

void BatchView::Fill(const Delivery& delivery, uint64_t max_part_bytes) {
  SLUICE_CHECK(delivery.change_set != nullptr, "a delivery has a change set");
  change_set_ = delivery.change_set;
  const ChangeSet& set = *change_set_;

  changes_.clear();
  changes_.reserve(set.changes().size());
  for (const Change& change : set.changes()) {
    changes_.push_back(ToAbi(change, delivery.with_old_values));
  }
  messages_.clear();
  messages_.reserve(set.transactions().size());
  for (const TransactionResult& result : set.transactions()) {
    messages_.push_back({result.index, result.code, {nullptr, 0}});
  }

  const uint64_t size = set.canonical().size();
  max_part_bytes_ = max_part_bytes == 0 || max_part_bytes >= size ? size : max_part_bytes;
  const uint64_t parts = size == 0 ? 1 : (size + max_part_bytes_ - 1) / max_part_bytes_;
  SLUICE_CHECK(parts <= UINT32_MAX, "a height has at most 2^32 - 1 parts");
  part_count_ = static_cast<uint32_t>(parts);

  batch_ = {};
  batch_.struct_size = sizeof(batch_);
  batch_.flags = set.filtered() ? SLUICE_BATCH_FILTERED : 0;
  batch_.epoch = delivery.epoch.value();
  batch_.attempt = delivery.attempt.value();
  batch_.height = set.height().value();
  batch_.newest_height = delivery.newest_height.value();
  batch_.time_unix_nanos = set.time_unix_nanos();
  batch_.digest = ToAbi(set.digest());
  batch_.previous_digest = ToAbi(set.previous_digest());
  batch_.stream_id = ToText(set.stream_id());
  batch_.change_stride = sizeof(sluice_change);
  batch_.message_stride = sizeof(sluice_message);
}

size_t BatchView::FirstChangeBehind(uint64_t offset) const {
  const char* const begin = change_set_->canonical().data();
  const auto ends_before = [begin](const Change& change, uint64_t limit) {
    const char* end = begin;
    for (const std::string_view piece : {change.store, change.key, change.value}) {
      if (!piece.empty()) end = std::max(end, piece.data() + piece.size());
    }
    return static_cast<uint64_t>(end - begin) <= limit;
  };
  const auto changes = change_set_->changes();
  return static_cast<size_t>(std::lower_bound(changes.begin(), changes.end(), offset, ends_before) -
                             changes.begin());
}

const sluice_batch* BatchView::SelectPart(uint32_t part) {
  SLUICE_CHECK(part < part_count_, "the part is one of the height's");
  const bool last = part + 1 == part_count_;
  const uint64_t from = part * max_part_bytes_;
  const size_t first_change = part == 0 ? 0 : FirstChangeBehind(from);
  const size_t end_change = last ? changes_.size() : FirstChangeBehind(from + max_part_bytes_);
  batch_.part = part;
  batch_.last_part = last ? 1 : 0;
  batch_.changes = changes_.data() + first_change;
  batch_.change_count = end_change - first_change;
  batch_.messages = messages_.data();
  batch_.message_count = last ? messages_.size() : 0;
  batch_.canonical = ToBytes(change_set_->canonical().substr(from, max_part_bytes_));
  return &batch_;
}

uint64_t BatchView::memory_bytes() const {
  // All parts keep the same change set; each is charged its share of it.
  return sizeof(*this) + change_set_->memory_bytes() / part_count_ +
         changes_.capacity() * sizeof(sluice_change) +
         messages_.capacity() * sizeof(sluice_message);
}

void BatchView::Clear() { change_set_.reset(); }

}  // namespace sluice
