// SPDX-License-Identifier: Apache-2.0
//
// Following a file that grows. Next waits for the file, so each step waits for what it asserts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <thread>

#include "replay_fixture.h"

namespace sluice {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ReplayFollow : public ReplayTest {
 protected:
  ReplayFollow() {
    options_.follow = true;
    options_.follow_quiet = std::chrono::milliseconds(1);
  }

  void Begin() {
    driver_ = std::make_unique<ReplayDriver>(options_);
    Status status = driver_->Begin(start_);
    ASSERT_TRUE(status.ok()) << status.message();
  }
  std::string Next() {
    auto block = driver_->Next();
    if (!block) return "error: " + block.error().message();
    return *block ? Describe(**block) : "nothing";
  }

  std::unique_ptr<ReplayDriver> driver_;
};

TEST_F(ReplayFollow, TakesBlocksAsTheFileGrows) {
  Write(BlockLine(1));
  Begin();
  EXPECT_EQ(Next(), "set main h=1");
  Append(BlockLine(2));
  EXPECT_EQ(Next(), "set main h=2");
  EXPECT_EQ(driver_->progress().bytes_total, 0u);
}

TEST_F(ReplayFollow, LineIsNotTakenBeforeItsLineFeed) {
  std::string line = BlockLine(1);
  Write(line.substr(0, line.size() - 1));
  Begin();
  std::thread stopper([this] {
    // The line is read, and is whole but for its end, when all its bytes are counted.
    while (driver_->progress().bytes_read == 0) std::this_thread::yield();
    driver_->Stop();
  });
  EXPECT_EQ(Next(), "nothing");
  stopper.join();

  Begin();
  Append("\n");
  EXPECT_EQ(Next(), "set main h=1");
}

TEST_F(ReplayFollow, IncompleteBlockOfLinesIsHandedOverWhenNothingFollows) {
  Write(SetLine("a") + SetLine("b") + "{\"op\":");
  Begin();
  EXPECT_EQ(Next(), "set main a=v | set main b=v");
  Append(R"("delete","store":"main","key":"c"})"
         "\n");
  EXPECT_EQ(Next(), "delete main c");
}

TEST_F(ReplayFollow, CompleteBlockOfLinesIsHandedOverAtOnce) {
  options_.follow_quiet = std::chrono::hours(24);
  options_.block_txs = 2;
  Write(SetLine("a") + SetLine("b") + SetLine("c"));
  Begin();
  EXPECT_EQ(Next(), "set main a=v | set main b=v");
}

TEST_F(ReplayFollow, StopEndsTheWaitAtOnce) {
  options_.follow_quiet = std::chrono::hours(24);
  Write("");
  Begin();
  std::thread stopper([this] { driver_->Stop(); });
  EXPECT_EQ(Next(), "nothing");
  stopper.join();
}

TEST_F(ReplayFollow, FileThatShrinksIsAnError) {
  Write(BlockLine(1) + BlockLine(2));
  Begin();
  EXPECT_EQ(Next(), "set main h=1");
  EXPECT_EQ(Next(), "set main h=2");
  std::filesystem::resize_file(options_.path, 5);
  EXPECT_THAT(Next(), AllOf(HasSubstr(options_.path), HasSubstr("it has shrunk to 5 bytes")));
}

TEST_F(ReplayFollow, FileThatIsReplacedOrRemovedIsAnError) {
  Write(BlockLine(1));
  Begin();
  EXPECT_EQ(Next(), "set main h=1");
  WriteTo(options_.path + ".new", BlockLine(1) + BlockLine(2), std::ios::trunc);
  std::filesystem::rename(options_.path + ".new", options_.path);
  EXPECT_THAT(Next(), AllOf(HasSubstr(options_.path), HasSubstr("replaced by another file")));

  Begin();
  EXPECT_EQ(Next(), "set main h=1");
  EXPECT_EQ(Next(), "set main h=2");
  std::filesystem::remove(options_.path);
  EXPECT_THAT(Next(), HasSubstr("it was removed"));
}

TEST_F(ReplayFollow, ContinuesBehindWhatWasConsumed) {
  Write(SetLine("a"));
  Begin();
  auto block = driver_->Next();
  ASSERT_TRUE(block.has_value() && block->has_value());
  Commit(**block);
  Append(SetLine("b"));
  Begin();
  EXPECT_EQ(Next(), "set main b=v");
}

TEST_F(ReplayFollow, FileWithFewerLinesThanWereConsumedIsAnError) {
  Write(SetLine("a") + SetLine("b"));
  Begin();
  Commit(**driver_->Next());
  Write("");
  driver_ = std::make_unique<ReplayDriver>(options_);
  Status status = driver_->Begin(start_);
  EXPECT_EQ(status.code(), StatusCode::kInvalid);
  EXPECT_THAT(status.message(), HasSubstr("it has 0 lines, but 2 of it were consumed"));
}

TEST_F(ReplayFollow, BeginWaitsForConsumedLinesUntilStopped) {
  Write(SetLine("a"));
  Begin();
  Commit(**driver_->Next());
  Write("");
  driver_ = std::make_unique<ReplayDriver>(options_);
  driver_->Stop();
  EXPECT_TRUE(driver_->Begin(start_).ok());
  EXPECT_EQ(Next(), "nothing");
}

}  // namespace
}  // namespace sluice
