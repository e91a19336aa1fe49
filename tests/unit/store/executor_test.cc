// SPDX-License-Identifier: Apache-2.0
#include "store/executor.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/bytes.h"
#include "store_fixture.h"

namespace sluice {
namespace {

using test::DatabaseTest;
using test::Delete;
using test::Pairs;
using test::Require;
using test::Set;

using Lines = std::vector<std::string>;

std::string Line(const Change& change) {
  std::string line = std::to_string(change.transaction) + "." + std::to_string(change.sequence);
  line.append(change.kind == ChangeKind::kSet ? " set " : " del ");
  line.append(change.store).append("/").append(change.key);
  if (change.kind == ChangeKind::kSet) line.append("=").append(change.value);
  if (change.has_old_value) line.append(" was ").append(change.old_value);
  return line;
}

Lines LinesOf(const SealedBlock& block) {
  Lines lines;
  for (const Change& change : block.change_set->changes()) lines.push_back(Line(change));
  return lines;
}

class FakeListener : public WriteListener {
 public:
  void OnWrite(const AcceptedWrite& write) noexcept override {
    keys.push_back(std::string(write.store).append("/").append(write.key));
  }
  Lines keys;
};

class ExecutorTest : public DatabaseTest {
 protected:
  Result<SealedBlock> Run(std::vector<Transaction> transactions) {
    Block block;
    block.transactions = std::move(transactions);
    return executor_->Execute(std::move(block));
  }
  // begin, tx1, tx2, end with three changes each.
  static std::vector<Transaction> BeginTxTxEnd() {
    return {{{Set("x", "begin-1", "1"), Set("y", "begin-2", "2"), Delete("x", "begin-3")}},
            {{Set("x", "k", "tx1"), Set("x", "k", "tx1 again"), Set("y", "k", "")}},
            {{Delete("x", "k"), Set("y", "k", "tx2"), Set("x", "new", "\xff")}},
            {{Set("y", "end-1", "1"), Delete("y", "end-1"), Delete("y", "absent")}}};
  }
  void UseExecutor(std::vector<std::string> old_values, std::vector<WriteListener*> listeners) {
    executor_ = std::make_unique<Executor>(database_.get(), "test", std::move(old_values),
                                           std::move(listeners));
  }
};

TEST_F(ExecutorTest, ChangesOfBeginTransactionsAndEndComeInOrder) {
  auto sealed = Run(BeginTxTxEnd());
  ASSERT_TRUE(sealed) << sealed.error().ToString();
  EXPECT_EQ(
      LinesOf(*sealed),
      (Lines{"0.0 set x/begin-1=1", "0.1 set y/begin-2=2", "0.2 del x/begin-3", "1.3 set x/k=tx1",
             "1.4 set x/k=tx1 again", "1.5 set y/k=", "2.6 del x/k", "2.7 set y/k=tx2",
             "2.8 set x/new=\xff", "3.9 set y/end-1=1", "3.10 del y/end-1", "3.11 del y/absent"}));
  EXPECT_EQ(sealed->change_set->previous_digest(), GenesisDigest("test"));
  EXPECT_TRUE(sealed->change_set->CheckDigest().ok());
}

TEST_F(ExecutorTest, CanonicalBytesAreExactlyThese) {
  auto sealed = Run({{{Set("x", "k", "v")}}, {{Delete("y", "k")}}});
  ASSERT_TRUE(sealed);
  // Written out by hand after the field numbers of stream.proto.
  EXPECT_EQ(ToHex(sealed->change_set->canonical()),
            "0a0474657374"  // stream_id "test"
            "1001"          // height 1
            "220b"
            "1801"
            "220178"
            "2a016b"
            "320176"  // set x k v
            "220c"
            "0801"
            "1001"
            "1802"
            "220179"
            "2a016b"  // tx 1, seq 1, delete y k
            "2a00"
            "2a020801");  // results: 0 applied, 1 applied
}

TEST_F(ExecutorTest, WrongStoreIsAnErrorAndNothingIsExecuted) {
  FakeListener listener;
  UseExecutor({}, {&listener});
  auto wrong = Run({{{Set("x", "a", "1")}}, {{Set("x", "b", "1"), Set("z", "c", "1")}}});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code(), StatusCode::kInvalid);
  EXPECT_NE(wrong.error().message().find("transaction 1, operation 1"), std::string::npos);
  EXPECT_NE(wrong.error().message().find("'z'"), std::string::npos);
  EXPECT_TRUE(listener.keys.empty());
  EXPECT_FALSE(*(*executor_->CurrentView("x"))->Has("a"));
  auto next = Run({});
  ASSERT_TRUE(next);
  EXPECT_EQ(next->change_set->height(), Height(1));
}

TEST_F(ExecutorTest, EmptyKeyIsRefused) {
  for (const Operation& operation : {Set("x", "", "1"), Delete("x", ""), Require("x", "", "1")}) {
    auto wrong = Run({{{Set("x", "a", "1"), operation}}});
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code(), StatusCode::kInvalid);
  }
}

