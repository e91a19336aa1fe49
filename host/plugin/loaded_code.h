// SPDX-License-Identifier: Apache-2.0
//
// Which plugin an address belongs to, for crash reports: libraries are loaded from memory, so a
// debugger's file names do not tell.
// Threading: Register from any thread; Describe from any thread and from a signal handler (no lock,
// no allocation). Lifetime: entries live as long as the process, as the libraries do.
#pragma once

#include <string>

namespace sluice {

// `inside`: any address in the library. `description`: plugin, version, digest, path.
void RegisterLoadedCode(const void* inside, const std::string& description);

// The description of the library that holds `address`, or null.
const char* DescribeLoadedCode(const void* address);

}  // namespace sluice
