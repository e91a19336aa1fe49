// SPDX-License-Identifier: Apache-2.0
//
// Reads the headers of an ELF shared library without loading it. The loader maps what the headers
// promise: a truncated library kills the process with SIGBUS inside dlopen, so every promise is
// compared with the length of the file here, before.
//
// Threading: pure functions. Lifetime: nothing is kept of the bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace sluice {

struct ElfFacts {
  std::string machine;                        // "x86-64", "aarch64", "machine 40", …
  std::vector<std::string> exported_symbols;  // defined, global or weak; in the order of the table
};

// kPlugin where `bytes` is no shared library that this process can load. The text begins with what
// is wrong and ends with what to do; it names no file.
Result<ElfFacts> ReadElf(std::string_view bytes);

}  // namespace sluice
