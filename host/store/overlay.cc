// SPDX-License-Identifier: Apache-2.0
#include "store/overlay.h"

#include <utility>

namespace sluice {

void StoreOverlay::Set(std::string_view key, std::string_view value) {
  const auto at = entries_.lower_bound(key);
  if (at != entries_.end() && at->first == key) {
    at->second = std::string(value);
  } else {
    entries_.emplace_hint(at, key, std::string(value));
  }
}

void StoreOverlay::Delete(std::string_view key) {
  const auto at = entries_.lower_bound(key);
  if (at != entries_.end() && at->first == key) {
    at->second.reset();
  } else {
    entries_.emplace_hint(at, key, std::nullopt);
  }
}

const std::optional<std::string>* StoreOverlay::Find(std::string_view key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : &found->second;
}

// Moves the nodes: nothing is copied or allocated.
void StoreOverlay::Absorb(StoreOverlay&& above) {
  if (entries_.empty()) {
    entries_.swap(above.entries_);
    return;
  }
  while (!above.entries_.empty()) {
    Map::node_type node = above.entries_.extract(above.entries_.begin());
    const auto at = entries_.lower_bound(node.key());
    if (at != entries_.end() && at->first == node.key()) {
      at->second = std::move(node.mapped());
    } else {
      entries_.insert(at, std::move(node));
    }
  }
}

}  // namespace sluice
