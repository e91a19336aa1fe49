// SPDX-License-Identifier: Apache-2.0
#include "store/listening_store.h"

#include <fmt/core.h>

#include <utility>

namespace sluice {

ListeningStore::ListeningStore(std::string name, std::shared_ptr<const StoreView> below,
                               std::shared_ptr<StoreOverlay> block, bool record_old_values,
                               std::vector<WriteListener*> listeners)
    : name_(std::move(name)),
      block_(std::move(block)),
      below_(MergedView({block_}, std::move(below))),
      record_old_values_(record_old_values),
      listeners_(std::move(listeners)) {}

void ListeningStore::BeginTransaction(uint32_t index) {
  transaction_index_ = index;
  transaction_.Clear();
}

Status ListeningStore::Set(std::string_view key, std::string_view value) {
  return Write(key, value);
}

Status ListeningStore::Delete(std::string_view key) { return Write(key, std::nullopt); }

Status ListeningStore::Write(std::string_view key, std::optional<std::string_view> value) {
  if (key.empty()) {
    return Status(StatusCode::kInvalid, fmt::format("store {}: a key must not be empty", name_));
  }
  std::optional<std::string> old_value;
  if (record_old_values_) {
    SLUICE_ASSIGN_OR_RETURN(old_value, Get(key));
  }
  if (value) {
    transaction_.Set(key, *value);
  } else {
    transaction_.Delete(key);
  }
  AcceptedWrite write;
  write.store = name_;
  write.key = key;
  write.value = value.value_or(std::string_view());
  write.is_delete = !value;
  write.transaction = transaction_index_;
  if (old_value) write.old_value = *old_value;
  for (WriteListener* listener : listeners_) listener->OnWrite(write);
  return Status::Ok();
}

Result<std::optional<std::string>> ListeningStore::Get(std::string_view key) const {
  if (const std::optional<std::string>* known = transaction_.Find(key)) return *known;
  return below_->Get(key);
}

Result<bool> ListeningStore::Has(std::string_view key) const {
  if (const std::optional<std::string>* known = transaction_.Find(key)) return known->has_value();
  return below_->Has(key);
}

std::unique_ptr<StoreIterator> ListeningStore::Iterate(const KeyRange& range, bool reverse) const {
  // Not shared: the layer is part of this object, which outlives its iterators.
  const std::shared_ptr<const StoreOverlay> own(std::shared_ptr<const void>(), &transaction_);
  return MergedView({own}, below_)->Iterate(range, reverse);
}

void ListeningStore::CommitTransaction() { block_->Absorb(std::move(transaction_)); }

void ListeningStore::AbortTransaction() { transaction_.Clear(); }

}  // namespace sluice
