// SPDX-License-Identifier: Apache-2.0
//
// One block's execution (S0): its transactions one after another, each on its own layer, their
// writes recorded into a change set. Threading: the executing thread. Ownership: borrows what it is
// given, for the time of the block.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "model/block.h"
#include "model/change_set.h"
#include "store/listening_store.h"
#include "store/overlay.h"

namespace sluice {

// Reported writes of a transaction, kept until it is known to apply.
class TransactionLog : public WriteListener {
 public:
  void OnWrite(const AcceptedWrite& write) noexcept override;
  void ReportTo(const std::vector<WriteListener*>& listeners);
  void Drop() { writes_.clear(); }

 private:
  struct Kept {
    std::string store;
    std::string key;
    std::string value;
    bool is_delete;
    uint32_t transaction;
    std::optional<std::string> old_value;
  };
  std::vector<Kept> writes_;
};

// Records writes into a change set.
class ChangeRecorder : public WriteListener {
 public:
  explicit ChangeRecorder(ChangeSetBuilder* builder) : builder_(builder) {}
  void OnWrite(const AcceptedWrite& write) noexcept override;

 private:
  ChangeSetBuilder* const builder_;
};

class BlockRun {
 public:
  struct Store {
    const std::string* name;
    bool record_old_values;
  };
  // `below`: the view of a store under this block, by its index; asked for once, at its first use.
  BlockRun(const std::vector<Store>& stores,
           std::function<std::shared_ptr<const StoreView>(size_t)> below, ChangeSetBuilder* builder,
           const std::vector<WriteListener*>& extra_listeners);

  // Runs the next transaction and records its result. `stores`: the index of each operation's
  // store. True where it applied. Errors came from reading the state; then nothing of the block
  // holds.
  Result<bool> RunTransaction(const Transaction& transaction, const uint32_t* stores);

  std::shared_ptr<BlockOverlay> overlay() const { return overlay_; }

 private:
  ListeningStore& Open(uint32_t index);
  // False: a `require` did not hold.
  Result<bool> RunOperations(const Transaction& transaction, const uint32_t* stores);

  const std::vector<Store>& stores_;
  const std::function<std::shared_ptr<const StoreView>(size_t)> below_;
  ChangeSetBuilder* const builder_;
  const std::vector<WriteListener*>& extra_listeners_;
  const std::shared_ptr<BlockOverlay> overlay_;
  ChangeRecorder recorder_;
  TransactionLog log_;
  std::vector<std::unique_ptr<ListeningStore>> open_;  // by store; nullptr where not used yet
  std::vector<uint32_t> touched_by_;                   // by store: transaction + 1, 0 for none
  std::vector<uint32_t> touched_;                      // stores of the transaction that runs
  uint32_t transaction_ = 0;
};

}  // namespace sluice
