// SPDX-License-Identifier: Apache-2.0
//
// Standard output: what was asked for, and nothing else. Unlike fmt::print, a failed write does not
// throw; RunCommand looks at the stream once, at the end.
// Threading: the main thread.
#pragma once

#include <fmt/core.h>

#include <cstdio>
#include <string_view>
#include <utility>

namespace sluice {

inline void PrintBytes(std::string_view bytes) {
  std::fwrite(bytes.data(), 1, bytes.size(), stdout);
}

template <typename... Args>
void Print(fmt::format_string<Args...> format, Args&&... args) {
  PrintBytes(fmt::format(format, std::forward<Args>(args)...));
}

// True once the output cannot be written any more: no use in going on.
inline bool OutputFailed() { return std::ferror(stdout) != 0; }

}  // namespace sluice
