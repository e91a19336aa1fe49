// SPDX-License-Identifier: Apache-2.0
#include "cli/signals.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

#include "base/check.h"
#include "base/log.h"

namespace sluice {
namespace {

constexpr int kSignalledExitBase = 128;  // the shell's convention for "ended by signal N"

// Whether a line can be logged without waiting for whoever reads standard error.
bool LogTakesALine() {
  pollfd fd{STDERR_FILENO, POLLOUT, 0};
  return poll(&fd, 1, 0) == 1 && (fd.revents & POLLOUT) != 0;
}

}  // namespace

SignalStop::SignalStop(std::function<void()> on_stop, std::function<void()> on_hang_up)
    : on_stop_(std::move(on_stop)), on_hang_up_(std::move(on_hang_up)) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  if (on_hang_up_) sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  // A closed pipe or a file-size limit is an error of the write, not the end of the node.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  signal_fd_ = signalfd(-1, &signals, SFD_CLOEXEC);
  wake_fd_ = eventfd(0, EFD_CLOEXEC);
  SLUICE_CHECK(signal_fd_ >= 0 && wake_fd_ >= 0, "the system has file descriptors at start");
  thread_ = std::thread([this] { Run(); });
}

SignalStop::~SignalStop() {
  uint64_t one = 1;
  ssize_t written = write(wake_fd_, &one, sizeof one);
  SLUICE_CHECK(written == sizeof one, "an eventfd takes a write");
  thread_.join();
  close(wake_fd_);
  close(signal_fd_);
}

void SignalStop::Run() {
  bool asked = false;
  for (;;) {
    pollfd fds[2] = {{signal_fd_, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
    if (poll(fds, 2, -1) < 0) continue;
    if ((fds[1].revents & POLLIN) != 0) return;
    signalfd_siginfo info{};
    if (read(signal_fd_, &info, sizeof info) != sizeof info) continue;
    if (info.ssi_signo == SIGHUP) {
      // Neither a stop, nor anything that a node which stops has use for.
      if (!asked) on_hang_up_();
      continue;
    }
    // Nothing may be written before either end: a reader of standard error that is stuck would keep
    // the node alive, and after the first one the thread must be free for the second.
    if (asked) _exit(kSignalledExitBase + static_cast<int>(info.ssi_signo));
    asked = true;
    on_stop_();
    if (LogTakesALine()) {
      LogInfo("node", "signal {}: stopping; a second one ends at once", info.ssi_signo);
    }
  }
}

}  // namespace sluice
