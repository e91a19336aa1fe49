// SPDX-License-Identifier: Apache-2.0
//
// What is delivered to a sink under check: a chain of sealed change sets, as the node's executor
// makes them, kept whole so that what a sink holds can be compared with it. Copies are branches:
// the same heights up to a point, others from there on.
//
// Threading: one thread writes; then any number read. Ownership: a value; change sets are shared.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/types.h"
#include "model/change_set.h"
#include "plugin/sink_instance.h"

namespace sluice::contract {

// One operation of a block. No value: a delete.
struct Op {
  std::string store;
  std::string key;
  std::optional<std::string> value;
  uint32_t transaction = 0;
};

inline Op Set(std::string store, std::string key, std::string value, uint32_t transaction = 0) {
  return {std::move(store), std::move(key), std::move(value), transaction};
}
inline Op Delete(std::string store, std::string key, uint32_t transaction = 0) {
  return {std::move(store), std::move(key), std::nullopt, transaction};
}

// What stores hold: values by store and key.
using State = std::map<std::pair<std::string, std::string>, std::string>;

class History {
 public:
  // Begins above height 0 of `stream_id`, or above `base`.
  explicit History(std::string stream_id);
  History(std::string stream_id, const Base& base)
      : stream_id_(std::move(stream_id)), base_(base) {}

  // The next height; transactions are numbered in rising order. Each third height also has a
  // transaction that failed, each with previous values where the key held one.
  void Add(const std::vector<Op>& ops);
  // `count` heights of a few sets, overwrites and deletes in two stores; the same ones each time.
  void AddOrdinary(int count);

  // This history as it was at `height`.
  History Until(Height height) const;

  // The same heights to a sink that took a snapshot at `height` and goes on behind it.
  History FromSnapshotAt(Height height) const;
  // The rows of that snapshot; nothing: the history begins with heights.
  const std::optional<State>& snapshot() const { return snapshot_; }

  const std::string& stream_id() const { return stream_id_; }
  const Base& base() const { return base_; }
  Height first() const { return base_.height + 1; }
  Height last() const { return base_.height + sets_.size(); }
  const std::shared_ptr<const ChangeSet>& at(Height height) const;
  Digest digest(Height height) const;

 private:
  std::string stream_id_;
  Base base_;
  std::vector<std::shared_ptr<const ChangeSet>> sets_;
  std::optional<State> snapshot_;
  State state_;  // after the last height
};

}  // namespace sluice::contract
