// SPDX-License-Identifier: Apache-2.0
#include "store/listening_store.h"

#include <gtest/gtest.h>

#include "memory_view.h"

namespace sluice {
namespace {

using test::Collect;
using test::MemoryView;
using test::Pairs;

class FakeListener : public WriteListener {
 public:
  void OnWrite(const AcceptedWrite& write) noexcept override {
    std::string line = std::to_string(write.transaction) + (write.is_delete ? " del " : " set ");
    line.append(write.store).append("/").append(write.key);
    if (!write.is_delete) line.append("=").append(write.value);
    if (write.old_value) line.append(" was ").append(*write.old_value);
    lines.push_back(line);
  }
  std::vector<std::string> lines;
};

class ListeningStoreTest : public ::testing::Test {
 protected:
  ListeningStore Make(bool old_values, std::vector<WriteListener*> listeners) {
    auto below = std::make_shared<MemoryView>(test::Model{{"a", "1"}, {"b", "2"}});
    return ListeningStore("x", below, block_, old_values, std::move(listeners));
  }
  std::shared_ptr<StoreOverlay> block_ = std::make_shared<StoreOverlay>();
  FakeListener listener_;
};

TEST_F(ListeningStoreTest, ReadsPassThroughUnobserved) {
  ListeningStore store = Make(false, {&listener_});
  store.BeginTransaction(0);
  EXPECT_EQ(**store.Get("a"), "1");
  EXPECT_TRUE(*store.Has("b"));
  EXPECT_EQ(Collect(*store.Iterate(KeyRange(), true)), (Pairs{{"b", "2"}, {"a", "1"}}));
  EXPECT_TRUE(listener_.lines.empty());
}

TEST_F(ListeningStoreTest, SetAndDeleteAreObservedInOrder) {
  ListeningStore store = Make(false, {&listener_});
  store.BeginTransaction(3);
  EXPECT_TRUE(store.Set("c", "3").ok());
  EXPECT_TRUE(store.Delete("a").ok());
  EXPECT_TRUE(store.Delete("absent").ok());
  EXPECT_TRUE(store.Set("c", "").ok());
  EXPECT_EQ(listener_.lines,
            (std::vector<std::string>{"3 set x/c=3", "3 del x/a", "3 del x/absent", "3 set x/c="}));
}

TEST_F(ListeningStoreTest, EmptyKeyIsRefusedAndNotObserved) {
  ListeningStore store = Make(false, {&listener_});
  store.BeginTransaction(0);
  EXPECT_EQ(store.Set("", "v").code(), StatusCode::kInvalid);
  EXPECT_EQ(store.Delete("").code(), StatusCode::kInvalid);
  EXPECT_TRUE(listener_.lines.empty());
}

TEST_F(ListeningStoreTest, OldValuesAreThoseUnderTheWrite) {
  ListeningStore store = Make(true, {&listener_});
  store.BeginTransaction(0);
  EXPECT_TRUE(store.Set("a", "5").ok());
  EXPECT_TRUE(store.Set("a", "6").ok());
  EXPECT_TRUE(store.Delete("b").ok());
  EXPECT_TRUE(store.Set("b", "7").ok());
  EXPECT_EQ(listener_.lines, (std::vector<std::string>{"0 set x/a=5 was 1", "0 set x/a=6 was 5",
                                                       "0 del x/b was 2", "0 set x/b=7"}));
}

TEST_F(ListeningStoreTest, TransactionsSeeTheirOwnWritesAndThoseCommittedBefore) {
  ListeningStore store = Make(false, {});
  store.BeginTransaction(0);
  EXPECT_TRUE(store.Set("c", "3").ok());
  store.CommitTransaction();
  store.BeginTransaction(1);
  EXPECT_TRUE(store.Delete("a").ok());
  EXPECT_EQ(*store.Get("a"), std::nullopt);
  EXPECT_EQ(**store.Get("c"), "3");
  EXPECT_EQ(Collect(*store.Iterate(KeyRange(), false)), (Pairs{{"b", "2"}, {"c", "3"}}));
  store.AbortTransaction();
  store.BeginTransaction(2);
  EXPECT_EQ(**store.Get("a"), "1");
  store.CommitTransaction();
  EXPECT_EQ(block_->entries().size(), 1u);
}

}  // namespace
}  // namespace sluice
