// SPDX-License-Identifier: Apache-2.0
#include "cli/signals.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace sluice {
namespace {

// Nobody reads its standard error, and no more fits into it.
void BlockStandardError() {
  int ends[2];
  if (pipe2(ends, O_NONBLOCK) != 0) _exit(100);
  const std::string bytes(1 << 16, 'x');
  while (write(ends[1], bytes.data(), bytes.size()) > 0) {
  }
  fcntl(ends[1], F_SETFL, 0);
  dup2(ends[1], STDERR_FILENO);
}

TEST(SignalStop, StopsAndEndsAlsoWhereStandardErrorIsBlocked) {
  int told[2];
  ASSERT_EQ(pipe2(told, O_CLOEXEC), 0);
  const pid_t child = fork();
  if (child == 0) {
    BlockStandardError();
    SignalStop signals([&] { (void)!write(told[1], "s", 1); });
    (void)!write(told[1], "r", 1);
    while (true) pause();
  }
  close(told[1]);
  const auto await = [&] {
    pollfd fd{told[0], POLLIN, 0};
    char byte = 0;
    return poll(&fd, 1, 30'000) == 1 && read(told[0], &byte, 1) == 1 ? byte : '?';
  };
  EXPECT_EQ(await(), 'r');
  kill(child, SIGTERM);
  EXPECT_EQ(await(), 's');
  kill(child, SIGTERM);
  EXPECT_EQ(await(), '?');  // the end of the pipe: the child has ended
  kill(child, SIGKILL);     // where it has not
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGTERM);
  close(told[0]);
}

TEST(SignalStop, TakesHangUpsUntilItStops) {
  int told[2];
  ASSERT_EQ(pipe2(told, O_CLOEXEC), 0);
  const pid_t child = fork();
  if (child == 0) {
    SignalStop signals([&] { (void)!write(told[1], "s", 1); },
                       [&] { (void)!write(told[1], "h", 1); });
    (void)!write(told[1], "r", 1);
    while (true) pause();
  }
  close(told[1]);
  const auto await = [&] {
    pollfd fd{told[0], POLLIN, 0};
    char byte = 0;
    return poll(&fd, 1, 30'000) == 1 && read(told[0], &byte, 1) == 1 ? byte : '?';
  };
  EXPECT_EQ(await(), 'r');
  for (int i = 0; i < 2; ++i) {
    kill(child, SIGHUP);
    EXPECT_EQ(await(), 'h');
  }
  kill(child, SIGTERM);
  EXPECT_EQ(await(), 's');
  kill(child, SIGHUP);
  kill(child, SIGINT);
  EXPECT_EQ(await(), '?');  // the end of the pipe, and no word of the third
  kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGINT);
  close(told[0]);
}

}  // namespace
}  // namespace sluice
