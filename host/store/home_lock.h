// SPDX-License-Identifier: Apache-2.0
//
// One process a home: an exclusive lock on a file that says who holds it. The kernel lets go of it
// when the process ends, however it ends; the file stays and means nothing by itself.
//
// Threading: none of its own. Ownership: the lock is held as long as the object lives; it is not
// passed on to programs that the process starts.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"

namespace sluice {

class HomeLock {
 public:
  // `path`: the lock file, made where it is missing. kLocked: somebody has it, the text says who.
  static Result<std::unique_ptr<HomeLock>> Acquire(const std::string& path);
  ~HomeLock();
  HomeLock(const HomeLock&) = delete;
  HomeLock& operator=(const HomeLock&) = delete;

 private:
  explicit HomeLock(int descriptor) : descriptor_(descriptor) {}
  const int descriptor_;
};

}  // namespace sluice
