// SPDX-License-Identifier: Apache-2.0
//
// Keys in bounded memory: where they do not fit, only a share of them is kept, chosen by their
// hash, and the rest is left to further passes over the same keys.
//
//   std::vector<KeyShare> to_do = {KeyShare()};
//   while (!to_do.empty()) {
//     KeyTable table(to_do.back(), budget);
//     to_do.pop_back();
//     … Put and Erase all keys …
//     to_do.insert(to_do.end(), table.given_up().begin(), table.given_up().end());
//   }
//
// Threading: one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sluice_kafka {

// The keys whose hash is `index` modulo `count`, a power of two.
struct KeyShare {
  uint64_t count = 1;
  uint64_t index = 0;

  bool Has(std::string_view key) const;
};

class KeyTable {
 public:
  struct Found {
    int32_t partition = 0;
    std::string store;
  };

  KeyTable(KeyShare share, uint64_t budget_bytes) : share_(share), budget_bytes_(budget_bytes) {}

  // Both pass over keys that are not of the share. Put halves the share where the budget is
  // exceeded.
  void Put(std::string_view key, int32_t partition, std::string_view store);
  void Erase(std::string_view key);

  const std::unordered_map<std::string, Found>& keys() const { return keys_; }
  // What is left to other tables.
  const std::vector<KeyShare>& given_up() const { return given_up_; }

 private:
  void Halve();

  KeyShare share_;
  const uint64_t budget_bytes_;
  uint64_t bytes_ = 0;
  std::unordered_map<std::string, Found> keys_;
  std::vector<KeyShare> given_up_;
};

}  // namespace sluice_kafka