TEST_F(ExecutorTest, HeightThatIsNotTheNextIsRefused) {
  Block block;
  block.height = Height(2);
  auto wrong = executor_->Execute(std::move(block));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code(), StatusCode::kInvalid);
}

TEST_F(ExecutorTest, FailedTransactionLeavesNoWriteAndNoChange) {
  FakeListener listener;
  UseExecutor({"x"}, {&listener});
  Commit({Set("x", "a", "1")});
  listener.keys.clear();
  auto sealed =
      Run({{{Set("x", "b", "1")}},
           {{Set("x", "c", "1"), Delete("x", "b"), Set("y", "c", "1"), Require("x", "a", "2")}},
           {{Require("x", "c", std::nullopt), Set("x", "b", "2")}}});
  ASSERT_TRUE(sealed);
  EXPECT_EQ(LinesOf(*sealed), (Lines{"0.0 set x/b=1", "2.1 set x/b=2 was 1"}));
  EXPECT_EQ(sealed->transaction_count, 3u);
  EXPECT_EQ(sealed->failed_transaction_count, 1u);
  const auto results = sealed->change_set->transactions();
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[1], (TransactionResult{1, kTransactionRequireFailed}));
  EXPECT_EQ(results[2], (TransactionResult{2, kTransactionApplied}));
  EXPECT_EQ(listener.keys, (Lines{"x/b", "x/b"}));
  EXPECT_EQ(sealed->overlay->store(1).entries().size(), 0u);
}

TEST_F(ExecutorTest, RequireSeesEarlierOperationsOfItsTransaction) {
  auto sealed = Run({{{Require("x", "a", std::nullopt), Set("x", "a", "1"), Require("x", "a", "1"),
                       Delete("x", "a"), Require("x", "a", std::nullopt), Set("x", "a", ""),
                       Require("x", "a", "")}},
                     {{Require("x", "a", std::nullopt)}},
                     {{Require("x", "a", "")}}});
  ASSERT_TRUE(sealed);
  EXPECT_EQ(sealed->failed_transaction_count, 1u);
  EXPECT_EQ(sealed->change_set->transactions()[1].code, kTransactionRequireFailed);
}

TEST_F(ExecutorTest, TwoListenersEachGetAll) {
  FakeListener one;
  FakeListener two;
  UseExecutor({}, {&one, &two});
  auto sealed = Run(BeginTxTxEnd());
  ASSERT_TRUE(sealed);
  EXPECT_EQ(one.keys.size(), 12u);
  EXPECT_EQ(one.keys, two.keys);
}

TEST_F(ExecutorTest, DigestsAreEqualWithAndWithoutListeners) {
  auto without = Run(BeginTxTxEnd());
  FakeListener listener;
  UseExecutor({"x", "y"}, {&listener});
  auto with = Run(BeginTxTxEnd());
  ASSERT_TRUE(without && with);
  EXPECT_EQ(without->change_set->digest(), with->change_set->digest());
}

