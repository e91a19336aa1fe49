// SPDX-License-Identifier: Apache-2.0
//
// Several layers above a base, read as one.
//
// An iterator keeps a position in each layer and in the base. Its current key is the least of
// theirs (in reverse: the greatest); where several stand at that key the newest decides, and all of
// them move on together. A key that the newest has deleted is passed over. There are few layers, so
// looking at each beats keeping a heap.
#include <utility>

#include "store/empty_iterator.h"
#include "store/overlay.h"

namespace sluice {
namespace {

using Layer = std::shared_ptr<const StoreOverlay>;

// A position in one layer, in the direction of the iteration.
class LayerCursor {
 public:
  LayerCursor(const StoreOverlay& layer, const KeyRange& range, bool reverse) : reverse_(reverse) {
    const StoreOverlay::Map& entries = layer.entries();
    begin_ = range.lower ? entries.lower_bound(*range.lower) : entries.begin();
    end_ = range.upper ? entries.lower_bound(*range.upper) : entries.end();
  }
  bool Valid() const { return begin_ != end_; }
  const StoreOverlay::Map::value_type& entry() const {
    return reverse_ ? *std::prev(end_) : *begin_;
  }
  void Next() { reverse_ ? --end_ : ++begin_; }

 private:
  bool reverse_;
  StoreOverlay::Map::const_iterator begin_;
  StoreOverlay::Map::const_iterator end_;
};

class MergedIterator : public StoreIterator {
 public:
  MergedIterator(std::vector<Layer> layers, std::unique_ptr<StoreIterator> base,
                 const KeyRange& range, bool reverse)
      : layers_(std::move(layers)), base_(std::move(base)), reverse_(reverse) {
    cursors_.reserve(layers_.size());
    for (const Layer& layer : layers_) cursors_.emplace_back(*layer, range, reverse);
    Settle();
  }

  bool Valid() const override { return valid_; }
  std::string_view key() const override { return key_; }
  std::string_view value() const override { return value_; }
  Status status() const override { return base_->status(); }
  void Next() override {
    Pass();
    Settle();
  }

 private:
  bool Before(std::string_view a, std::string_view b) const { return reverse_ ? a > b : a < b; }

  // Finds the next key that is there.
  void Settle() {
    while (FindNext()) {
      if (!deleted_) {
        valid_ = true;
        return;
      }
      Pass();
    }
    valid_ = false;
  }

  // Sets key_, value_ and deleted_ to what the newest layer at the next key says.
  bool FindNext() {
    // What the base cannot read, it might hold before any key of the layers.
    if (!base_->status().ok()) return false;
    bool found = false;
    for (const LayerCursor& cursor : cursors_) {
      if (!cursor.Valid()) continue;
      const auto& [key, value] = cursor.entry();
      if (found && !Before(key, key_)) continue;
      found = true;
      key_ = key;
      deleted_ = !value.has_value();
      value_ = value ? std::string_view(*value) : std::string_view();
    }
    if (base_->Valid() && (!found || Before(base_->key(), key_))) {
      found = true;
      key_ = base_->key();
      deleted_ = false;
      value_ = base_->value();
    }
    return found;
  }

  // Moves everything that stands at key_ past it. The base comes last, for key_ may be its own.
  void Pass() {
    for (LayerCursor& cursor : cursors_) {
      if (cursor.Valid() && cursor.entry().first == key_) cursor.Next();
    }
    if (base_->Valid() && base_->key() == key_) base_->Next();
  }

  const std::vector<Layer> layers_;
  const std::unique_ptr<StoreIterator> base_;
  const bool reverse_;
  std::vector<LayerCursor> cursors_;
  bool valid_ = false;
  bool deleted_ = false;
  std::string_view key_;    // into a layer or the base
  std::string_view value_;  // the same
};

class MergedStoreView : public StoreView {
 public:
  MergedStoreView(std::vector<Layer> layers, std::shared_ptr<const StoreView> base)
      : layers_(std::move(layers)), base_(std::move(base)) {}

  Result<std::optional<std::string>> Get(std::string_view key) const override {
    if (const std::optional<std::string>* known = Find(key)) return *known;
    return base_->Get(key);
  }

  Result<bool> Has(std::string_view key) const override {
    if (const std::optional<std::string>* known = Find(key)) return known->has_value();
    return base_->Has(key);
  }

  std::unique_ptr<StoreIterator> Iterate(const KeyRange& range, bool reverse) const override {
    if (range.empty()) return std::make_unique<EmptyIterator>();
    return std::make_unique<MergedIterator>(layers_, base_->Iterate(range, reverse), range,
                                            reverse);
  }

 private:
  const std::optional<std::string>* Find(std::string_view key) const {
    for (const Layer& layer : layers_) {
      if (const std::optional<std::string>* known = layer->Find(key)) return known;
    }
    return nullptr;
  }

  const std::vector<Layer> layers_;
  const std::shared_ptr<const StoreView> base_;
};

}  // namespace

std::shared_ptr<const StoreView> MergedView(std::vector<Layer> layers,
                                            std::shared_ptr<const StoreView> base) {
  if (layers.empty()) return base;
  return std::make_shared<MergedStoreView>(std::move(layers), std::move(base));
}

}  // namespace sluice
