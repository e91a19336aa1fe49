// SPDX-License-Identifier: Apache-2.0
//
// The seed of a random test: from SLUICE_TEST_SEED, or a new one; printed, so that a failure can be
// run again.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace sluice::testing_support {

inline uint64_t Seed() {
  const char* given = std::getenv("SLUICE_TEST_SEED");
  uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::printf("seed: SLUICE_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

}  // namespace sluice::testing_support
