// SPDX-License-Identifier: Apache-2.0
//
// A store that reports each accepted write to its write listeners, in order. Reads pass through
// unobserved. A listener can neither change nor fail a write.
//
// Writes are reported as they are accepted, before it is known whether their transaction applies. A
// listener that must not see those of a failed one waits for its end, as the Executor does.
//
// Threading: the executing thread only. Ownership: shares the block's layer and the view, borrows
// the listeners.
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
  // `below`: the state under the block. `block`: the block's layer of this store, above it;
  // committed transactions go into it. `record_old_values`: look up and report what a write
  // replaces.
  ListeningStore(std::string name, std::shared_ptr<const StoreView> below,
                 std::shared_ptr<StoreOverlay> block, bool record_old_values,
                 std::vector<WriteListener*> listeners);

  // Begins transaction `index`: its writes gather in a layer of their own.
  void BeginTransaction(uint32_t index);
  // kInvalid: empty key. kCorruption, kIo: the value that is replaced could not be read. Otherwise
  // the write is accepted and reported. `Delete` of an absent key is a write like any other.
  Status Set(std::string_view key, std::string_view value);
  Status Delete(std::string_view key);

  // Reads see the transaction's own writes first. An iterator ends before the next write.
  Result<std::optional<std::string>> Get(std::string_view key) const;
  Result<bool> Has(std::string_view key) const;
  std::unique_ptr<StoreIterator> Iterate(const KeyRange& range, bool reverse) const;

  // Ends the transaction: its layer goes into the block's, or is dropped.
  void CommitTransaction();
  void AbortTransaction();

 private:
  Status Write(std::string_view key, std::optional<std::string_view> value);

  const std::string name_;
  const std::shared_ptr<StoreOverlay> block_;
  const std::shared_ptr<const StoreView> below_;  // the block's layer included
  const bool record_old_values_;
  const std::vector<WriteListener*> listeners_;
  StoreOverlay transaction_;
  uint32_t transaction_index_ = 0;
};

}  // namespace sluice
