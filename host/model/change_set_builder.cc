// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "model/change_set.h"
#include "model/change_set_encoding.h"

namespace sluice {

ChangeSetBuilder::ChangeSetBuilder(std::string_view stream_id, Height height,
                                   int64_t time_unix_nanos)
    : stream_id_size_(stream_id.size()), height_(height), time_unix_nanos_(time_unix_nanos) {
  SLUICE_CHECK(!stream_id.empty() && IsUtf8(stream_id), "a stream id must be text");
  SLUICE_CHECK(height.value() > 0, "the first height is 1");
  encoding::AppendHead(&bytes_, stream_id, height, time_unix_nanos);
}

ChangeSetBuilder::Mark ChangeSetBuilder::mark() const {
  return {bytes_.size(), changes_.size(), old_values_.size()};
}

void ChangeSetBuilder::RollBackTo(const Mark& mark) {
  SLUICE_CHECK(mark.bytes <= bytes_.size() && mark.changes <= changes_.size() &&
                   mark.old_values <= old_values_.size(),
               "a mark of the future");
  bytes_.resize(mark.bytes);
  changes_.resize(mark.changes);
  old_values_.resize(mark.old_values);
}

void ChangeSetBuilder::AddSet(uint32_t transaction, std::string_view store, std::string_view key,
                              std::string_view value, std::optional<std::string_view> old_value) {
  Add(ChangeKind::kSet, transaction, store, key, value, old_value);
}

void ChangeSetBuilder::AddDelete(uint32_t transaction, std::string_view store, std::string_view key,
                                 std::optional<std::string_view> old_value) {
  Add(ChangeKind::kDelete, transaction, store, key, {}, old_value);
}

// What is checked here is what the decoder refuses: bytes that a restart could not read back from
// the journal must never get there.
void ChangeSetBuilder::Add(ChangeKind kind, uint32_t transaction, std::string_view store,
                           std::string_view key, std::string_view value,
                           std::optional<std::string_view> old_value) {
  SLUICE_CHECK(!key.empty(), "an empty key is no change");
  SLUICE_CHECK(transaction >= transactions_.size(), "a change after its transaction's result");
  SLUICE_CHECK(store.size() <= kMaxWireLength && key.size() <= kMaxWireLength &&
                   value.size() <= kMaxWireLength,
               "a change of 2 GiB");
  // Changes of one store come in runs: the same name need not be looked at again.
  bool known_store = false;
  if (!changes_.empty()) {
    const RecordedChange& last = changes_.back();
    SLUICE_CHECK(transaction >= last.transaction, "a change out of the block's order");
    known_store = std::string_view(bytes_).substr(last.store_offset, last.store_size) == store;
  }
  SLUICE_CHECK(known_store || (!store.empty() && IsUtf8(store)), "a store's name must be text");

  Change change;
  change.kind = kind;
  change.transaction = transaction;
  change.sequence = static_cast<uint32_t>(changes_.size());
  change.store = store;
  change.key = key;
  change.value = value;
  if (old_value) old_values_.push_back({change.sequence, std::string(*old_value)});

  RecordedChange recorded;
  recorded.store_offset = encoding::AppendChange(&bytes_, change);
  recorded.transaction = transaction;
  recorded.store_size = static_cast<uint32_t>(store.size());
  recorded.key_size = static_cast<uint32_t>(key.size());
  recorded.value_size = static_cast<uint32_t>(value.size());
  recorded.kind = kind;
  changes_.push_back(recorded);
}

void ChangeSetBuilder::AddTransactionResult(uint32_t index, uint32_t code) {
  SLUICE_CHECK(index == transactions_.size(), "a transaction result out of the block's order");
  transactions_.push_back({index, code});
}

std::shared_ptr<const ChangeSet> ChangeSetBuilder::Seal(const Digest& previous_digest) && {
  encoding::AppendTail(&bytes_, transactions_, /*filtered=*/false);
  SLUICE_CHECK(bytes_.size() <= kMaxWireLength, "a change set of 2 GiB");

  std::shared_ptr<ChangeSet> sealed(new ChangeSet());
  sealed->canonical_ = std::move(bytes_);
  sealed->height_ = height_;
  sealed->time_unix_nanos_ = time_unix_nanos_;
  sealed->transactions_ = std::move(transactions_);
  sealed->old_values_ = std::move(old_values_);

  const std::string_view canonical = sealed->canonical_;
  sealed->stream_id_ = canonical.substr(1 + VarintSize(stream_id_size_), stream_id_size_);
  sealed->changes_.reserve(changes_.size());
  for (const RecordedChange& recorded : changes_) {
    SLUICE_CHECK(recorded.transaction < sealed->transactions_.size(),
                 "a change of a transaction without result");
    SLUICE_CHECK(sealed->transactions_[recorded.transaction].code == 0,
                 "a change of a failed transaction");
    const size_t key =
        encoding::KeyOffset(recorded.store_offset, recorded.store_size, recorded.key_size);
    Change change;
    change.kind = recorded.kind;
    change.transaction = recorded.transaction;
    change.sequence = static_cast<uint32_t>(sealed->changes_.size());
    change.store = canonical.substr(recorded.store_offset, recorded.store_size);
    change.key = canonical.substr(key, recorded.key_size);
    if (recorded.kind == ChangeKind::kSet) {
      change.value = canonical.substr(
          encoding::ValueOffset(key, recorded.key_size, recorded.value_size), recorded.value_size);
    }
    sealed->changes_.push_back(change);
  }
  const Status attached = sealed->AttachOldValues();
  SLUICE_CHECK(attached.ok(), attached.message().c_str());

  sealed->previous_digest_ = previous_digest;
  sealed->digest_ = NextDigest(previous_digest, canonical);
  return sealed;
}

}  // namespace sluice
