// SPDX-License-Identifier: Apache-2.0
//
// Comparing stores with what a sink holds, in as many parts as the memory given asks for.
#include "node/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "unit/store/memory_view.h"

namespace sluice {
namespace {

using test::MemoryView;
using test::Model;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kStream[] = "demo";

class FakeSnapshot : public StateSnapshot {
 public:
  Height height() const override { return height_; }
  Digest digest() const override { return digest_; }
  Result<std::shared_ptr<const StoreView>> Store(std::string_view store) const override {
    return std::shared_ptr<const StoreView>(
        std::make_shared<MemoryView>(stores.at(std::string(store))));
  }

  std::map<std::string, Model> stores;
  Height height_;
  Digest digest_ = GenesisDigest(kStream);
};

using ChangeSets = std::vector<std::shared_ptr<const ChangeSet>>;

class FakeReadback : public Readback {
 public:
  FakeReadback(const ChangeSets* sets, const std::vector<ReadbackItem>* rows, ReadbackInfo info)
      : sets_(sets), rows_(rows), info_(std::move(info)) {}
  const ReadbackInfo& info() const override { return info_; }
  Result<bool> Next(ReadbackItem* item) override {
    if (next_row_ < rows_->size()) {
      *item = (*rows_)[next_row_++];
      return true;
    }
    if (next_ == sets_->size()) return false;
    const ChangeSet& set = *(*sets_)[next_++];
    *item = ReadbackItem();
    item->height = set.height();
    item->digest = set.digest();
    item->previous_digest = set.previous_digest();
    item->canonical = set.canonical();
    item->changes.assign(set.changes().begin(), set.changes().end());
    return true;
  }

 private:
  const ChangeSets* const sets_;
  const std::vector<ReadbackItem>* const rows_;
  const ReadbackInfo info_;
  size_t next_row_ = 0;
  size_t next_ = 0;
};

class VerifySinkTest : public ::testing::Test {
 protected:
  VerifySinkTest() {
    snapshot_.stores = {{"main", {}}, {"orders", {}}};
    options_.stream_id = kStream;
    options_.stores = {"main", "orders"};
    options_.journaled = [this]() -> Result<Height> { return journaled_; };
    info_.first_height = Height(1);
    info_.position.empty = false;
    info_.position.stream_id = kStream;
  }

  // A height that sets `count` keys, of which every third was set before and every fourth is
  // deleted in the height after it.
  void Fill(int count) {
    Take([&](ChangeSetBuilder* builder) {
      for (int i = 0; i < count; ++i) builder->AddSet(0, StoreOf(i), Key(i), "old");
    });
    Take([&](ChangeSetBuilder* builder) {
      for (int i = 0; i < count; ++i) {
        if (i % 4 == 0) {
          builder->AddDelete(0, StoreOf(i), Key(i));
        } else if (i % 3 == 0) {
          builder->AddSet(0, StoreOf(i), Key(i), "new");
        }
      }
    });
  }

  // The sink begins here, with what the stores hold.
  void TakeSnapshot() {
    held_.clear();
    copied_ = snapshot_.stores;
    for (const auto& [store, keys] : copied_) {
      for (const auto& [key, value] : keys) {
        ReadbackItem row;
        row.is_row = true;
        row.height = snapshot_.height_;
        row.digest = snapshot_.digest_;
        row.store = store;
        row.key = key;
        row.value = value;
        rows_.push_back(row);
      }
    }
    info_.first_height = snapshot_.height_;
  }

  template <typename Changes>
  void Take(Changes changes) {
    snapshot_.height_ = snapshot_.height_ + 1;
    ChangeSetBuilder builder(kStream, snapshot_.height_, 0);
    changes(&builder);
    builder.AddTransactionResult(0, 0);
    held_.push_back(std::move(builder).Seal(snapshot_.digest_));
    snapshot_.digest_ = held_.back()->digest();
    info_.position.height = snapshot_.height_;
    info_.position.digest = snapshot_.digest_;
    for (const Change& change : held_.back()->changes()) {
      Model& store = snapshot_.stores[std::string(change.store)];
      if (change.kind == ChangeKind::kDelete) {
        store.erase(std::string(change.key));
      } else {
        store[std::string(change.key)] = change.value;
      }
    }
  }

