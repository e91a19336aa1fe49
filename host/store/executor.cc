// SPDX-License-Identifier: Apache-2.0
#include "store/executor.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/check.h"
#include "model/wire.h"
#include "store/block_run.h"

namespace sluice {
namespace {

// More than a change or a transaction result takes besides its names and bytes.
constexpr uint64_t kBytesBesides = 64;

struct Sealed {
  Height height;
  std::shared_ptr<const BlockOverlay> overlay;
};

}  // namespace

struct Executor::State {
  std::string stream_id;
  std::vector<std::string> names;
  std::map<std::string, uint32_t, std::less<>> index_by_name;
  std::vector<BlockRun::Store> stores;
  std::vector<std::shared_ptr<const StoreView>> committed;
  std::vector<WriteListener*> extra_listeners;

  std::mutex mutex;
  std::deque<Sealed> chain;  // guarded by mutex: sealed and not yet committed, the oldest first

  // Touched by the executing thread only.
  Height height;
  Digest digest;
  std::vector<uint32_t> operation_stores;  // of the block at hand, in the order of its operations

  std::shared_ptr<const StoreView> Below(size_t store) {
    std::vector<std::shared_ptr<const StoreOverlay>> layers;
    std::lock_guard lock(mutex);
    for (auto sealed = chain.rbegin(); sealed != chain.rend(); ++sealed) {
      const StoreOverlay& layer = sealed->overlay->store(store);
      if (!layer.entries().empty()) layers.emplace_back(sealed->overlay, &layer);
    }
    return MergedView(std::move(layers), committed[store]);
  }

  Status CheckOperation(const Operation& operation);
  Status CheckBlock(const Block& block);
};

// Finds the store of the operation too; mostly it is that of the operation before.
Status Executor::State::CheckOperation(const Operation& operation) {
  if (operation.key.empty()) return Status(StatusCode::kInvalid, "a key must not be empty");
  if (operation_stores.empty() || names[operation_stores.back()] != operation.store) {
    const auto found = index_by_name.find(operation.store);
    if (found == index_by_name.end()) {
      return Status(StatusCode::kInvalid,
                    fmt::format("there is no store '{}'; correct the name, or add it to the "
                                "configured stores",
                                operation.store));
    }
    operation_stores.push_back(found->second);
  } else {
    operation_stores.push_back(operation_stores.back());
  }
  if (operation.kind == OperationKind::kSet && !operation.value) {
    return Status(StatusCode::kInvalid, "a set needs a value");
  }
  if (operation.kind == OperationKind::kDelete && operation.value) {
    return Status(StatusCode::kInvalid, "a delete has no value");
  }
  return Status::Ok();
}

// All of the block before any of it is executed.
Status Executor::State::CheckBlock(const Block& block) {
  const Height next = height + 1;
  if (block.height && *block.height != next) {
    return Status(StatusCode::kInvalid,
                  fmt::format("height {}: the next height is {}", *block.height, next));
  }
  operation_stores.clear();
  uint64_t bytes = stream_id.size() + kBytesBesides;
  for (size_t t = 0; t < block.transactions.size(); ++t) {
    bytes += kBytesBesides;
    const std::vector<Operation>& operations = block.transactions[t].operations;
    for (size_t o = 0; o < operations.size(); ++o) {
      const Operation& operation = operations[o];
      if (Status status = CheckOperation(operation); !status.ok()) {
        return status.WithContext(
            fmt::format("height {}, transaction {}, operation {}", next, t, o));
      }
      bytes += kBytesBesides + operation.store.size() + operation.key.size() +
               (operation.value ? operation.value->size() : 0);
    }
  }
  if (bytes > kMaxWireLength) {
    return Status(StatusCode::kInvalid,
                  fmt::format("height {}: a block of {} bytes is too large, the limit is {}; make "
                              "smaller blocks",
                              next, bytes, kMaxWireLength));
  }
  return Status::Ok();
}

Executor::Executor(const Database* database, std::string stream_id,
                   const std::vector<std::string>& old_value_stores,
                   std::vector<WriteListener*> extra_listeners)
    : state_(std::make_unique<State>()) {
  state_->stream_id = std::move(stream_id);
  state_->names = database->stores();
  state_->extra_listeners = std::move(extra_listeners);
  for (uint32_t i = 0; i < state_->names.size(); ++i) {
    const std::string& name = state_->names[i];
    state_->index_by_name[name] = i;
    const bool record_old =
        std::find(old_value_stores.begin(), old_value_stores.end(), name) != old_value_stores.end();
    state_->stores.push_back({&name, record_old});
    Result<std::shared_ptr<const StoreView>> view = database->CommittedView(name);
    SLUICE_CHECK(view.has_value(), "the database has a view of each of its stores");
    state_->committed.push_back(*std::move(view));
  }
  const CommittedState committed = database->committed();
  StartAfter(committed.height, committed.digest);
}

Executor::~Executor() = default;

void Executor::StartAfter(Height height, const Digest& digest) {
  state_->height = height;
  state_->digest = digest;
}

Result<SealedBlock> Executor::Execute(Block&& block) {
  SLUICE_RETURN_IF_ERROR(state_->CheckBlock(block));
  const Height height = state_->height + 1;
  ChangeSetBuilder builder(state_->stream_id, height, block.time_unix_nanos);
  BlockRun run(
      state_->stores, [this](size_t store) { return state_->Below(store); }, &builder,
      state_->extra_listeners);
  SealedBlock sealed;
  const uint32_t* stores = state_->operation_stores.data();
  for (const Transaction& transaction : block.transactions) {
    Result<bool> applied = run.RunTransaction(transaction, stores);
    if (!applied) {
      return Error(applied.error().WithContext(fmt::format("executing height {}", height)));
    }
    stores += transaction.operations.size();
    if (!*applied) ++sealed.failed_transaction_count;
  }
  sealed.transaction_count = block.transactions.size();
  sealed.position = std::move(block.position);
  sealed.overlay = run.overlay();
  sealed.change_set = std::move(builder).Seal(state_->digest);
  if (block.expected_digest && *block.expected_digest != sealed.change_set->digest()) {
    return Error(
        StatusCode::kCorruption,
        fmt::format("height {}: executing it gives digest {}, its source says {}: nothing "
                    "of it is committed; keep the source and the home as they are, and "
                    "check that both are of a release that the other knows",
                    height, sealed.change_set->digest().ToHex(), block.expected_digest->ToHex()));
  }
  sealed.sealed_at = Now();
  state_->height = height;
  state_->digest = sealed.change_set->digest();
  std::lock_guard lock(state_->mutex);
  state_->chain.push_back({height, sealed.overlay});
  return sealed;
}

void Executor::Committed(Height height) {
  // Freed outside the lock: an overlay may hold very many nodes.
  std::vector<Sealed> done;
  std::lock_guard lock(state_->mutex);
  while (!state_->chain.empty() && state_->chain.front().height <= height) {
    done.push_back(std::move(state_->chain.front()));
    state_->chain.pop_front();
  }
}

Result<std::shared_ptr<const StoreView>> Executor::CurrentView(std::string_view store) const {
  const auto found = state_->index_by_name.find(store);
  if (found == state_->index_by_name.end()) {
    return Error(StatusCode::kNotFound, fmt::format("store {}: there is none", store));
  }
  return state_->Below(found->second);
}

}  // namespace sluice
