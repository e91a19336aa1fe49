// SPDX-License-Identifier: Apache-2.0
//
// Who wrote a key last: from it comes which earlier heights a height must come after at a sink that
// takes heights side by side.
//
// A height comes after the last writer of each of its keys, not only after the latest of them (its
// safepoint): that one may be acked while another one is not. Earlier writers of the same key come
// before the last one, so these are enough.
//
// Bounded: it remembers the writers of at most kKeysMax keys above the watermark. Where there are
// more, the height that would not fit waits for everything before it, and everything later for that
// height; so nothing is delivered too early, only less side by side. Keys are known by a 64-bit
// hash: two that share one only wait for each other without need.
//
// Threading: none of its own; the owner guards it.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "base/types.h"
#include "delivery/parallel_order.h"
#include "model/change_set.h"

namespace sluice {

class ConflictIndex {
 public:
  static constexpr size_t kKeysMax = size_t{1} << 18U;
  // A height that comes after more single ones than this waits for everything up to the last.
  static constexpr size_t kHeightsMax = 16;

  explicit ConflictIndex(size_t keys_max = kKeysMax) : keys_max_(keys_max) {}

  // What `change_set` must come after, as far as it passes `filter`. Heights are added in order;
  // those at or below `watermark` may be left out, for they are acked.
  Precedence Add(const ChangeSet& change_set, const ChangeFilter& filter, Height watermark);

  size_t key_count() const { return last_writer_.size(); }

 private:
  void Forget(Height watermark);

  const size_t keys_max_;
  std::unordered_map<uint64_t, Height> last_writer_;
  Height barrier_;  // every later height waits for everything up to here
};

}  // namespace sluice
