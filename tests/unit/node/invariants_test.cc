// SPDX-License-Identifier: Apache-2.0
//
// The invariants that need a real store, executor and delivery, over random blocks, with sinks that
// break at random and a node that is restarted at random. (I1 at every instant: unit/commit; the
// node here checks it at each commit and each start besides.)
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "support/seed.h"
#include "unit/node/random_input.h"
#include "unit/node/real_node.h"
#include "unit/plugins_file/sink_driver.h"
#include "unit/store/store_fixture.h"

namespace sluice {
namespace {

class Invariants : public testing::Test {
 protected:
  static constexpr uint64_t kHeights = 150;

  Invariants() : seed_(testing_support::Seed()), random_(seed_) {}

  // Everything of the stream, two filters, and one that the policy does without.
  std::vector<TestSink> FourSinks() {
    std::vector<TestSink> sinks(4);
    sinks[0].name = "whole";
    sinks[1].name = "store_x";
    sinks[1].filter.stores = {"x"};
    sinks[2].name = "prefixes";
    sinks[2].filter.stores = {"x", "z"};
    sinks[2].filter.key_prefixes = {"user/", "order/k1"};
    sinks[3].name = "uncounted";
    sinks[3].counted = false;
    for (TestSink& sink : sinks) sink.world->options.group = random_() % 3 * 3;
    return sinks;
  }

  void Break(TestSink* sink, Height from) {
    using Kind = Faults::Kind;
    static const std::vector<Kind> kKinds = {
        Kind::kStartFails,   Kind::kResumeRetries,    Kind::kResumeFails,   Kind::kAttachFails,
        Kind::kDeliverFatal, Kind::kDeliverBusyReady, Kind::kAcksOldEpoch,  Kind::kAcksFuture,
        Kind::kFailsOutside, Kind::kDeliverRetries,   Kind::kDeliverBlocks,
    };
    // Of those that a sink breaks once it has taken a height, what goes with how it acks.
    static const std::vector<Kind> kAtOnce = {Kind::kDeliverLosesAck,
                                              Kind::kDeliverTakesThenRetries};
    static const std::vector<Kind> kInGroups = {Kind::kGroupNacked, Kind::kGroupAckLost};
    const std::vector<Kind>& taken = sink->world->options.group == 0 ? kAtOnce : kInGroups;
    const size_t kind = random_() % (kKinds.size() + taken.size());
    sink->world->faults.Set(kind < kKinds.size() ? kKinds[kind] : taken[kind - kKinds.size()],
                            1 + static_cast<int>(random_() % 2), from);
  }

  // Feeds the input's heights through a node that is restarted at random, over sinks that break at
  // random; in the end all is calm, and every sink has everything. `node` runs then.
  void RunWild(const std::string& policy, std::vector<TestSink>* sinks,
               std::unique_ptr<RealNode>* node) {
    int restarts_left = 5;
    folder_.emplace();
    settings_.path = folder_->path() + "/data/db";
    settings_.policy = policy;
    Restart(sinks, node);
    while (!HasFatalFailure() && (*node)->database().journaled_height().value() < kHeights) {
      for (uint64_t next = (*node)->database().journaled_height().value() + 1; next <= kHeights;
           ++next) {
        if (!sinks->empty() && random_() % 8 == 0) {
          Break(&(*sinks)[random_() % sinks->size()], Height(next));
        }
        ASSERT_EQ((*node)->Take(RandomBlock(seed_, Height(next))), Status::Ok());
        if (restarts_left > 0 && random_() % 20 == 0) {
          --restarts_left;
          break;
        }
        if (next == kHeights) {
          for (TestSink& sink : *sinks) sink.world->faults.Clear();
          ASSERT_EQ((*node)->WaitUntilIdle(), Status::Ok());
          ASSERT_TRUE((*node)->WaitForSinks());
          return;
        }
      }
      Restart(sinks, node);
    }
    // It was killed when all was journaled: the roll-forward has committed it.
    for (TestSink& sink : *sinks) sink.world->faults.Clear();
    ASSERT_TRUE((*node)->WaitForSinks());
  }

