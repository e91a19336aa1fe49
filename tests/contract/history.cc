// SPDX-License-Identifier: Apache-2.0
#include "contract/history.h"

#include <fmt/core.h>

#include "base/check.h"

namespace sluice::contract {
namespace {

constexpr int64_t kBeginning = 1'700'000'000'000'000'000;  // nanoseconds; any time serves
constexpr int64_t kSecond = 1'000'000'000;

}  // namespace

History::History(std::string stream_id)
    : stream_id_(std::move(stream_id)), base_{Height(), GenesisDigest(stream_id_)} {}

void History::Add(const std::vector<Op>& ops) {
  const Height height = last() + 1;
  ChangeSetBuilder builder(stream_id_, height,
                           kBeginning + static_cast<int64_t>(height.value()) * kSecond);
  uint32_t transaction = 0;
  for (const Op& op : ops) {
    for (; transaction < op.transaction; ++transaction)
      builder.AddTransactionResult(transaction, 0);
    const std::pair<std::string, std::string> name(op.store, op.key);
    const auto held = state_.find(name);
    std::optional<std::string_view> old_value;
    if (held != state_.end()) old_value = held->second;
    if (op.value) {
      builder.AddSet(op.transaction, op.store, op.key, *op.value, old_value);
      state_[name] = *op.value;
    } else {
      builder.AddDelete(op.transaction, op.store, op.key, old_value);
      state_.erase(name);
    }
  }
  if (!ops.empty()) builder.AddTransactionResult(transaction++, 0);
  if (height.value() % 3 == 0) builder.AddTransactionResult(transaction, 7);
  sets_.push_back(std::move(builder).Seal(digest(last())));
}

void History::AddOrdinary(int count) {
  for (int i = 0; i < count; ++i) {
    const uint64_t height = (last() + 1).value();
    std::vector<Op> ops;
    ops.push_back(Set("main", fmt::format("k{}", height % 7), fmt::format("value of {}", height)));
    ops.push_back(Set("orders", fmt::format("order-{}", height), std::string(height % 50, 'x'), 1));
    if (height % 4 == 0) ops.push_back(Delete("main", fmt::format("k{}", (height / 2) % 7), 1));
    ops.push_back(Set("main", "last", std::to_string(height), 2));
    Add(ops);
  }
}

History History::Until(Height height) const {
  SLUICE_CHECK(height >= base_.height && height <= last(), "a branch begins within its history");
  History branch(stream_id_, base_);
  branch.snapshot_ = snapshot_;
  if (snapshot_) branch.state_ = *snapshot_;
  for (Height h = first(); h <= height; ++h) {
    branch.sets_.push_back(at(h));
    for (const Change& change : at(h)->changes()) {
      const std::pair<std::string, std::string> name(change.store, change.key);
      if (change.kind == ChangeKind::kSet) {
        branch.state_[name] = std::string(change.value);
      } else {
        branch.state_.erase(name);
      }
    }
  }
  return branch;
}

History History::FromSnapshotAt(Height height) const {
  History copied(stream_id_, {height, digest(height)});
  copied.snapshot_ = Until(height).state_;
  copied.sets_.assign(sets_.begin() + static_cast<ptrdiff_t>(height - base_.height), sets_.end());
  copied.state_ = state_;
  return copied;
}

const std::shared_ptr<const ChangeSet>& History::at(Height height) const {
  SLUICE_CHECK(height >= first() && height <= last(), "the height is in the history");
  return sets_[height - first()];
}

Digest History::digest(Height height) const {
  return height == base_.height ? base_.digest : at(height)->digest();
}

}  // namespace sluice::contract
