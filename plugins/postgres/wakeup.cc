// SPDX-License-Identifier: Apache-2.0
#include "postgres/wakeup.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace sluice_postgres {
namespace {

// An eventfd that is full, or interrupted, is readable all the same.
void Signal(int descriptor) {
  const uint64_t one = 1;
  const ssize_t written = write(descriptor, &one, sizeof(one));
  (void)written;
}

}  // namespace

Wakeup::~Wakeup() {
  if (descriptor() >= 0) close(descriptor());
}

bool Wakeup::Open() {
  if (descriptor() >= 0) return true;
  const int made = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (made < 0) return false;
  descriptor_.store(made);
  if (raised_.load()) Signal(made);
  return true;
}

void Wakeup::Raise() {
  raised_.store(true);
  if (const int known = descriptor(); known >= 0) Signal(known);
}

bool Wakeup::Take() {
  if (!raised_.exchange(false)) return false;
  uint64_t count = 0;
  const ssize_t got = read(descriptor(), &count, sizeof(count));
  (void)got;
  return true;
}

}  // namespace sluice_postgres
