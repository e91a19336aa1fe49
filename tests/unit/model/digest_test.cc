// SPDX-License-Identifier: Apache-2.0
#include "model/digest.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace sluice {
namespace {

// FIPS 180-2, appendix B.
TEST(Digest, Sha256GivesTheValuesOfItsStandard) {
  EXPECT_EQ(Sha256("abc").ToHex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256("").ToHex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Digest, ChainIsTheHashOfThePiecesPutTogether) {
  EXPECT_EQ(GenesisDigest("demo"), Sha256("sluice.stream.v1:demo"));
  const Digest previous = Sha256("x");
  EXPECT_EQ(NextDigest(previous, "bytes"), Sha256(std::string(previous.view()) + "bytes"));
}

TEST(Digest, IsMadeOfThirtyTwoBytesAndNoOtherNumber) {
  const Digest digest = Sha256("x");
  EXPECT_EQ(Digest::FromBytes(digest.view()), digest);
  EXPECT_FALSE(Digest::FromBytes(digest.view().substr(1)));
  EXPECT_FALSE(Digest::FromBytes(std::string(33, 'x')));
}

TEST(Digest, ThreadsDoNotDisturbEachOther) {
  std::vector<std::thread> threads;
  std::vector<int> right(4, 0);
  for (size_t t = 0; t < right.size(); ++t) {
    threads.emplace_back([&right, t] {
      const std::string text = "sluice.stream.v1:" + std::to_string(t);
      for (int i = 0; i < 500; ++i) {
        right[t] += GenesisDigest(std::to_string(t)) == Sha256(text) ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, std::vector<int>(4, 500));
}

}  // namespace
}  // namespace sluice
