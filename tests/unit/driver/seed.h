// SPDX-License-Identifier: Apache-2.0
//
// The seed of a random test: SLUICE_TEST_SEED, or one drawn now; printed, so that a failure
// repeats.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>

namespace sluice {

inline uint64_t TestSeed() {
  const char* given = std::getenv("SLUICE_TEST_SEED");
  uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::cout << "SLUICE_TEST_SEED=" << seed << "\n";
  return seed;
}

}  // namespace sluice
