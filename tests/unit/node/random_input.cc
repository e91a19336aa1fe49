// SPDX-License-Identifier: Apache-2.0
#include "unit/node/random_input.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <random>

#include "unit/node/real_node.h"

namespace sluice {

Block RandomBlock(uint64_t seed, Height height) {
  std::mt19937_64 random(seed * 1'000'003 + height.value());
  static constexpr std::array<const char*, 3> kPrefixes = {"user/", "order/", ""};
  Block block;
  block.time_unix_nanos = static_cast<int64_t>(height.value());
  block.position = {"source", fmt::format("after {}", height)};
  block.transactions.resize(random() % 4);
  for (Transaction& transaction : block.transactions) {
    transaction.operations.resize(1 + random() % 5);
    for (Operation& operation : transaction.operations) {
      operation.store = kTestStores[random() % kTestStores.size()];
      operation.key = fmt::format("{}k{}", kPrefixes[random() % kPrefixes.size()], random() % 8);
      const std::string value = fmt::format("v{}", random() % 3);
      switch (random() % 8) {
        case 0:
          operation.kind = OperationKind::kRequire;
          if (random() % 2 == 0) operation.value = value;
          break;
        case 1:
        case 2:
          operation.kind = OperationKind::kDelete;
          break;
        default:
          operation.kind = OperationKind::kSet;
          operation.value = value;
      }
    }
  }
  return block;
}

std::vector<PlainChange> PlainChanges(const ChangeSet& change_set) {
  std::vector<PlainChange> changes;
  for (const Change& change : change_set.changes()) {
    changes.emplace_back(change.kind, change.store, change.key, change.value, change.transaction,
                         change.sequence);
  }
  return changes;
}

void Apply(const ChangeSet& change_set, PlainState* state) {
  for (const Change& change : change_set.changes()) {
    const std::pair<std::string, std::string> key(change.store, change.key);
    if (change.kind == ChangeKind::kSet) {
      (*state)[key] = std::string(change.value);
    } else {
      state->erase(key);
    }
  }
}

std::vector<PlainChange> Reference::Execute(const Block& block) {
  std::vector<PlainChange> changes;
  for (uint32_t t = 0; t < block.transactions.size(); ++t) {
    PlainState after = state_;
    std::vector<PlainChange> made = changes;
    bool applies = true;
    for (const Operation& operation : block.transactions[t].operations) {
      const std::pair<std::string, std::string> key(operation.store, operation.key);
      const auto sequence = static_cast<uint32_t>(made.size());
      const auto found = after.find(key);
      switch (operation.kind) {
        case OperationKind::kRequire:
          applies = applies &&
                    (operation.value ? found != after.end() && found->second == *operation.value
                                     : found == after.end());
          break;
        case OperationKind::kSet:
          after[key] = *operation.value;
          made.emplace_back(ChangeKind::kSet, operation.store, operation.key, *operation.value, t,
                            sequence);
          break;
        case OperationKind::kDelete:
          after.erase(key);
          made.emplace_back(ChangeKind::kDelete, operation.store, operation.key, "", t, sequence);
          break;
      }
    }
    if (!applies) {
      ++failed_;
      continue;
    }
    state_ = std::move(after);
    changes = std::move(made);
  }
  return changes;
}

}  // namespace sluice
