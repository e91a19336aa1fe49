// SPDX-License-Identifier: Apache-2.0
#include "base/file_system.h"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>
#include <vector>

namespace sluice {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// What fsync was called on, in order; one path may fail.
std::vector<std::string> g_synced;
std::string g_fails;

class FileSystemTest : public testing::Test {
 protected:
  FileSystemTest() {
    std::string pattern = fs::temp_directory_path() / "sluice-base-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) ADD_FAILURE() << "no temporary folder";
    root_ = fs::canonical(pattern);
    g_synced.clear();
    g_fails.clear();
  }
  ~FileSystemTest() override {
    std::error_code error;
    fs::remove_all(root_, error);
  }
  std::string At(const std::string& path) const { return (root_ / path).string(); }

  fs::path root_;
};

TEST_F(FileSystemTest, CreatedFoldersAreSyncedFromTheTop) {
  ASSERT_TRUE(CreateFoldersDurably(At("home/data/db"), At("home")).ok());
  EXPECT_TRUE(fs::is_directory(At("home/data/db")));
  EXPECT_THAT(g_synced, ElementsAre(root_.string(), At("home"), At("home/data")));
}

// Who created them may have been killed before it synced them.
TEST_F(FileSystemTest, FoldersBelowTheHomeAreSyncedAlsoWhereTheyExist) {
  fs::create_directories(At("home/data/db"));
  ASSERT_TRUE(CreateFoldersDurably(At("home/data/db/"), At("home/")).ok());
  EXPECT_THAT(g_synced, ElementsAre(At("home"), At("home/data")));
}

TEST_F(FileSystemTest, NothingIsSyncedWhereTheHomeItselfExists) {
  fs::create_directories(At("home"));
  ASSERT_TRUE(CreateFoldersDurably(At("home"), At("home")).ok());
  EXPECT_THAT(g_synced, IsEmpty());
}

TEST_F(FileSystemTest, AFailedSyncIsAnErrorThatNamesTheFolder) {
  g_fails = At("home");
  const Status status = CreateFoldersDurably(At("home/data"), At("home"));
  EXPECT_EQ(status.code(), StatusCode::kIo);
  EXPECT_THAT(status.message(), HasSubstr("cannot sync " + At("home")));
}

TEST_F(FileSystemTest, AFileInThePlaceOfAFolderIsNamed) {
  std::ofstream(At("data")) << "a file";
  const Status status = CreateFoldersDurably(At("data/db"), root_);
  EXPECT_EQ(status.code(), StatusCode::kIo);
  EXPECT_THAT(status.message(), HasSubstr("cannot use as a folder " + At("data") + ": "));
}

TEST_F(FileSystemTest, AFileIsSynced) {
  std::ofstream(At("file")) << "content";
  ASSERT_TRUE(SyncToDisk(At("file")).ok());
  EXPECT_THAT(g_synced, ElementsAre(At("file")));
  EXPECT_THAT(SyncToDisk(At("none")).message(), HasSubstr("cannot open " + At("none")));
}

}  // namespace
}  // namespace sluice

extern "C" int fsync(int fd) {
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const std::string path = std::filesystem::read_symlink(link);
  sluice::g_synced.push_back(path);
  if (path == sluice::g_fails) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(syscall(SYS_fsync, fd));
}
