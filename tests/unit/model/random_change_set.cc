// SPDX-License-Identifier: Apache-2.0
#include "unit/model/random_change_set.h"

#include <cstdlib>

namespace sluice::test {
namespace {

template <typename T, size_t N>
const T& OneOf(std::mt19937_64* random, const T (&values)[N]) {
  return values[(*random)() % N];
}

}  // namespace

uint64_t Seed() {
  const char* given = std::getenv("SLUICE_TEST_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
}

std::string SeedText(uint64_t seed) { return "SLUICE_TEST_SEED=" + std::to_string(seed); }

std::string RandomBytes(std::mt19937_64* random, size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>((*random)());
  return bytes;
}

size_t RandomSize(std::mt19937_64* random) {
  static constexpr size_t kSizes[] = {0,   1,   2,   7,   15,  16,    100,
                                      126, 127, 128, 129, 300, 16383, 16384};
  return OneOf(random, kSizes);
}

PlannedChangeSet RandomPlan(std::mt19937_64* random) {
  static const std::string kStores[] = {"orders", "o", "Straße", "a-store-with-quite-a-long-name"};
  static constexpr uint64_t kHeights[] = {1, 2, 127, 128, 1u << 31, UINT64_MAX};
  static constexpr int64_t kTimes[] = {0, 1, -1, INT64_MAX, INT64_MIN, 1769860800000000000};
  static constexpr uint32_t kCodes[] = {1, 2, 127, 128, UINT32_MAX};
  PlannedChangeSet plan;
  plan.stream_id = OneOf(random, kStores);
  plan.height = Height(OneOf(random, kHeights));
  plan.time_unix_nanos = OneOf(random, kTimes);
  static constexpr size_t kTransactionCounts[] = {0, 1, 2, 5, 140};
  const size_t transactions = OneOf(random, kTransactionCounts);
  for (uint32_t t = 0; t < transactions; ++t) {
    plan.codes.push_back((*random)() % 4 == 0 ? OneOf(random, kCodes) : 0);
    if (plan.codes.back() != 0) continue;
    for (size_t left = (*random)() % 4; left > 0; --left) {
      PlannedChange change;
      change.transaction = t;
      change.kind = (*random)() % 3 == 0 ? ChangeKind::kDelete : ChangeKind::kSet;
      change.store = OneOf(random, kStores);
      change.key = RandomBytes(random, 1 + RandomSize(random));
      if (change.kind == ChangeKind::kSet) change.value = RandomBytes(random, RandomSize(random));
      if ((*random)() % 2 == 0) change.old_value = RandomBytes(random, RandomSize(random));
      plan.changes.push_back(std::move(change));
    }
  }
  return plan;
}

std::shared_ptr<const ChangeSet> Build(const PlannedChangeSet& plan, const Digest& previous) {
  ChangeSetBuilder builder(plan.stream_id, plan.height, plan.time_unix_nanos);
  size_t next = 0;
  for (uint32_t t = 0; t < plan.codes.size(); ++t) {
    for (; next < plan.changes.size() && plan.changes[next].transaction == t; ++next) {
      const PlannedChange& change = plan.changes[next];
      if (change.kind == ChangeKind::kSet) {
        builder.AddSet(t, change.store, change.key, change.value, change.old_value);
      } else {
        builder.AddDelete(t, change.store, change.key, change.old_value);
      }
    }
    builder.AddTransactionResult(t, plan.codes[t]);
  }
  return std::move(builder).Seal(previous);
}

}  // namespace sluice::test
