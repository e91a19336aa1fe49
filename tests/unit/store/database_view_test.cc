// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <random>
#include <thread>

#include "store_fixture.h"

namespace sluice {
namespace {

using test::Collect;
using test::Delete;
using test::Model;
using test::Pairs;
using test::PairsIn;
using test::Set;

class DatabaseViewTest : public test::DatabaseTest {};

TEST_F(DatabaseViewTest, IteratesBothWaysWithinBoundsLikeAMap) {
  const char* given = std::getenv("SLUICE_TEST_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::cout << "SLUICE_TEST_SEED=" << seed << "\n";
  std::mt19937_64 random(seed);
  auto key = [&] {
    std::string text(1 + random() % 3, 'a');
    for (char& c : text) c = "ab\xff"[random() % 3];
    return text;
  };
  Model model;
  for (int b = 0; b < 6; ++b) {
    std::vector<Operation> operations;
    for (int i = 0; i < 12; ++i) {
      const std::string k = key();
      if (random() % 3 == 0) {
        operations.push_back(Delete("x", k));
        model.erase(k);
      } else {
        operations.push_back(Set("x", k, std::to_string(i)));
        model[k] = std::to_string(i);
      }
    }
    Commit(operations);
  }
  for (const bool files : {false, true}) {
    if (files) {
      ASSERT_TRUE(database_->Reopen().ok());
    }
    const auto view = *database_->CommittedView("x");
    for (int i = 0; i < 200; ++i) {
      KeyRange range = KeyRange::Prefix(random() % 3 == 0 ? "" : key());
      if (random() % 2 == 0) range.upper = key();
      for (const bool reverse : {false, true}) {
        ASSERT_EQ(Collect(*view->Iterate(range, reverse)), PairsIn(model, range, reverse));
      }
      const std::string k = key();
      ASSERT_EQ(*view->Has(k), model.count(k) == 1);
    }
  }
}

TEST_F(DatabaseViewTest, CommittedViewMovesWithEachCommit) {
  const auto view = *database_->CommittedView("x");
  Commit({Set("x", "a", "1")});
  EXPECT_EQ(**view->Get("a"), "1");
  Journal({Set("x", "a", "2")});
  EXPECT_EQ(**view->Get("a"), "1");
}

TEST_F(DatabaseViewTest, SnapshotStaysAtItsHeightInAllStores) {
  const SealedBlock first = Commit({Set("x", "a", "1"), Set("y", "a", "1")});
  auto snapshot = database_->Snapshot();
  Commit({Set("x", "a", "2"), Delete("y", "a"), Set("y", "b", "2")});
  EXPECT_EQ(snapshot->height(), Height(1));
  EXPECT_EQ(snapshot->digest(), first.change_set->digest());
  EXPECT_EQ(All(**snapshot->Store("x")), (Pairs{{"a", "1"}}));
  EXPECT_EQ(All(**snapshot->Store("y")), (Pairs{{"a", "1"}}));
  EXPECT_EQ(snapshot->Store("z").error().code(), StatusCode::kNotFound);
  // A view keeps the snapshot.
  const auto view = *snapshot->Store("x");
  snapshot.reset();
  EXPECT_EQ(**view->Get("a"), "1");
  EXPECT_EQ(Get("x", "a"), "2");
}

TEST_F(DatabaseViewTest, SnapshotOfANewHomeIsGenesis) {
  const auto snapshot = database_->Snapshot();
  EXPECT_EQ(snapshot->height(), Height(0));
  EXPECT_EQ(snapshot->digest(), GenesisDigest("test"));
}

TEST_F(DatabaseViewTest, ViewsTakenBeforeReopenWorkAfterIt) {
  Commit({Set("x", "a", "1")});
  const auto view = *database_->CommittedView("x");
  const auto merged = *executor_->CurrentView("x");
  ASSERT_TRUE(database_->Reopen().ok());
  EXPECT_EQ(**view->Get("a"), "1");
  Commit({Set("x", "b", "2")});
  EXPECT_EQ(All(*view), (Pairs{{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(All(*merged), (Pairs{{"a", "1"}, {"b", "2"}}));
}

TEST_F(DatabaseViewTest, ReopenWaitsForIteratorsAndLetsTheirThreadsReadOn) {
  Commit({Set("x", "a", "1"), Set("x", "b", "2")});
  const auto view = *database_->CommittedView("x");
  auto iterator = view->Iterate(KeyRange(), false);
  std::atomic<bool> reopened{false};
  std::thread other([&] {
    EXPECT_TRUE(database_->Reopen().ok());
    reopened = true;
  });
  // However long the other thread waits already: whoever is in may come in again.
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(**view->Get("a"), "1");
  EXPECT_EQ(Collect(*iterator), (Pairs{{"a", "1"}, {"b", "2"}}));
  EXPECT_FALSE(reopened);
  iterator.reset();
  other.join();
  EXPECT_EQ(**view->Get("b"), "2");
}

TEST_F(DatabaseViewTest, ReadersAndReopeningsDoNotDisturbEachOther) {
  Commit({Set("x", "a", "1"), Set("x", "b", "2")});
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      const auto view = *database_->CommittedView("x");
      while (!stop) {
        ASSERT_EQ(**view->Get("a"), "1");
        ASSERT_EQ(Collect(*view->Iterate(KeyRange(), true)).size(), 2u);
        ASSERT_EQ(database_->Snapshot()->height(), Height(1));
      }
    });
  }
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(database_->Reopen().ok());
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

TEST_F(DatabaseViewTest, ViewThatOutlivesTheDatabaseSaysThatItIsClosed) {
  Commit({Set("x", "a", "1")});
  const auto view = *database_->CommittedView("x");
  Close();
  EXPECT_FALSE(view->Get("a"));
  EXPECT_FALSE(view->Iterate(KeyRange(), false)->status().ok());
}

}  // namespace
}  // namespace sluice
