// SPDX-License-Identifier: Apache-2.0
//
// A process that a check starts, to be killed or stopped, or to be the older of two incarnations.
// Forked before the parent has loaded the plugin: threads of a library do not survive a fork. It
// dies with its parent.
//
// Threading: the parent must have one thread. Ownership: kills and collects the process at the end.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <memory>
#include <new>
#include <string>

#include "base/clock.h"
#include "base/status.h"

namespace sluice::contract {

void* MapShared(size_t size);
void UnmapShared(void* at, size_t size);

// A value that parent and children see, whoever writes it. T: atomics and plain arrays.
template <typename T>
class Shared {
 public:
  Shared() : value_(new (MapShared(sizeof(T))) T()) {}
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { UnmapShared(value_, sizeof(T)); }
  T* operator->() const { return value_; }
  T& operator*() const { return *value_; }

 private:
  T* const value_;
};

// How a process ended.
struct Exit {
  bool exited = false;  // by itself
  int code = 0;         // then
  int signal = 0;       // else
  bool timed_out = false;
  std::string ToString() const;
};

class Child {
 public:
  // Runs `body` and ends with its result as exit code.
  explicit Child(const std::function<int()>& body);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  // Waits until it has ended; after `limit` it is killed.
  Exit Wait(Duration limit);
  void Signal(int number) const;

  // Turns: the child says that it has come to a point and waits there; the parent lets it go on.
  // False where the other has ended, or does not come within `limit`.
  bool AwaitTurn(Duration limit);  // the parent's
  void GiveTurn();                 // the parent's
  static void TakeTurn();          // the child's: says so, and waits

 private:
  pid_t pid_ = -1;
  int from_child_ = -1;
  int to_child_ = -1;
};

[[noreturn]] void KillSelf();

}  // namespace sluice::contract
