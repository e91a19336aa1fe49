// SPDX-License-Identifier: Apache-2.0
#include "delivery/call_watch.h"

namespace sluice {

std::string_view CallName(CallWatch::Call call) {
  switch (call) {
    case CallWatch::Call::kNone:
      return "none";
    case CallWatch::Call::kCreate:
      return "create";
    case CallWatch::Call::kProvision:
      return "provision";
    case CallWatch::Call::kReset:
      return "reset";
    case CallWatch::Call::kStart:
      return "start";
    case CallWatch::Call::kResume:
      return "resume";
    case CallWatch::Call::kSnapshot:
      return "snapshot";
    case CallWatch::Call::kAttach:
      return "attach";
    case CallWatch::Call::kDeliver:
      return "deliver";
    case CallWatch::Call::kDrain:
      return "drain";
    case CallWatch::Call::kCancel:
      return "cancel";
    case CallWatch::Call::kDestroy:
      return "destroy";
  }
  return "unknown";
}

bool CallWatch::Enter(Call call, TimePoint overdue_at) {
  {
    std::unique_lock lock(mutex_);
    if (call == Call::kDestroy) {
      if (cancelling_) {
        current_ = {Call::kCancel, Now(), overdue_at};
        ++inside_;  // it waits for nothing but the plugin
        if (overdue_at != TimePoint::max()) {
          lock.unlock();
          wake_();
          lock.lock();
        }
        cancelled_.wait(lock, [this] { return !cancelling_; });
        --inside_;
        if (abandoned_) return false;
      }
    } else if (cancelled_before_) {
      return false;
    }
    ++inside_;
    // Deliver is watched by its acks: it is called too often to ask the clock.
    current_ = {call, call == Call::kDeliver ? TimePoint() : Now(), overdue_at};
  }
  if (overdue_at != TimePoint::max()) wake_();
  return true;
}

bool CallWatch::Leave() {
  std::lock_guard lock(mutex_);
  if (--inside_ == 0) current_ = {};
  return !abandoned_;
}

void CallWatch::AddThread() {
  std::lock_guard lock(mutex_);
  ++threads_;
}

void CallWatch::RemoveThread() {
  std::lock_guard lock(mutex_);
  --threads_;
}

CallWatch::Current CallWatch::current() const {
  std::lock_guard lock(mutex_);
  return current_;
}

bool CallWatch::abandoned() const {
  std::lock_guard lock(mutex_);
  return abandoned_;
}

bool CallWatch::BeginCancel() {
  std::lock_guard lock(mutex_);
  cancelled_before_ = true;
  switch (current_.call) {
    case Call::kNone:
    case Call::kCreate:
    case Call::kCancel:
    case Call::kDestroy:
      return false;
    default:
      break;
  }
  if (cancelling_) return false;
  cancelling_ = true;
  return true;
}

void CallWatch::EndCancel() {
  std::lock_guard lock(mutex_);
  cancelling_ = false;
  cancelled_.notify_all();
}

bool CallWatch::Abandon() {
  std::lock_guard lock(mutex_);
  if (current_.call == Call::kNone || inside_ < threads_) return false;
  abandoned_ = true;
  return true;
}

}  // namespace sluice
