// SPDX-License-Identifier: Apache-2.0
//
// Watches the calls that an instance's threads make into a plugin: which is under way, whether it
// is overdue, and what happens to the threads when a call never returns. There is one thread, but
// for deliveries side by side; so all calls that are under way at once are of one kind.
//
// A thread that is stuck in a plugin cannot be ended. It is abandoned: told, should its call return
// after all, to touch nothing and end. So every call stands between Enter and Leave, and where
// Leave answers false the thread may use only what it owns itself. An instance is abandoned as a
// whole, and only while each of its threads is in a call.
//
// Threading: Enter and Leave on the instance's threads, AddThread and RemoveThread on the one that
// is meant or its maker, BeginCancel on the control thread, EndCancel on the one that makes the
// cancel, all others on any.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string_view>
#include <utility>

#include "base/clock.h"

namespace sluice {

class CallWatch {
 public:
  enum class Call {
    kNone,
    kCreate,
    kProvision,
    kReset,
    kStart,
    kResume,
    kSnapshot,  // its begin, a part, its end
    kAttach,
    kDeliver,
    kDrain,
    kCancel,
    kDestroy
  };

  struct Current {
    Call call = Call::kNone;
    TimePoint since{};
    TimePoint overdue_at = TimePoint::max();
  };

  // `wake`: called without locks when a call begins that has a time of its own to be watched.
  explicit CallWatch(std::function<void()> wake) : wake_(std::move(wake)) {}

  // False where the instance has been cancelled before: the call is not to be made. Destroy always
  // is, but waits for a cancel that is under way (as the call kCancel), and is not made where the
  // instance is abandoned meanwhile. `overdue_at`: max where somebody else watches the time.
  [[nodiscard]] bool Enter(Call call, TimePoint overdue_at);
  // After an Enter that answered true. False: abandoned meanwhile.
  [[nodiscard]] bool Leave();

  // One thread more, or less, that makes calls or may touch what is not the instance's own.
  void AddThread();
  void RemoveThread();

  Current current() const;
  bool abandoned() const;

  // No later call is made. True where a call that can be cancelled is under way and no cancel is:
  // the instance's cancel is to be called, and EndCancel after it. Cancel may block as any other
  // call, so never on the control thread.
  [[nodiscard]] bool BeginCancel();
  void EndCancel();
  // True where a call is under way and every thread is in one; none of them will ever touch
  // anything again.
  bool Abandon();

 private:
  const std::function<void()> wake_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable cancelled_;
  Current current_;  // the newest where there are several
  int threads_ = 1;
  int inside_ = 0;  // threads that are in a call
  bool cancelled_before_ = false;
  bool cancelling_ = false;  // a cancel is under way: destroy waits for it
  bool abandoned_ = false;
};

// "start", "resume", …: the ABI's names.
std::string_view CallName(CallWatch::Call call);

}  // namespace sluice
