// SPDX-License-Identifier: Apache-2.0
#include "cli/service_notifier.h"

#include <fmt/core.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>

#include "base/log.h"
#include "cli/status_line.h"

namespace sluice {
namespace {

constexpr char kComponent[] = "node";
constexpr Duration kLookInterval = std::chrono::seconds(2);
// A start that is watched may take this long from one look to the next.
constexpr std::chrono::microseconds kMoreTime = std::chrono::seconds(60);
// What the stop takes beside the sinks: closing the database, freeing memory.
constexpr std::chrono::microseconds kTimeToClose = std::chrono::seconds(30);
// So many looks without a sign of life are told.
constexpr int kStuckLooks = 3;

std::string ExtendTimeout(std::chrono::microseconds by) {
  return fmt::format("EXTEND_TIMEOUT_USEC={}\n", by.count());
}

// At least so often the manager wants to hear; or zero.
std::chrono::microseconds WatchdogInterval() {
  uint64_t microseconds = 0;
  if (sd_watchdog_enabled(0, &microseconds) <= 0) return {};
  return std::chrono::microseconds(microseconds);
}

// What the manager puts beside its own reading, to know a reload that begins from one before.
int64_t MonotonicMicroseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1'000'000} + now.tv_nsec / 1000;
}

}  // namespace

ServiceNotifier::ServiceNotifier()
    : enabled_(std::getenv("NOTIFY_SOCKET") != nullptr),
      watchdog_(WatchdogInterval()),
      interval_(watchdog_ > Duration::zero() ? std::min<Duration>(watchdog_ / 4, kLookInterval)
                                             : kLookInterval) {}

ServiceNotifier::~ServiceNotifier() {
  Stopping(Duration::zero());
  if (thread_.joinable()) thread_.join();
}

void ServiceNotifier::Watch(Node* node) {
  if (!enabled_) return;
  node_ = node;
  thread_ = std::thread([this] { Run(); });
}

void ServiceNotifier::Ready() {
  if (!enabled_) return;
  const std::string line = StatusLine(node_->status(), false);
  std::lock_guard lock(mutex_);
  if (state_ != State::kStarting) return;
  state_ = State::kReady;
  Send(fmt::format("READY=1\nSTATUS={}", line));
}

void ServiceNotifier::Reloading() {
  std::lock_guard lock(mutex_);
  if (state_ != State::kReady) return;
  state_ = State::kReloading;
  Send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", MonotonicMicroseconds()));
}

void ServiceNotifier::Reloaded() {
  std::lock_guard lock(mutex_);
  if (state_ != State::kReloading) return;
  state_ = State::kReady;
  Send("READY=1");
}

void ServiceNotifier::Stopping(Duration at_most) {
  {
    std::lock_guard lock(mutex_);
    if (state_ == State::kStopping) return;
    state_ = State::kStopping;
    const auto time = std::chrono::duration_cast<std::chrono::microseconds>(at_most);
    Send(ExtendTimeout(time + kTimeToClose) + "STOPPING=1\nSTATUS=stopping");
  }
  changed_.notify_all();
}

void ServiceNotifier::Run() {
  uint64_t turns_before = node_->turns();
  std::string said;
  int looks_without_turn = 0;
  for (;;) {
    // What waits for work goes round once more for this; what is stuck does not.
    node_->Nudge();
    if (!WaitForNextLook()) return;
    const uint64_t turns = node_->turns();
    if (turns != turns_before) {
      Tell(node_->status(), &said);
      looks_without_turn = 0;
    } else if (++looks_without_turn == kStuckLooks) {
      LogWarn(kComponent, "the thread that commits has not gone round for {} ms{}",
              kStuckLooks * (interval_ / std::chrono::milliseconds(1)),
              watchdog_ > Duration::zero() ? ": no sign of life is given until it does" : "");
    }
    turns_before = turns;
  }
}

// False: it stops.
bool ServiceNotifier::WaitForNextLook() {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, interval_, [this] { return state_ == State::kStopping; });
}

void ServiceNotifier::Tell(const NodeStatus& status, std::string* said_before) {
  std::lock_guard lock(mutex_);
  if (state_ == State::kStopping) return;
  const bool starting = state_ == State::kStarting;
  std::string message = starting ? ExtendTimeout(kMoreTime) : "";
  if (std::string line = StatusLine(status, starting); line != *said_before) {
    message += fmt::format("STATUS={}\n", line);
    *said_before = std::move(line);
  }
  if (watchdog_ > Duration::zero()) message += "WATCHDOG=1\n";
  if (!message.empty()) Send(message);
}

void ServiceNotifier::Send(const std::string& message) {
  if (enabled_) sd_notify(0, message.c_str());
}

}  // namespace sluice