  // A new process over what the one before left, whose sinks' instances go on writing.
  void Restart(std::vector<TestSink>* sinks, std::unique_ptr<RealNode>* node) {
    std::vector<SinkPosition> before;
    for (const TestSink& sink : *sinks) before.push_back(sink.world->system.position());
    node->reset();
    settings_.window = 1 + random_() % 8;
    settings_.max_in_flight = 1 + random_() % 20;
    settings_.queue_bytes = 500 + random_() % 10'000;
    *node = std::make_unique<RealNode>(settings_, sinks);
    ASSERT_EQ((*node)->Start(), Status::Ok());
    for (size_t i = 0; i < sinks->size(); ++i) {
      // Attached anew: those that count have been waited for.
      if (!(*sinks)[i].counted || settings_.policy != "all" || before[i].empty) continue;
      const SinkPosition now = (*sinks)[i].world->system.position();
      EXPECT_LT(before[i].epoch, now.epoch);
      const auto late = MakeChangeSet(now.height + 1, now.digest);
      EXPECT_EQ((*sinks)[i].world->system.Write(*late, before[i].epoch).code(),
                StatusCode::kFenced);
    }
  }

  static std::shared_ptr<const ChangeSet> Parse(const std::string& canonical) {
    return ChangeSet::Parse(canonical, Digest(), Digest()).value();
  }
  static PlainState StateOf(Database* database) {
    PlainState state;
    const std::shared_ptr<const StateSnapshot> snapshot = database->Snapshot();
    for (const std::string& store : kTestStores) {
      const std::shared_ptr<const StoreView> view = snapshot->Store(store).value();
      for (auto at = view->Iterate(KeyRange(), false); at->Valid(); at->Next()) {
        state[{store, std::string(at->key())}] = std::string(at->value());
      }
    }
    return state;
  }

  const uint64_t seed_;
  std::mt19937_64 random_;
  testing::ScopedTrace trace_{__FILE__, __LINE__, fmt::format("SLUICE_TEST_SEED={}", seed_)};
  std::optional<test::TemporaryFolder> folder_;
  RealNodeSettings settings_;
};

// I2: What a sink received, deduplicated by height, is gap-free and equal to the journal's after
// its filter.
TEST_F(Invariants, I2WhatASinkReceivedIsGapFreeAndEqualToTheJournalsAfterItsFilter) {
  std::vector<TestSink> sinks = FourSinks();
  std::unique_ptr<RealNode> node;
  ASSERT_NO_FATAL_FAILURE(RunWild("all", &sinks, &node));
  for (const TestSink& sink : sinks) {
    SCOPED_TRACE(sink.name);
    Height newest;
    for (const FakeSystem::Received& received : sink.world->system.log()) {
      const JournalRecord record = node->database().ReadJournal(received.height).value();
      const std::shared_ptr<const ChangeSet> expected =
          sink.filter.passes_all() ? record.change_set
                                   : FilterChangeSet(*record.change_set, sink.filter);
      // Doubles too: a height never comes with different content.
      ASSERT_EQ(received.canonical, expected->canonical()) << received.height;
      ASSERT_LE(received.height, newest + 1);
      newest = std::max(newest, received.height);
    }
    EXPECT_EQ(newest, Height(kHeights));
    EXPECT_EQ(sink.world->system.gap_count(), 0U);
  }
}

class CountingListener final : public WriteListener {
 public:
  void OnWrite(const AcceptedWrite& write) noexcept override {
    bytes_ += write.store.size() + write.key.size() + write.value.size();
  }
  uint64_t bytes() const { return bytes_; }