TEST_F(ExecutorTest, LaterBlocksSeeSealedOnesBeforeAndAfterTheirCommit) {
  Commit({Set("x", "a", "0"), Set("x", "b", "0")});
  SealedBlock first = Execute({Set("x", "a", "1"), Delete("x", "b")});
  SealedBlock second = Execute({Set("x", "c", "2"), Require("x", "a", "1")});
  EXPECT_EQ(second.failed_transaction_count, 0u);
  const Pairs expected{{"a", "1"}, {"c", "2"}};
  const auto held = *executor_->CurrentView("x");
  EXPECT_EQ(All(*held), expected);
  EXPECT_EQ(All("x"), (Pairs{{"a", "0"}, {"b", "0"}}));
  ASSERT_TRUE(Write(GroupOf({first, second}, {first})).ok());
  EXPECT_EQ(All(**executor_->CurrentView("x")), expected);
  ASSERT_TRUE(Write(GroupOf({}, {second})).ok());
  EXPECT_EQ(All(**executor_->CurrentView("x")), expected);
  EXPECT_EQ(All(*held), expected);
  EXPECT_EQ(All("x"), expected);
}

TEST_F(ExecutorTest, TransactionKnownToHaveFailedIsRecordedAndNotExecuted) {
  FakeListener listener;
  UseExecutor({}, {&listener});
  Transaction failed{{Set("x", "a", "1")}};
  failed.failed_code = 7;
  auto sealed = Run({failed, {{Set("x", "b", "2")}}});
  ASSERT_TRUE(sealed) << sealed.error().ToString();
  EXPECT_EQ(LinesOf(*sealed), Lines{"1.0 set x/b=2"});
  EXPECT_EQ(listener.keys, Lines{"x/b"});
  EXPECT_EQ(sealed->transaction_count, 2u);
  EXPECT_EQ(sealed->failed_transaction_count, 1u);
  const std::vector<TransactionResult> results(sealed->change_set->transactions().begin(),
                                               sealed->change_set->transactions().end());
  EXPECT_EQ(results, (std::vector<TransactionResult>{{0, 7}, {1, 0}}));
}

TEST_F(ExecutorTest, BlockThatDoesNotGiveItsExpectedDigestIsRefusedAndLeavesNothing) {
  const auto block = [](const Digest& expected) {
    Block made;
    made.transactions = {{{Set("x", "a", "1")}}};
    made.expected_digest = expected;
    return made;
  };
  auto refused = executor_->Execute(block(Sha256("another")));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), StatusCode::kCorruption);
  EXPECT_NE(refused.error().message().find("height 1: executing it gives digest "),
            std::string::npos);
  EXPECT_EQ(All(**executor_->CurrentView("x")), Pairs{});

  ChangeSetBuilder builder("test", Height(1), 0);
  builder.AddSet(0, "x", "a", "1");
  builder.AddTransactionResult(0, 0);
  const Digest right = std::move(builder).Seal(GenesisDigest("test"))->digest();
  auto sealed = executor_->Execute(block(right));
  ASSERT_TRUE(sealed) << sealed.error().ToString();
  EXPECT_EQ(sealed->change_set->height(), Height(1));
  EXPECT_EQ(sealed->change_set->digest(), right);
}

TEST_F(ExecutorTest, FiftyBlocksOfTwoThousandChangesArriveComplete) {
  FakeListener listener;
  UseExecutor({}, {&listener});
  for (int b = 0; b < 50; ++b) {
    Block block;
    for (int i = 0; i < 2000; ++i) {
      block.transactions.push_back(
          {{Set(i % 2 == 0 ? "x" : "y", "k" + std::to_string(i), std::to_string(b))}});
    }
    auto sealed = executor_->Execute(std::move(block));
    ASSERT_TRUE(sealed);
    ASSERT_EQ(sealed->change_set->changes().size(), 2000u);
    ASSERT_TRUE(Write(GroupOf({*sealed}, {*sealed})).ok());
  }
  EXPECT_EQ(listener.keys.size(), 100000u);
  EXPECT_EQ(All("x").size() + All("y").size(), 2000u);
  EXPECT_EQ(Get("y", "k1999"), "49");
  for (uint64_t h = 1; h <= 50; ++h) {
    auto record = database_->ReadJournal(Height(h));
    ASSERT_TRUE(record) << record.error().ToString();
    EXPECT_EQ(record->change_set->changes().size(), 2000u);
  }
}

}  // namespace
}  // namespace sluice
