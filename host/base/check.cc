// SPDX-License-Identifier: Apache-2.0
#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace sluice::internal {

void CheckFailed(const char* file, int line, const char* condition, const char* message) {
  std::fprintf(stderr,
               "sluice: broken invariant: %s: %s (%s:%d); this is a defect, please report it\n",
               message, condition, file, line);
  std::fflush(stderr);
  std::abort();
}

}  // namespace sluice::internal
