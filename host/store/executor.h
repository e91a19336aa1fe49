// SPDX-License-Identifier: Apache-2.0
//
// Executes blocks (S0): operations on overlays above what is committed and what is sealed but not
// yet committed, recorded by a write listener into a change set, sealed with its digest.
//
// The result depends on the input and the state alone: not on sinks, epochs, or time.
//
// Threading: one thread executes; Committed() may be called from the committing thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "model/block.h"
#include "model/change_set.h"
#include "store/database.h"
#include "store/listening_store.h"
#include "store/overlay.h"

namespace sluice {

// The outcome of one block: sealed, nothing durable yet.
struct SealedBlock {
  std::shared_ptr<const ChangeSet> change_set;
  std::shared_ptr<const BlockOverlay> overlay;
  DriverPosition position;
  TimePoint sealed_at{};  // the epoch of the clock: by an earlier run of the node
  uint64_t transaction_count = 0;
  uint64_t failed_transaction_count = 0;
};

// Result codes of transactions; part of the canonical bytes, so they are fixed.
inline constexpr uint32_t kTransactionApplied = 0;
inline constexpr uint32_t kTransactionRequireFailed = 1;

class Executor {
 public:
  // `old_value_stores`: names of stores whose previous values are recorded.
  // `extra_listeners`: called after the recording listener; for tests and for later layers.
  Executor(const Database* database, std::string stream_id,
           const std::vector<std::string>& old_value_stores,
           std::vector<WriteListener*> extra_listeners = {});
  ~Executor();

  // Where the chain of sealed blocks starts: after the roll-forward.
  void StartAfter(Height height, const Digest& digest);

  // kInvalid, with nothing changed: unknown store, empty key, a height that is not the next one.
  // kCorruption, with nothing changed: the block's expected digest does not come out.
  // Any other error (kCorruption, kIo) came from reading the state.
  Result<SealedBlock> Execute(Block&& block);

  // The overlays of heights up to `height` are in the database now and need not be looked through.
  void Committed(Height height);

  // The view of a store as the next block would see it.
  Result<std::shared_ptr<const StoreView>> CurrentView(std::string_view store) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice
