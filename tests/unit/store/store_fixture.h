// SPDX-License-Identifier: Apache-2.0
//
// A database in a folder of its own, and blocks written as a script:
//
//   Commit({Set("x", "a", "1"), Delete("x", "b")});   // executes, journals, commits one block
//   Journal({...});                                   // executes and journals only
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "memory_view.h"
#include "store/database.h"
#include "store/executor.h"

namespace sluice::test {

inline Operation Set(std::string store, std::string key, std::string value) {
  return {OperationKind::kSet, std::move(store), std::move(key), std::move(value)};
}
inline Operation Delete(std::string store, std::string key) {
  return {OperationKind::kDelete, std::move(store), std::move(key), std::nullopt};
}
inline Operation Require(std::string store, std::string key, std::optional<std::string> value) {
  return {OperationKind::kRequire, std::move(store), std::move(key), std::move(value)};
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "sluice-store-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) ADD_FAILURE() << "no temporary folder";
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class DatabaseTest : public ::testing::Test {
 protected:
  DatabaseTest() {
    options_.path = folder_.path() + "/data/db";
    options_.stream_id = "test";
    options_.stores = {"x", "y"};
  }

  void SetUp() override { ASSERT_TRUE(Open()); }

  // Opens again where it is open. The status is kept in status_.
  bool Open() {
    Close();
    Result<std::unique_ptr<Database>> opened = Database::Open(options_);
    status_ = opened ? Status::Ok() : opened.error();
    if (!opened) return false;
    database_ = *std::move(opened);
    executor_ =
        std::make_unique<Executor>(database_.get(), options_.stream_id, std::vector<std::string>());
    return true;
  }
  // Goes on from the files as a crash would leave them now.
  void Crash() {
    const std::string image = folder_.path() + "/crashed";
    std::filesystem::copy(folder_.path() + "/data", image,
                          std::filesystem::copy_options::recursive);
    Close();
    options_.path = image + "/db";
  }
  void Close() {
    executor_.reset();
    database_.reset();
  }

  SealedBlock Execute(std::vector<Operation> operations, DriverPosition position = {}) {
    Block block;
    block.transactions.push_back({std::move(operations)});
    block.position = std::move(position);
    Result<SealedBlock> sealed = executor_->Execute(std::move(block));
    if (!sealed) {
      ADD_FAILURE() << sealed.error().ToString();
      std::abort();
    }
    return *std::move(sealed);
  }

  static WriteGroup GroupOf(const std::vector<SealedBlock>& journal,
                            const std::vector<SealedBlock>& commits) {
    WriteGroup group;
    for (const SealedBlock& b : journal) group.journal.push_back({b.change_set, b.position});
    for (const SealedBlock& b : commits) {
      group.commits.push_back({b.change_set, b.overlay, b.position});
    }
    group.epoch = Epoch(1);
    group.sync = true;
    return group;
  }

  Status Write(const WriteGroup& group) {
    Status status = database_->Write(group);
    if (status.ok() && !group.commits.empty()) {
      executor_->Committed(group.commits.back().change_set->height());
    }
    return status;
  }

  SealedBlock Commit(std::vector<Operation> operations, DriverPosition position = {}) {
    SealedBlock block = Execute(std::move(operations), std::move(position));
    EXPECT_EQ(Write(GroupOf({block}, {block})), Status::Ok());
    return block;
  }
  SealedBlock Journal(std::vector<Operation> operations, DriverPosition position = {}) {
    SealedBlock block = Execute(std::move(operations), std::move(position));
    EXPECT_EQ(Write(GroupOf({block}, {})), Status::Ok());
    return block;
  }

  std::optional<std::string> Get(std::string_view store, std::string_view key) {
    auto view = database_->CommittedView(store);
    if (!view) {
      ADD_FAILURE() << view.error().ToString();
      return std::nullopt;
    }
    auto value = (*view)->Get(key);
    if (!value) {
      ADD_FAILURE() << value.error().ToString();
      return std::nullopt;
    }
    return *value;
  }
  static Pairs All(const StoreView& view) { return Collect(*view.Iterate(KeyRange(), false)); }
  Pairs All(std::string_view store) { return All(**database_->CommittedView(store)); }

  TemporaryFolder folder_;
  DatabaseOptions options_;
  Status status_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Executor> executor_;
};

}  // namespace sluice::test
