// SPDX-License-Identifier: Apache-2.0
#include "delivery/call_watch.h"

#include "plugin/sink_instance.h"

namespace sluice {

std::string_view CallName(CallWatch::Call call) {
  switch (call) {
    case CallWatch::Call::kNone:
      return "none";
    case CallWatch::Call::kCreate:
      return "create";
    case CallWatch::Call::kStart:
      return "start";
    case CallWatch::Call::kResume:
      return "resume";
    case CallWatch::Call::kAttach:
      return "attach";
    case CallWatch::Call::kDeliver:
      return "deliver";
    case CallWatch::Call::kDrain:
      return "drain";
    case CallWatch::Call::kDestroy:
      return "destroy";
  }
  return "unknown";
}

bool CallWatch::Enter(Call call, TimePoint overdue_at) {
  {
    std::unique_lock lock(mutex_);
    if (call == Call::kDestroy) {
      cancelled_.wait(lock, [this] { return !cancelling_; });
    } else if (cancelled_before_) {
      return false;
    }
    // Deliver is watched by its acks: it is called too often to ask the clock.
    current_ = {call, call == Call::kDeliver ? TimePoint() : Now(), overdue_at};
  }
  if (overdue_at != TimePoint::max()) wake_();
  return true;
}

bool CallWatch::Leave() {
  std::lock_guard lock(mutex_);
  current_ = {};
  return !abandoned_;
}

CallWatch::Current CallWatch::current() const {
  std::lock_guard lock(mutex_);
  return current_;
}

bool CallWatch::abandoned() const {
  std::lock_guard lock(mutex_);
  return abandoned_;
}

void CallWatch::Cancel(SinkInstance* instance) {
  std::unique_lock lock(mutex_);
  cancelled_before_ = true;
  const Call call = current_.call;
  if (call == Call::kNone || call == Call::kCreate || call == Call::kDestroy || cancelling_) return;
  cancelling_ = true;
  lock.unlock();
  instance->Cancel();
  lock.lock();
  cancelling_ = false;
  cancelled_.notify_all();
}

bool CallWatch::Abandon() {
  std::lock_guard lock(mutex_);
  if (current_.call == Call::kNone) return false;
  abandoned_ = true;
  return true;
}

}  // namespace sluice
