// SPDX-License-Identifier: Apache-2.0
//
// Random change sets for property tests, and the seed they come from.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "model/change_set.h"

namespace sluice::test {

// The seed of this run: SLUICE_TEST_SEED, or a new one.
uint64_t Seed();
// For SCOPED_TRACE: how to run the same again.
std::string SeedText(uint64_t seed);

// What a builder is told, kept apart from it so that its answer can be compared.
struct PlannedChange {
  uint32_t transaction = 0;
  ChangeKind kind = ChangeKind::kSet;
  std::string store;
  std::string key;
  std::string value;
  std::optional<std::string> old_value;
};
struct PlannedChangeSet {
  std::string stream_id;
  Height height;
  int64_t time_unix_nanos = 0;
  std::vector<PlannedChange> changes;
  std::vector<uint32_t> codes;  // one a transaction
};

PlannedChangeSet RandomPlan(std::mt19937_64* random);
std::shared_ptr<const ChangeSet> Build(const PlannedChangeSet& plan, const Digest& previous);

// `size` random bytes.
std::string RandomBytes(std::mt19937_64* random, size_t size);
// A size that is often small and sometimes at the edge of a varint's width.
size_t RandomSize(std::mt19937_64* random);

}  // namespace sluice::test
