// SPDX-License-Identifier: Apache-2.0
//
// A disk that is really full: a small file system of memory, where the machine lets us mount one.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "store_fixture.h"

namespace sluice {
namespace {

using test::Model;
using test::Set;

class DatabaseNoSpaceTest : public test::DatabaseTest {
 protected:
  void SetUp() override {
    disk_ = folder_.path() + "/disk";
    std::filesystem::create_directories(disk_);
    if (::mount("none", disk_.c_str(), "tmpfs", 0, "size=48m") != 0) {
      GTEST_SKIP() << "needs a small file system, mounting one: " << std::strerror(errno);
    }
    mounted_ = true;
    options_.path = disk_ + "/data/db";
    ASSERT_TRUE(Open()) << status_.ToString();
  }
  void TearDown() override {
    Close();
    if (mounted_) ::umount2(disk_.c_str(), MNT_DETACH);
  }

  // Fills the disk up to `left` bytes.
  void Fill(uint64_t left) {
    const int file = ::open((disk_ + "/filler").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    ASSERT_GE(file, 0);
    const std::string piece(4096, 'f');
    while (*database_->FreeDiskBytes() > left) {
      if (::write(file, piece.data(), piece.size()) <= 0) break;
    }
    ::close(file);
  }
  void MakeSpace() { std::filesystem::remove(disk_ + "/filler"); }

  // One block, whose content is kept in model_ once it is committed.
  SealedBlock NextBlock() {
    ++blocks_;
    std::vector<Operation> operations;
    for (int i = 0; i < 20; ++i) {
      const std::string key = "k" + std::to_string((blocks_ * 7 + i) % 300);
      operations.push_back(Set("x", key, std::to_string(blocks_) + std::string(200, 'v')));
    }
    return Execute(std::move(operations));
  }
  void Remember(const SealedBlock& block) {
    for (const Change& change : block.change_set->changes()) {
      model_[std::string(change.key)] = std::string(change.value);
    }
  }

  // Commits until the disk is full; gives the block of the write that failed.
  SealedBlock CommitUntilFull() {
    for (int i = 0; i < 20000; ++i) {
      SealedBlock block = NextBlock();
      const Status status = Write(GroupOf({block}, {block}));
      if (!status.ok()) {
        EXPECT_EQ(status.code(), StatusCode::kNoSpace) << status.ToString();
        return block;
      }
      Remember(block);
    }
    ADD_FAILURE() << "the disk is never full";
    return {};
  }

  void ExpectAllThere() {
    EXPECT_EQ(All("x"), test::PairsIn(model_, KeyRange(), false));
    EXPECT_TRUE(database_->VerifyJournal({}).ok());
  }

  // The way the pipeline takes: what is there is there, the rest is written from the same bytes.
  void GoOnWith(const SealedBlock& pending) {
    ASSERT_TRUE(database_->Reopen().ok());
    const Height height = pending.change_set->height();
    ASSERT_GE(database_->committed().height + 1, height);
    if (database_->committed().height < height) {
      ASSERT_TRUE(Write(GroupOf({pending}, {pending})).ok());
    }
    Remember(pending);
    ExpectAllThere();
  }

  std::string disk_;
  bool mounted_ = false;
  Model model_;
  int blocks_ = 0;
};

TEST_F(DatabaseNoSpaceTest, NothingIsLostAndItGoesOnOnceThereIsSpace) {
  for (const uint64_t left : {0u, 4096u, 70000u, 900000u, 3000000u}) {
    for (int i = 0; i < 5; ++i) {
      SealedBlock block = NextBlock();
      ASSERT_TRUE(Write(GroupOf({block}, {block})).ok());
      Remember(block);
    }
    Fill(left);
    const SealedBlock pending = CommitUntilFull();
    // Undecided: no write before it was opened again, reads go on.
    EXPECT_EQ(database_->Write(GroupOf({pending}, {pending})).code(), StatusCode::kNoSpace);
    EXPECT_FALSE(database_->PutRecord("a", "b").ok());
    EXPECT_GE(All("x").size(), 20u);
    MakeSpace();
    GoOnWith(pending);
    if (HasFatalFailure()) return;
  }
  const Height height = database_->committed().height;
  ASSERT_TRUE(Open()) << status_.ToString();
  EXPECT_EQ(database_->committed().height, height);
  ExpectAllThere();
}

TEST_F(DatabaseNoSpaceTest, ReopeningWithoutSpaceStillServesReads) {
  Fill(2000000);
  const SealedBlock pending = CommitUntilFull();
  for (int attempt = 0; attempt < 3; ++attempt) {
    Fill(0);
    const Status status = database_->Reopen();
    if (status.ok()) break;  // RocksDB found the room that it needs; the next write will tell
    EXPECT_EQ(status.code(), StatusCode::kNoSpace) << status.ToString();
    EXPECT_EQ(database_->Write(GroupOf({pending}, {pending})).code(), StatusCode::kNoSpace);
    EXPECT_GE(All("x").size(), 20u);
  }
  MakeSpace();
  GoOnWith(pending);
}

}  // namespace
}  // namespace sluice
