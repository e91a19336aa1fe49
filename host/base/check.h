// SPDX-License-Identifier: Apache-2.0
//
// SLUICE_CHECK: ends the process at once where an invariant of our own is broken, in every build.
// What has been streamed cannot be unsent, so going on with a broken invariant is never right.
#pragma once

namespace sluice::internal {
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              const char* message);
}  // namespace sluice::internal

#define SLUICE_CHECK(condition, message)                                        \
  do {                                                                          \
    if (!(condition)) [[unlikely]] {                                            \
      ::sluice::internal::CheckFailed(__FILE__, __LINE__, #condition, message); \
    }                                                                           \
  } while (false)
