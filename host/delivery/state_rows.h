// SPDX-License-Identifier: Apache-2.0
//
// Rows of the stores with their bytes, in memory that is used again.
// Threading: one thread. Lifetime: views are valid until the next change.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/sink_instance.h"

namespace sluice {

class StateRows {
 public:
  void Clear() {
    bytes_.clear();
    sizes_.clear();
  }
  void Add(std::string_view store, std::string_view key, std::string_view value) {
    bytes_.append(store).append(key).append(value);
    sizes_.push_back({store.size(), key.size(), value.size()});
  }
  uint64_t size() const { return sizes_.size(); }
  uint64_t bytes() const { return bytes_.size(); }

  std::span<const SnapshotRow> views() {
    views_.clear();
    std::string_view rest = bytes_;
    const auto take = [&rest](size_t size) {
      const std::string_view taken = rest.substr(0, size);
      rest.remove_prefix(size);
      return taken;
    };
    for (const Sizes& sizes : sizes_) {
      const std::string_view store = take(sizes.store);
      const std::string_view key = take(sizes.key);
      views_.push_back({store, key, take(sizes.value)});
    }
    return views_;
  }

 private:
  struct Sizes {
    size_t store, key, value;
  };
  std::string bytes_;
  std::vector<Sizes> sizes_;
  std::vector<SnapshotRow> views_;
};

}  // namespace sluice
