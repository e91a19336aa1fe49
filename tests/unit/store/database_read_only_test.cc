// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "store_fixture.h"

namespace sluice {
namespace {

using test::Pairs;
using test::Set;

class DatabaseReadOnlyTest : public test::DatabaseTest {
 protected:
  Result<std::unique_ptr<Database>> OpenToRead() {
    DatabaseOptions options = options_;
    options.read_only = true;
    options.stores.clear();
    return Database::Open(options);
  }
};

TEST_F(DatabaseReadOnlyTest, StoppedHomeShowsWhatIsThereAndChangesNothing) {
  Commit({Set("x", "a", "1")});
  Journal({Set("x", "a", "2")});
  Close();
  for (int i = 0; i < 2; ++i) {
    auto reader = OpenToRead();
    ASSERT_TRUE(reader) << reader.error().ToString();
    EXPECT_EQ((*reader)->committed().height, Height(1));
    EXPECT_EQ((*reader)->journaled_height(), Height(2));
    EXPECT_EQ((*reader)->stores(), options_.stores);
    EXPECT_EQ(All(**(*reader)->CommittedView("x")), (Pairs{{"a", "1"}}));
    EXPECT_TRUE((*reader)->VerifyJournal({}).ok());
    EXPECT_EQ((*reader)->Write({}).code(), StatusCode::kInvalid);
    EXPECT_EQ((*reader)->PutRecord("a", "b").code(), StatusCode::kInvalid);
    EXPECT_FALSE((*reader)->RaiseEpoch());
  }
}

TEST_F(DatabaseReadOnlyTest, HomeThatIsNotThereIsNotMade) {
  Close();
  options_.path = folder_.path() + "/none/db";
  auto reader = OpenToRead();
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code(), StatusCode::kNotFound) << reader.error().ToString();
  EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/none"));
}

TEST_F(DatabaseReadOnlyTest, BesideTheWriterOfThisProcessTheLockIsNotTaken) {
  Commit({Set("x", "a", "1")});
  auto reader = OpenToRead();
  ASSERT_TRUE(reader) << reader.error().ToString();
  Commit({Set("x", "a", "2")});
  EXPECT_EQ(All(**(*reader)->CommittedView("x")), (Pairs{{"a", "1"}}));
}

TEST_F(DatabaseReadOnlyTest, BesideAWriterInAnotherProcessEveryOpeningIsOneHeightOfAllStores) {
  Close();
  const pid_t writer = ::fork();
  if (writer == 0) {
    // Blocks large enough that memtables are written out and logs removed all the time.
    if (!Open()) ::_exit(1);
    const std::string ballast(60000, 'b');
    for (int h = 1;; ++h) {
      const std::string height = std::to_string(h);
      const SealedBlock block = Execute({Set("x", "height", height), Set("y", "height", height),
                                         Set("x", "big" + std::to_string(h % 50), ballast)});
      WriteGroup group = GroupOf({block}, {block});
      group.sync = false;
      if (h > 100) group.prune_through = Height(static_cast<uint64_t>(h) - 100);
      if (!Write(group).ok()) ::_exit(1);
    }
  }
  int opened = 0;
  Height highest;
  for (int i = 0; i < 40; ++i) {
    auto reader = OpenToRead();
    if (!reader) {
      // At the very start nothing is there; later a busy writer may be too fast for every try.
      ASSERT_TRUE(opened == 0 || reader.error().code() == StatusCode::kBusy)
          << reader.error().ToString();
      ::usleep(20000);
      continue;
    }
    ++opened;
    const Height height = (*reader)->committed().height;
    EXPECT_GE(height, highest);
    highest = height;
    if (height.value() == 0) continue;
    const std::string text = std::to_string(height.value());
    for (const char* store : {"x", "y"}) {
      auto value = (*(*reader)->CommittedView(store))->Get("height");
      ASSERT_TRUE(value) << value.error().ToString();
      EXPECT_EQ(*value, text);
    }
  }
  EXPECT_EQ(::waitpid(writer, nullptr, WNOHANG), 0) << "the writer must not notice";
  ::kill(writer, SIGKILL);
  ::waitpid(writer, nullptr, 0);
  EXPECT_GT(opened, 5);
  EXPECT_GT(highest, Height(0));
  ASSERT_TRUE(Open()) << status_.ToString();
  EXPECT_TRUE(database_->VerifyJournal({}).ok());
}

}  // namespace
}  // namespace sluice
