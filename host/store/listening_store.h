// SPDX-License-Identifier: Apache-2.0
//
// A store that reports each accepted write to its write listeners, in order. Reads pass through
// unobserved. A listener can neither change nor fail a write.
//
// Threading: the executing thread only. Ownership: borrows the overlay, the view and the listeners.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "store/overlay.h"
#include "store/view.h"

namespace sluice {

// One accepted write, as it is reported. Views are valid during the call only.
struct AcceptedWrite {
  std::string_view store;
  std::string_view key;
  std::string_view value;  // empty on delete
  bool is_delete = false;
  uint32_t transaction = 0;
  // Where the store records previous values and the key had one.
  std::optional<std::string_view> old_value;
};

class WriteListener {
 public:
  virtual ~WriteListener() = default;
  virtual void OnWrite(const AcceptedWrite& write) noexcept = 0;
};

class ListeningStore {
 public:
  // `below`: what the transaction sees under its own writes. `record_old_values`: look up and report them.
  ListeningStore(std::string name, std::shared_ptr<const StoreView> below, bool record_old_values,
                 std::vector<WriteListener*> listeners);

  // Begins transaction `index`: its writes gather in a layer of their own.
  void BeginTransaction(uint32_t index);
  // kInvalid: empty key. Otherwise the write is accepted and reported.
  Status Set(std::string_view key, std::string_view value);
  Status Delete(std::string_view key);

  // Reads see the transaction's own writes first.
  Result<std::optional<std::string>> Get(std::string_view key) const;
  Result<bool> Has(std::string_view key) const;
  std::unique_ptr<StoreIterator> Iterate(const KeyRange& range, bool reverse) const;

  // Ends the transaction: its layer goes into `block`, or is dropped.
  void CommitTransaction();
  void AbortTransaction();

  const std::string& name() const { return name_; }

 private:
  std::string name_;
  std::shared_ptr<const StoreView> below_;
  bool record_old_values_;
  std::vector<WriteListener*> listeners_;
  StoreOverlay transaction_;
  StoreOverlay* block_ = nullptr;
  uint32_t transaction_index_ = 0;

 public:
  // The block's layer that committed transactions go into; part of `below` as seen by reads.
  void SetBlockOverlay(StoreOverlay* block) { block_ = block; }
};

}  // namespace sluice
