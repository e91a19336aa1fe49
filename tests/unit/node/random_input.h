// SPDX-License-Identifier: Apache-2.0
//
// Random blocks, and what must come of them by a second, plain reading of the rules.
// Threading: one thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "model/block.h"
#include "model/change_set.h"

namespace sluice {

// The block of a height: the same one for the same seed, however often it is asked for. Some of its
// transactions fail.
Block RandomBlock(uint64_t seed, Height height);

// A change, with everything that its consumers see of it.
using PlainChange =
    std::tuple<ChangeKind, std::string /*store*/, std::string /*key*/, std::string /*value*/,
               uint32_t /*transaction*/, uint32_t /*sequence*/>;
std::vector<PlainChange> PlainChanges(const ChangeSet& change_set);

using PlainState = std::map<std::pair<std::string, std::string>, std::string>;
void Apply(const ChangeSet& change_set, PlainState* state);

// Plain maps that execute blocks.
class Reference {
 public:
  std::vector<PlainChange> Execute(const Block& block);
  const PlainState& state() const { return state_; }
  uint64_t failed_transactions() const { return failed_; }

 private:
  PlainState state_;
  uint64_t failed_ = 0;
};

}  // namespace sluice