  Result<VerifyReport> Verify(uint64_t rebuilt_bytes_max) {
    options_.rebuilt_bytes_max = rebuilt_bytes_max;
    opened_ = 0;
    return VerifySink(
        snapshot_,
        [&]() -> Result<std::unique_ptr<Readback>> {
          ++opened_;
          return std::unique_ptr<Readback>(std::make_unique<FakeReadback>(&held_, &rows_, info_));
        },
        options_);
  }

  static std::string StoreOf(int i) { return i % 2 == 0 ? "main" : "orders"; }
  static std::string Key(int i) { return "key-" + std::to_string(i); }

  FakeSnapshot snapshot_;
  ChangeSets held_;
  std::map<std::string, Model> copied_;
  std::vector<ReadbackItem> rows_;  // views of copied_
  ReadbackInfo info_;
  VerifyOptions options_;
  Height journaled_;
  int opened_ = 0;
};

constexpr uint64_t kAll = uint64_t{1} << 30;

TEST_F(VerifySinkTest, WhatFitsIsReadOnce) {
  Fill(1000);
  Result<VerifyReport> report = Verify(kAll);
  ASSERT_TRUE(report) << report.error().ToString();
  EXPECT_TRUE(report->equal && report->complete && report->digest_checked);
  EXPECT_EQ(opened_, 1);
  EXPECT_EQ(report->stores[0].keys + report->stores[1].keys, 750u);
}

TEST_F(VerifySinkTest, RowsOfASnapshotComeFirstAndAreAllThatWasBefore) {
  Fill(300);
  TakeSnapshot();
  const Digest at_snapshot = snapshot_.digest_;
  Fill(100);
  for (const uint64_t bytes : {kAll, uint64_t{8000}}) {
    Result<VerifyReport> report = Verify(bytes);
    ASSERT_TRUE(report) << report.error().ToString();
    EXPECT_TRUE(report->equal && report->complete && report->from_snapshot);
    EXPECT_EQ(report->from, Height(2));
    EXPECT_FALSE(report->digest_checked) << "nobody says what the node's digest was at height 2";
  }
  options_.digest_at = [&](Height height) -> std::optional<Digest> {
    return height == Height(2) ? std::optional<Digest>(at_snapshot) : std::nullopt;
  };
  Result<VerifyReport> report = Verify(kAll);
  ASSERT_TRUE(report) << report.error().ToString();
  EXPECT_TRUE(report->equal && report->digest_checked);
  options_.digest_at = [](Height) { return std::optional<Digest>(Sha256("another history")); };
  report = Verify(kAll);
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message(), HasSubstr("histories differ"));
  // A key that is no row was deleted before, or is missing.
  rows_.clear();
  report = Verify(kAll);
  ASSERT_TRUE(report) << report.error().ToString();
  EXPECT_FALSE(report->equal);
}

TEST_F(VerifySinkTest, ASnapshotAloneIsCompared) {
  Fill(50);
  TakeSnapshot();
  Result<VerifyReport> report = Verify(kAll);
  ASSERT_TRUE(report) << report.error().ToString();
  EXPECT_TRUE(report->equal && report->complete && report->from_snapshot);
  EXPECT_TRUE(report->digest_checked) << "its digest is the node's";
}

TEST_F(VerifySinkTest, WhatDoesNotFitIsReadInPartsAndComparedAsOne) {
  Fill(1000);
  // About 170 bytes a key: a quarter fits, then a sixteenth.
  for (const auto& [bytes, times] : {std::pair{60'000u, 1 + 4}, std::pair{15'000u, 1 + 1 + 16}}) {
    Result<VerifyReport> report = Verify(bytes);
    ASSERT_TRUE(report) << report.error().ToString();
    EXPECT_TRUE(report->equal && report->complete && report->digest_checked);
    EXPECT_EQ(opened_, times);
    EXPECT_EQ(report->stores[0].keys + report->stores[1].keys, 750u);
    EXPECT_THAT(report->examples, IsEmpty());
  }
}

TEST_F(VerifySinkTest, EachDifferenceIsCountedOnceInHoweverManyParts) {
  Fill(1000);
  // The stores are changed behind the sink's back.
  for (int i = 1; i <= 40; ++i) snapshot_.stores["main"]["only-here-" + std::to_string(i)] = "x";
  for (int i = 1; i < 60; i += 2) snapshot_.stores["orders"].erase(Key(i));
  for (int i = 101; i < 121; i += 2) snapshot_.stores["orders"][Key(i)] = "another";
  for (uint64_t bytes : {kAll, uint64_t{60'000}, uint64_t{15'000}, uint64_t{4'000}}) {
    Result<VerifyReport> report = Verify(bytes);
    ASSERT_TRUE(report) << report.error().ToString();
    EXPECT_FALSE(report->equal);
    ASSERT_THAT(report->stores, SizeIs(2));
    const StoreComparison& main = report->stores[0];
    const StoreComparison& orders = report->stores[1];
    EXPECT_EQ(main.missing, 40u) << bytes;
    EXPECT_EQ(main.extra + main.different, 0u) << bytes;
    EXPECT_EQ(orders.extra, 30u) << bytes;
    EXPECT_EQ(orders.different, 10u) << bytes;
    EXPECT_EQ(orders.missing, 0u) << bytes;
    EXPECT_EQ(main.keys, 250u + 40u) << bytes;
    EXPECT_EQ(orders.keys, 500u) << bytes;
    EXPECT_THAT(report->examples, SizeIs(options_.examples_max)) << bytes;
  }
}

TEST_F(VerifySinkTest, StoreThatOnlyTheSinkHasIsNamedOnceInHoweverManyParts) {
  Fill(1000);
  Take([](ChangeSetBuilder* builder) {
    for (int i = 0; i < 100; ++i) builder->AddSet(0, "people", Key(i), "x");
  });
  snapshot_.stores.erase("people");
  for (uint64_t bytes : {kAll, uint64_t{15'000}}) {
    Result<VerifyReport> report = Verify(bytes);
    ASSERT_TRUE(report) << report.error().ToString();
    EXPECT_FALSE(report->equal);
    ASSERT_THAT(report->stores, SizeIs(3)) << bytes;
    EXPECT_EQ(report->stores[2].store, "people");
    EXPECT_EQ(report->stores[2].extra, 100u) << bytes;
  }
}

TEST_F(VerifySinkTest, SinkWhoseBeginningIsGoneIsComparedInPartsAsFarAsItKnows) {
  Fill(1000);
  held_.erase(held_.begin());
  info_.truncated = true;
  info_.first_height = Height(2);
  for (uint64_t bytes : {kAll, uint64_t{15'000}}) {
    Result<VerifyReport> report = Verify(bytes);
    ASSERT_TRUE(report) << report.error().ToString();
    EXPECT_TRUE(report->equal) << bytes;
    EXPECT_FALSE(report->complete);
    EXPECT_EQ(report->from, Height(2));
    // 250 were deleted, and every third of the others was set.
    EXPECT_EQ(report->stores[0].keys + report->stores[1].keys, 250u + 250u) << bytes;
  }
  snapshot_.stores["main"][Key(0)] = "deleted in the sink";
  Result<VerifyReport> report = Verify(15'000);
  ASSERT_TRUE(report) << report.error().ToString();
  EXPECT_EQ(report->stores[0].missing, 1u);
}

TEST_F(VerifySinkTest, OneValueThatDoesNotFitEndsInAnErrorAndNotInAnEndlessLoop) {
  Take(
      [](ChangeSetBuilder* builder) { builder->AddSet(0, "main", "k", std::string(10'000, 'x')); });
  Result<VerifyReport> report = Verify(5'000);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), StatusCode::kNoMemory);
  EXPECT_THAT(report.error().message(), HasSubstr("does not fit into 5000 bytes"));
}

TEST_F(VerifySinkTest, ASinkAboveTheJournalIsAheadAndNotEqual) {
  Fill(10);
  info_.position.height = snapshot_.height_ + 3;
  journaled_ = snapshot_.height_ + 3;  // a node that runs has gone on since the snapshot
  Result<VerifyReport> report = Verify(kAll);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_TRUE(report->equal && !report->ahead);
  EXPECT_EQ(report->sink_height, snapshot_.height_ + 3);
  journaled_ = snapshot_.height_ + 2;
  report = Verify(kAll);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_TRUE(report->ahead && !report->equal);
  for (const StoreComparison& store : report->stores) {
    EXPECT_EQ(store.missing + store.extra + store.different, 0U);
  }
}

}  // namespace
}  // namespace sluice
