// SPDX-License-Identifier: Apache-2.0
//
// Overlays: writes of one block, or of one transaction, above a state that they do not touch yet.
//
//   committed state  <  overlays of sealed blocks not yet committed  <  block overlay  <
//   transaction
//
// Reads go down from the top; the first layer that knows the key answers (a delete is known too).
//
// Threading: an overlay is written by the executing thread until its block is sealed, and then
// shared, read-only, with the committing thread and later blocks (std::shared_ptr<const
// BlockOverlay>).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/change_set.h"
#include "store/view.h"

namespace sluice {

// What one layer knows of the keys of one store: a value, or (nothing) that the key was deleted.
class StoreOverlay {
 public:
  using Map = std::map<std::string, std::optional<std::string>, std::less<>>;
  void Set(std::string_view key, std::string_view value);
  void Delete(std::string_view key);
  // nullptr: this layer does not know the key.
  const std::optional<std::string>* Find(std::string_view key) const;
  // Takes over what `above` knows.
  void Absorb(StoreOverlay&& above);
  const Map& entries() const { return entries_; }
  void Clear() { entries_.clear(); }

 private:
  Map entries_;
};

// One block's writes in all stores, by the store's index in Database::stores().
class BlockOverlay {
 public:
  explicit BlockOverlay(size_t store_count) : stores_(store_count) {}
  StoreOverlay& store(size_t index) { return stores_[index]; }
  const StoreOverlay& store(size_t index) const { return stores_[index]; }
  size_t store_count() const { return stores_.size(); }

  // The same effect, from a change set: for the roll-forward of journaled heights. kCorruption
  // where the change set names a store that is not in `stores`.
  static Result<std::shared_ptr<const BlockOverlay>> FromChangeSet(
      const ChangeSet& change_set, const std::vector<std::string>& stores);

 private:
  std::vector<StoreOverlay> stores_;
};

// `layers` (the newest first) above `base`, as one view that shares them. A layer must not change
// while an iterator lives.
std::shared_ptr<const StoreView> MergedView(std::vector<std::shared_ptr<const StoreOverlay>> layers,
                                            std::shared_ptr<const StoreView> base);

}  // namespace sluice