 private:
  uint64_t bytes_ = 0;
};

// I3: Listeners and plugins cannot change state: with and without them, the digests are equal.
TEST_F(Invariants, I3WithAndWithoutListenersAndSinksTheDigestsAreEqual) {
  std::vector<Digest> alone;
  PlainState alone_state;
  {
    test::TemporaryFolder folder;
    RealNodeSettings settings;
    settings.path = folder.path() + "/data/db";
    settings.policy = "fire-and-forget";
    std::vector<TestSink> none;
    RealNode node(settings, &none);
    ASSERT_EQ(node.Start(), Status::Ok());
    for (uint64_t h = 1; h <= kHeights; ++h) {
      ASSERT_EQ(node.Take(RandomBlock(seed_, Height(h))), Status::Ok());
    }
    ASSERT_EQ(node.WaitUntilIdle(), Status::Ok());
    for (uint64_t h = 0; h <= kHeights; ++h) {
      alone.push_back(node.database().JournalDigest(Height(h)).value());
    }
    alone_state = StateOf(&node.database());
  }
  const std::vector<std::string> policies = {"all", "fire-and-forget",
                                             "1 of (whole, store_x) and all(prefixes)"};
  for (const std::string& policy : policies) {
    SCOPED_TRACE(policy);
    CountingListener listener;
    settings_.listeners = {&listener};
    std::vector<TestSink> sinks = FourSinks();
    std::unique_ptr<RealNode> node;
    ASSERT_NO_FATAL_FAILURE(RunWild(policy, &sinks, &node));
    for (uint64_t h = 0; h <= kHeights; ++h) {
      ASSERT_EQ(node->database().JournalDigest(Height(h)).value(), alone[h]) << h;
    }
    EXPECT_EQ(StateOf(&node->database()), alone_state);
    EXPECT_GT(listener.bytes(), 0U);
  }
}

// I4: A sink never accepts a height from an epoch older than one that it has seen. The host's half:
// what runs now always has a larger epoch than all that ran before (and Restart has an instance of
// before write late, each time).
TEST_F(Invariants, I4EveryInstanceHasALargerEpochThanAllBefore) {
  std::vector<TestSink> sinks = FourSinks();
  std::unique_ptr<RealNode> node;
  ASSERT_NO_FATAL_FAILURE(RunWild("all", &sinks, &node));
  for (const TestSink& sink : sinks) {
    SCOPED_TRACE(sink.name);
    Epoch newest;
    for (const FakeSystem::Received& received : sink.world->system.log()) {
      ASSERT_GE(received.epoch, newest) << "at height " << received.height;
      newest = received.epoch;
    }
    EXPECT_LE(newest, node->database().epoch());
  }
}

// I4, the sink's half, in the file sink: instances come with epochs in any order, and go on
// writing with those of others.
TEST_F(Invariants, I4TheFileSinkAcceptsNoHeightOfAnOlderEpoch) {
  using sluice_file::testing::SinkDriver;
  sluice_file::testing::TemporaryFolder home;
  sluice_file::testing::StreamContent content;
  content.AddMany(80, seed_);
  uint64_t newest = 0;
  uint64_t held = 0;
  int refused = 0;
  while (held < content.last()) {
    const uint64_t epoch = 1 + newest + random_() % 5 - std::min<uint64_t>(newest, random_() % 7);
    SinkDriver sink(home.path());
    const int32_t begun = sink.Begin(epoch, content);
    ASSERT_EQ(begun, epoch > newest ? SLUICE_OK : SLUICE_FENCED)
        << "epoch " << epoch << " after " << newest << ": " << sink.failure();
    if (begun != SLUICE_OK) {
      ++refused;
      continue;
    }
    newest = epoch;
    held = std::min<uint64_t>(content.last(), held + random_() % 4);
    ASSERT_TRUE(sink.DeliverAll(content, held, 1 + random_() % 4)) << sink.failure();
    if (epoch == 1 || held == content.last()) continue;
    sluice_batch late{};
    late.struct_size = sizeof(late);
    late.epoch = 1 + random_() % (epoch - 1);
    late.height = late.newest_height = held + 1;
    late.last_part = 1;
    late.change_stride = sizeof(sluice_change);
    ASSERT_EQ(sink.DeliverRaw(late), SLUICE_FENCED);
  }
  EXPECT_GT(refused, 0);
  SinkDriver reader(home.path());
  ExpectHolds(&reader, content, 1, held);
}

// I5: State rebuilt from a sink equals the stores, key by key.
TEST_F(Invariants, I5StateRebuiltFromASinkEqualsTheStores) {
  std::vector<TestSink> sinks = FourSinks();
  std::unique_ptr<RealNode> node;
  ASSERT_NO_FATAL_FAILURE(RunWild("all", &sinks, &node));
  const PlainState stores = StateOf(&node->database());
  ASSERT_FALSE(stores.empty());
  for (const TestSink& sink : sinks) {
    SCOPED_TRACE(sink.name);
    PlainState rebuilt;
    Height newest;
    for (const FakeSystem::Received& received : sink.world->system.log()) {
      if (received.height <= newest) continue;
      newest = received.height;
      Apply(*Parse(received.canonical), &rebuilt);
    }
    PlainState expected;
    for (const auto& [key, value] : stores) {
      Change change;
      change.store = key.first;
      change.key = key.second;
      if (sink.filter.Passes(change)) expected[key] = value;
    }
    EXPECT_EQ(rebuilt, expected);
  }
}

// I6: Only committed-path writes are seen: reads, dry runs and failed transactions leave no change.
TEST_F(Invariants, I6ReadsDryRunsAndFailedTransactionsLeaveNoChange) {
  std::vector<TestSink> sinks(1);
  sinks[0].name = "whole";
  folder_.emplace();
  settings_.path = folder_->path() + "/data/db";
  RealNode node(settings_, &sinks);
  ASSERT_EQ(node.Start(), Status::Ok());
  Reference reference;
  std::vector<std::vector<PlainChange>> expected;
  for (uint64_t h = 1; h <= kHeights; ++h) {
    for (const std::string& store : kTestStores) {
      const auto view = node.executor().CurrentView(store).value();
      ASSERT_TRUE(view->Get("user/k1").has_value());
      ASSERT_TRUE(view->Has("order/k2").has_value());
      for (auto at = view->Iterate(KeyRange(), random_() % 2 == 0); at->Valid(); at->Next()) {
        const auto key = std::pair(store, std::string(at->key()));
        ASSERT_EQ(reference.state().at(key), at->value());
      }
    }
    // A block that is executed and never submitted, and two that are refused.
    Executor dry(&node.database(), kTestStream, {});
    ASSERT_TRUE(dry.Execute(RandomBlock(seed_ + 1, Height(h))).has_value());
    Block refused = RandomBlock(seed_ + 2, Height(h));
    refused.transactions.push_back(
        {{{OperationKind::kSet, "x", "k", "seen"}, {OperationKind::kSet, "x", "", "empty key"}}});
    ASSERT_EQ(node.Take(std::move(refused)).code(), StatusCode::kInvalid);
    refused = RandomBlock(seed_ + 3, Height(h));
    refused.transactions.push_back({{{OperationKind::kSet, "nowhere", "k", "seen"}}});
    ASSERT_EQ(node.Take(std::move(refused)).code(), StatusCode::kInvalid);

    const Block block = RandomBlock(seed_, Height(h));
    expected.push_back(reference.Execute(block));
    ASSERT_EQ(node.Take(block), Status::Ok());
  }
  ASSERT_EQ(node.WaitUntilIdle(), Status::Ok());
  EXPECT_GT(reference.failed_transactions(), 0U);
  const std::vector<FakeSystem::Received> received = sinks[0].world->system.log();
  ASSERT_EQ(received.size(), kHeights);
  for (uint64_t h = 1; h <= kHeights; ++h) {
    ASSERT_EQ(PlainChanges(*Parse(received[h - 1].canonical)), expected[h - 1]) << "height " << h;
  }
  EXPECT_EQ(StateOf(&node.database()), reference.state());
}

}  // namespace
}  // namespace sluice
