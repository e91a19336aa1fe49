// SPDX-License-Identifier: Apache-2.0
#include "delivery/conflict_index.h"

#include <algorithm>
#include <functional>
#include <string_view>

namespace sluice {
namespace {

uint64_t HashOf(const Change& change) {
  const uint64_t store = std::hash<std::string_view>()(change.store);
  const uint64_t key = std::hash<std::string_view>()(change.key);
  // Spread, so that (a, b) and (b, a) differ.
  return key ^ (store * 0x9E3779B97F4A7C15U + (store >> 32U));
}

}  // namespace

Precedence ConflictIndex::Add(const ChangeSet& change_set, const ChangeFilter& filter,
                              Height watermark) {
  const Height height = change_set.height();
  const size_t changes = change_set.changes().size();
  Precedence precedence;
  if (last_writer_.size() + changes > keys_max_) {
    Forget(watermark);
    // Half of the room is left at least, so that forgetting, which looks at every key, stays rare.
    if (last_writer_.size() > keys_max_ / 2 || last_writer_.size() + changes > keys_max_) {
      last_writer_.clear();
      barrier_ = height;
      precedence.all_through = height - 1;
      return precedence;
    }
  }
  const bool all = filter.passes_all();
  for (const Change& change : change_set.changes()) {
    if (!all && !filter.Passes(change)) continue;
    const auto [known, is_new] = last_writer_.try_emplace(HashOf(change), height);
    if (is_new || known->second == height) continue;
    if (known->second > watermark) precedence.heights.push_back(known->second);
    known->second = height;
  }
  std::sort(precedence.heights.begin(), precedence.heights.end());
  precedence.heights.erase(std::unique(precedence.heights.begin(), precedence.heights.end()),
                           precedence.heights.end());
  if (barrier_ > watermark) precedence.all_through = barrier_;
  if (precedence.heights.size() > kHeightsMax) {
    precedence.all_through = std::max(precedence.all_through, precedence.heights.back());
    precedence.heights.clear();
  }
  return precedence;
}

void ConflictIndex::Forget(Height watermark) {
  std::erase_if(last_writer_, [&](const auto& entry) { return entry.second <= watermark; });
}

}  // namespace sluice
