// SPDX-License-Identifier: Apache-2.0
//
// The names of the database's folders must outlive a power cut as what is in them does.
#include <gmock/gmock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <set>
#include <string>

#include "store_fixture.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

// What fsync was called on by our own code; one path may fail.
std::set<std::string> g_synced;
std::string g_fails;

TEST(DatabaseFolders, AreSyncedAtEveryOpen) {
  const test::TemporaryFolder folder;
  const std::string home = fs::canonical(folder.path());
  DatabaseOptions options;
  options.path = home + "/data/db";
  options.stream_id = "test";
  options.stores = {"x"};
  for (const char* when : {"new", "as a process left it that was killed"}) {
    SCOPED_TRACE(when);
    g_synced.clear();
    ASSERT_TRUE(Database::Open(options));
    EXPECT_THAT(g_synced, ::testing::IsSupersetOf({home, home + "/data"}));
  }
  g_fails = home;
  const auto refused = Database::Open(options);
  g_fails.clear();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), StatusCode::kIo);
  EXPECT_THAT(refused.error().message(), ::testing::HasSubstr("cannot sync " + home));
}

}  // namespace
}  // namespace sluice

extern "C" int fsync(int fd) {
  const std::string path = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd));
  if (path == sluice::g_fails) {
    errno = EIO;
    return -1;
  }
  sluice::g_synced.insert(path);
  return static_cast<int>(syscall(SYS_fsync, fd));
}
