// SPDX-License-Identifier: Apache-2.0
#include "store/block_run.h"

#include <utility>

#include "store/executor.h"

namespace sluice {

void TransactionLog::OnWrite(const AcceptedWrite& write) noexcept {
  Kept kept{std::string(write.store), std::string(write.key), std::string(write.value),
            write.is_delete,          write.transaction,      std::nullopt};
  if (write.old_value) kept.old_value = std::string(*write.old_value);
  writes_.push_back(std::move(kept));
}

void TransactionLog::ReportTo(const std::vector<WriteListener*>& listeners) {
  for (const Kept& kept : writes_) {
    AcceptedWrite write{kept.store, kept.key, kept.value, kept.is_delete, kept.transaction, {}};
    if (kept.old_value) write.old_value = *kept.old_value;
    for (WriteListener* listener : listeners) listener->OnWrite(write);
  }
  writes_.clear();
}

void ChangeRecorder::OnWrite(const AcceptedWrite& write) noexcept {
  if (write.is_delete) {
    builder_->AddDelete(write.transaction, write.store, write.key, write.old_value);
  } else {
    builder_->AddSet(write.transaction, write.store, write.key, write.value, write.old_value);
  }
}

BlockRun::BlockRun(const std::vector<Store>& stores,
                   std::function<std::shared_ptr<const StoreView>(size_t)> below,
                   ChangeSetBuilder* builder, const std::vector<WriteListener*>& extra_listeners)
    : stores_(stores),
      below_(std::move(below)),
      builder_(builder),
      extra_listeners_(extra_listeners),
      overlay_(std::make_shared<BlockOverlay>(stores.size())),
      recorder_(builder),
      open_(stores.size()),
      touched_by_(stores.size(), 0) {}

ListeningStore& BlockRun::Open(uint32_t index) {
  std::unique_ptr<ListeningStore>& store = open_[index];
  if (!store) {
    std::vector<WriteListener*> listeners{&recorder_};
    if (!extra_listeners_.empty()) listeners.push_back(&log_);
    store = std::make_unique<ListeningStore>(
        *stores_[index].name, below_(index),
        std::shared_ptr<StoreOverlay>(overlay_, &overlay_->store(index)),
        stores_[index].record_old_values, std::move(listeners));
  }
  if (touched_by_[index] != transaction_ + 1) {
    touched_by_[index] = transaction_ + 1;
    touched_.push_back(index);
    store->BeginTransaction(transaction_);
  }
  return *store;
}

Result<bool> BlockRun::RunTransaction(const Transaction& transaction, const uint32_t* stores) {
  if (transaction.failed_code != 0) {
    builder_->AddTransactionResult(transaction_++, transaction.failed_code);
    return false;
  }
  touched_.clear();
  const ChangeSetBuilder::Mark before = builder_->mark();
  SLUICE_ASSIGN_OR_RETURN(const bool applies, RunOperations(transaction, stores));
  for (const uint32_t index : touched_) {
    if (applies) {
      open_[index]->CommitTransaction();
    } else {
      open_[index]->AbortTransaction();
    }
  }
  if (applies) {
    log_.ReportTo(extra_listeners_);
  } else {
    builder_->RollBackTo(before);
    log_.Drop();
  }
  builder_->AddTransactionResult(transaction_,
                                 applies ? kTransactionApplied : kTransactionRequireFailed);
  ++transaction_;
  return applies;
}

Result<bool> BlockRun::RunOperations(const Transaction& transaction, const uint32_t* stores) {
  for (const Operation& operation : transaction.operations) {
    ListeningStore& store = Open(*stores++);
    switch (operation.kind) {
      case OperationKind::kSet:
        SLUICE_RETURN_IF_ERROR(store.Set(operation.key, *operation.value));
        break;
      case OperationKind::kDelete:
        SLUICE_RETURN_IF_ERROR(store.Delete(operation.key));
        break;
      case OperationKind::kRequire: {
        SLUICE_ASSIGN_OR_RETURN(const std::optional<std::string> value, store.Get(operation.key));
        if (value != operation.value) return false;
        break;
      }
    }
  }
  return true;
}

}  // namespace sluice
