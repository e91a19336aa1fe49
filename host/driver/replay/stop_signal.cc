// SPDX-License-Identifier: Apache-2.0
#include "driver/replay/stop_signal.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "base/check.h"

namespace sluice {

StopSignal::StopSignal() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  SLUICE_CHECK(fd_ >= 0, "no file descriptor is left for the driver's stop signal");
}

StopSignal::~StopSignal() { ::close(fd_); }

void StopSignal::Set() {
  set_.store(true, std::memory_order_release);
  uint64_t one = 1;
  // Cannot fail but by overflow, and then it is readable already.
  [[maybe_unused]] ssize_t written = ::write(fd_, &one, sizeof(one));
}

}  // namespace sluice
