// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <random>

#include "memory_view.h"
#include "store/overlay.h"

namespace sluice {
namespace {

using test::Collect;
using test::MemoryView;
using test::Model;
using test::Pairs;
using test::PairsIn;

uint64_t Seed() {
  const char* given = std::getenv("SLUICE_TEST_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::cout << "SLUICE_TEST_SEED=" << seed << "\n";
  return seed;
}

// Few different keys, so that layers meet often; 0x00 and 0xff among their bytes.
std::string RandomKey(std::mt19937_64* random) {
  static constexpr char kBytes[] = {'\0', 'a', 'b', '\x7f', '\x80', '\xff'};
  std::string key;
  const size_t size = 1 + (*random)() % 3;
  for (size_t i = 0; i < size; ++i) key.push_back(kBytes[(*random)() % sizeof(kBytes)]);
  return key;
}

KeyRange RandomRange(std::mt19937_64* random) {
  if ((*random)() % 4 == 0) {
    return KeyRange::Prefix((*random)() % 8 == 0 ? "" : RandomKey(random));
  }
  KeyRange range;
  if ((*random)() % 3 != 0) range.lower = RandomKey(random);
  if ((*random)() % 3 != 0) range.upper = RandomKey(random);
  return range;
}

TEST(MergedView, ReadsAsOneMapWhateverTheLayers) {
  std::mt19937_64 random(Seed());
  for (int round = 0; round < 400; ++round) {
    Model model;
    for (uint64_t i = random() % 30; i > 0; --i) {
      model[RandomKey(&random)] = std::to_string(random() % 100);
    }
    auto base = std::make_shared<MemoryView>(model);
    std::vector<std::shared_ptr<const StoreOverlay>> layers;
    for (uint64_t n = random() % 5; n > 0; --n) {
      auto layer = std::make_shared<StoreOverlay>();
      for (uint64_t i = random() % 20; i > 0; --i) {
        const std::string key = RandomKey(&random);
        if (random() % 3 == 0) {
          layer->Delete(key);
          model.erase(key);
        } else {
          const std::string value = std::to_string(random() % 100);
          layer->Set(key, value);
          model[key] = value;
        }
      }
      layers.insert(layers.begin(), std::move(layer));
    }
    const auto view = MergedView(layers, base);
    for (int i = 0; i < 60; ++i) {
      const std::string key = RandomKey(&random);
      const auto found = model.find(key);
      auto value = view->Get(key);
      ASSERT_TRUE(value);
      ASSERT_EQ(*value, found == model.end() ? std::nullopt : std::optional(found->second));
      ASSERT_EQ(*view->Has(key), found != model.end());
    }
    for (int i = 0; i < 30; ++i) {
      const KeyRange range = i == 0 ? KeyRange() : RandomRange(&random);
      for (const bool reverse : {false, true}) {
        auto iterator = view->Iterate(range, reverse);
        ASSERT_EQ(Collect(*iterator), PairsIn(model, range, reverse));
        ASSERT_TRUE(iterator->status().ok());
      }
    }
  }
}

TEST(MergedView, StopsWhereTheBaseCannotBeRead) {
  class Unreadable : public StoreView {
   public:
    Result<std::optional<std::string>> Get(std::string_view) const override { return Fault(); }
    Result<bool> Has(std::string_view) const override { return Fault(); }
    std::unique_ptr<StoreIterator> Iterate(const KeyRange&, bool) const override {
      class Broken : public StoreIterator {
        bool Valid() const override { return false; }
        void Next() override {}
        std::string_view key() const override { return {}; }
        std::string_view value() const override { return {}; }
        Status status() const override { return Status(StatusCode::kCorruption, "block 3"); }
      };
      return std::make_unique<Broken>();
    }

   private:
    static tl::unexpected<Status> Fault() { return Error(StatusCode::kCorruption, "block 3"); }
  };
  auto layer = std::make_shared<StoreOverlay>();
  layer->Set("k", "v");
  const auto view = MergedView({layer}, std::make_shared<Unreadable>());
  EXPECT_EQ(**view->Get("k"), "v");
  EXPECT_EQ(view->Get("other").error().code(), StatusCode::kCorruption);
  auto iterator = view->Iterate(KeyRange(), false);
  EXPECT_FALSE(iterator->Valid());
  EXPECT_EQ(iterator->status().code(), StatusCode::kCorruption);
}

TEST(KeyRange, PrefixHasNoUpperBoundAfterTheLastByte) {
  EXPECT_EQ(KeyRange::Prefix("ab").upper, "ac");
  EXPECT_EQ(KeyRange::Prefix("a\xff").upper, "b");
  EXPECT_EQ(KeyRange::Prefix("\xff\xff").upper, std::nullopt);
  EXPECT_EQ(KeyRange::Prefix("").lower, std::nullopt);
}

}  // namespace
}  // namespace sluice
