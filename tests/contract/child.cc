// SPDX-License-Identifier: Apache-2.0
#include "contract/child.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <thread>

#include "base/check.h"

namespace sluice::contract {
namespace {

// The child's ends of the pipes.
int g_to_parent = -1;
int g_from_parent = -1;

constexpr Duration kLookAgain = std::chrono::milliseconds(2);

}  // namespace

void* MapShared(size_t size) {
  void* const at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  SLUICE_CHECK(at != MAP_FAILED, "there is memory to share");
  return at;
}

void UnmapShared(void* at, size_t size) { ::munmap(at, size); }

std::string Exit::ToString() const {
  if (timed_out) return "did not end in time and was killed";
  if (exited) return fmt::format("ended with exit code {}", code);
  return fmt::format("was ended by signal {} ({})", signal, ::strsignal(signal));
}

Child::Child(const std::function<int()>& body) {
  std::array<int, 2> up{};
  std::array<int, 2> down{};
  const bool piped = ::pipe2(up.data(), O_CLOEXEC) == 0 && ::pipe2(down.data(), O_CLOEXEC) == 0;
  SLUICE_CHECK(piped, "there are descriptors for two pipes");
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  SLUICE_CHECK(pid_ >= 0, "a process can be started");
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    ::close(up[0]);
    ::close(down[1]);
    g_to_parent = up[1];
    g_from_parent = down[0];
    const int code = body();
    std::fflush(nullptr);
    ::_exit(code);
  }
  ::close(up[1]);
  ::close(down[0]);
  from_child_ = up[0];
  to_child_ = down[1];
}

Child::~Child() {
  ::close(from_child_);
  ::close(to_child_);
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

Exit Child::Wait(Duration limit) {
  const TimePoint until = Now() + limit;
  Exit exit;
  int status = 0;
  while (::waitpid(pid_, &status, WNOHANG) == 0) {
    if (Now() >= until && !exit.timed_out) {
      exit.timed_out = true;
      ::kill(pid_, SIGKILL);
    }
    std::this_thread::sleep_for(kLookAgain);  // looks again; nothing is timed by it
  }
  pid_ = -1;
  exit.exited = WIFEXITED(status);
  exit.code = exit.exited ? WEXITSTATUS(status) : 0;
  exit.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return exit;
}

void Child::Signal(int number) const { ::kill(pid_, number); }

bool Child::AwaitTurn(Duration limit) {
  pollfd waiting{from_child_, POLLIN, 0};
  const auto milliseconds = static_cast<int>(limit / std::chrono::milliseconds(1));
  if (::poll(&waiting, 1, milliseconds) != 1) return false;
  char turn = 0;
  return ::read(from_child_, &turn, 1) == 1;
}

void Child::GiveTurn() {
  const char turn = 1;
  (void)!::write(to_child_, &turn, 1);
}

void Child::TakeTurn() {
  const char turn = 1;
  if (::write(g_to_parent, &turn, 1) != 1) ::_exit(1);
  char answer = 0;
  if (::read(g_from_parent, &answer, 1) != 1) ::_exit(1);
}

void KillSelf() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

}  // namespace sluice::contract
