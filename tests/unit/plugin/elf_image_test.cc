// SPDX-License-Identifier: Apache-2.0
#include "plugin/elf_image.h"

#include <cstdlib>
#include <random>

#include "unit/plugin/plugin_fixture.h"

namespace sluice {
namespace {

// Whatever the bytes are, reading them ends, with facts or a reason, and stays within them (which
// the address sanitizer sees).
TEST(ElfImage, DamagedHeadersAreReadWithinTheFile) {
  const char* given = std::getenv("SLUICE_TEST_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 20260101;
  SCOPED_TRACE("SLUICE_TEST_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const std::string whole = ReadWhole(TestPlugin("null"));
  int refused = 0;
  for (int round = 0; round < 5000; ++round) {
    // A heap block of just this size, so that reading one byte too far is seen.
    std::string bytes = whole;
    const int flips = 1 + static_cast<int>(random() % 4);
    for (int i = 0; i < flips; ++i) {
      // Half of the flips hit the headers at the beginning, half the section headers at the end.
      const size_t at = random() % 2 == 0 ? random() % 600 : bytes.size() - 1 - random() % 2000;
      bytes[at] = static_cast<char>(random());
    }
    const auto facts = ReadElf(bytes);
    if (!facts) {
      ++refused;
      EXPECT_FALSE(facts.error().message().empty());
    }
  }
  EXPECT_GT(refused, 500);
}

TEST(ElfImage, OffsetsThatOverflowAreRefused) {
  std::string bytes = ReadWhole(TestPlugin("null"));
  for (size_t i = 0; i < 8; ++i) bytes[40 + i] = static_cast<char>(0xFF);  // e_shoff
  const auto facts = ReadElf(bytes);
  ASSERT_FALSE(facts.has_value());
  EXPECT_NE(facts.error().message().find("truncated or damaged"), std::string::npos);
}

}  // namespace
}  // namespace sluice
