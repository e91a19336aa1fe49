// SPDX-License-Identifier: Apache-2.0
#include "base/log_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "base/log.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

class LogFileTest : public testing::Test {
 protected:
  LogFileTest() {
    std::string folder = (fs::temp_directory_path() / "sluice-log-XXXXXX").string();
    folder_ = mkdtemp(folder.data());
    path_ = folder_ / "log" / "sluice.log";
  }
  ~LogFileTest() override {
    EXPECT_TRUE(OpenLogFile("").ok());
    fs::remove_all(folder_);
  }

  static std::string Read(const fs::path& path) {
    std::ifstream in(path);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }

  fs::path folder_, path_;
};

TEST_F(LogFileTest, TakesLinesInsteadOfStandardError) {
  ASSERT_TRUE(OpenLogFile(path_).ok());
  testing::internal::CaptureStderr();
  LogWarn("sink audit", "one");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_NE(Read(path_).find("warn  sink audit: one\n"), std::string::npos);
  // Without one, lines go where they went before.
  ASSERT_TRUE(OpenLogFile("").ok());
  testing::internal::CaptureStderr();
  LogWarn("sink audit", "two");
  EXPECT_NE(testing::internal::GetCapturedStderr().find("two\n"), std::string::npos);
  EXPECT_EQ(Read(path_).find("two"), std::string::npos);
}

TEST_F(LogFileTest, AppendsToWhatIsThere) {
  fs::create_directories(path_.parent_path());
  std::ofstream(path_) << "before\n";
  ASSERT_TRUE(OpenLogFile(path_).ok());
  ASSERT_TRUE(AppendToLogFile("after"));
  EXPECT_EQ(Read(path_), "before\nafter\n");
}

TEST_F(LogFileTest, IsMadeAnewWhereItWasRenamed) {
  ASSERT_TRUE(OpenLogFile(path_).ok());
  ASSERT_TRUE(AppendToLogFile("one"));
  const fs::path rotated = path_.string() + ".1";
  fs::rename(path_, rotated);
  ASSERT_TRUE(AppendToLogFile("two"));
  ASSERT_TRUE(ReopenLogFile().ok());
  ASSERT_TRUE(AppendToLogFile("three"));
  EXPECT_EQ(Read(rotated), "one\ntwo\n");
  EXPECT_EQ(Read(path_), "three\n");
}

TEST_F(LogFileTest, StaysOpenWhereItCannotBeMadeAnew) {
  ASSERT_TRUE(OpenLogFile(path_).ok());
  const fs::path rotated = path_.string() + ".1";
  fs::rename(path_, rotated);
  fs::create_directory(path_);
  const Status status = ReopenLogFile();
  EXPECT_EQ(status.code(), StatusCode::kIo);
  EXPECT_NE(status.message().find(path_.string()), std::string::npos) << status.message();
  ASSERT_TRUE(AppendToLogFile("on"));
  EXPECT_EQ(Read(rotated), "on\n");
}

TEST_F(LogFileTest, WithoutOneThereIsNothingToReopen) {
  EXPECT_TRUE(ReopenLogFile().ok());
  EXPECT_FALSE(AppendToLogFile("line"));
}

}  // namespace
}  // namespace sluice
