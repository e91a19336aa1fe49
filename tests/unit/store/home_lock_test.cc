// SPDX-License-Identifier: Apache-2.0
#include "store/home_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "store_fixture.h"

namespace sluice {
namespace {

// Holds the lock in a process of its own until it is killed.
class Holder {
 public:
  explicit Holder(const std::string& path) {
    int ready[2];
    EXPECT_EQ(::pipe(ready), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      auto lock = HomeLock::Acquire(path);
      const char answer = lock ? 'y' : 'n';
      if (::write(ready[1], &answer, 1) != 1) ::_exit(1);
      while (true) ::pause();
    }
    char answer = '?';
    EXPECT_EQ(::read(ready[0], &answer, 1), 1);
    EXPECT_EQ(answer, 'y');
    ::close(ready[0]);
    ::close(ready[1]);
  }
  ~Holder() { Kill(); }
  void Kill() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
};

TEST(HomeLock, NamesTheProcessThatHoldsIt) {
  test::TemporaryFolder folder;
  const std::string path = folder.path() + "/LOCK";
  Holder holder(path);
  auto refused = HomeLock::Acquire(path);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), StatusCode::kLocked);
  const std::string text = refused.error().message();
  EXPECT_NE(text.find("process " + std::to_string(holder.pid())), std::string::npos) << text;
  EXPECT_NE(text.find("since 20"), std::string::npos) << text;
}

TEST(HomeLock, IsFreeOnceItsHolderWasKilled) {
  test::TemporaryFolder folder;
  const std::string path = folder.path() + "/LOCK";
  Holder holder(path);
  EXPECT_FALSE(HomeLock::Acquire(path));
  holder.Kill();
  EXPECT_TRUE(HomeLock::Acquire(path));
}

TEST(HomeLock, IsExclusiveWithinAProcessAndFreeAfterwards) {
  test::TemporaryFolder folder;
  const std::string path = folder.path() + "/LOCK";
  {
    auto lock = HomeLock::Acquire(path);
    ASSERT_TRUE(lock);
    EXPECT_FALSE(HomeLock::Acquire(path));
    EXPECT_FALSE(HomeLock::Acquire(path));
  }
  EXPECT_TRUE(HomeLock::Acquire(path));
}

TEST(HomeLock, FolderThatIsNotThereIsNamed) {
  auto lock = HomeLock::Acquire("/no/such/folder/LOCK");
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().code(), StatusCode::kIo);
  EXPECT_NE(lock.error().message().find("/no/such/folder/LOCK"), std::string::npos);
}

}  // namespace
}  // namespace sluice
