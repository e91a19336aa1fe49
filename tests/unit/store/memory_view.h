// SPDX-License-Identifier: Apache-2.0
//
// A store view over a std::map: what the views under test are compared with, and stand on.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/view.h"

namespace sluice::test {

using Model = std::map<std::string, std::string>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

inline Pairs PairsIn(const Model& model, const KeyRange& range, bool reverse) {
  Pairs pairs;
  for (const auto& [key, value] : model) {
    if (range.lower && key < *range.lower) continue;
    if (range.upper && key >= *range.upper) continue;
    pairs.emplace_back(key, value);
  }
  if (reverse) pairs = Pairs(pairs.rbegin(), pairs.rend());
  return pairs;
}

inline Pairs Collect(StoreIterator& iterator) {
  Pairs pairs;
  for (; iterator.Valid(); iterator.Next()) pairs.emplace_back(iterator.key(), iterator.value());
  return pairs;
}

class MemoryView : public StoreView {
 public:
  explicit MemoryView(Model model = {}) : model_(std::move(model)) {}

  Result<std::optional<std::string>> Get(std::string_view key) const override {
    const auto found = model_.find(std::string(key));
    if (found == model_.end()) return std::nullopt;
    return found->second;
  }
  Result<bool> Has(std::string_view key) const override {
    return model_.count(std::string(key)) > 0;
  }
  std::unique_ptr<StoreIterator> Iterate(const KeyRange& range, bool reverse) const override {
    return std::make_unique<Iterator>(PairsIn(model_, range, reverse));
  }

 private:
  class Iterator : public StoreIterator {
   public:
    explicit Iterator(Pairs pairs) : pairs_(std::move(pairs)) {}
    bool Valid() const override { return at_ < pairs_.size(); }
    void Next() override { ++at_; }
    std::string_view key() const override { return pairs_[at_].first; }
    std::string_view value() const override { return pairs_[at_].second; }
    Status status() const override { return Status::Ok(); }

   private:
    const Pairs pairs_;
    size_t at_ = 0;
  };

  const Model model_;
};

}  // namespace sluice::test
