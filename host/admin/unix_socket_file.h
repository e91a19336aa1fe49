// SPDX-License-Identifier: Apache-2.0
//
// The file that stands for a unix socket: whether anybody listens behind it, and its removal where
// a node that is dead left it. Threading: pure functions over the file system.
#pragma once

#include <filesystem>

#include "base/status.h"

namespace sluice {

// True where a process accepts connections at `path`; never waits.
bool SomebodyListens(const std::filesystem::path& path);

// Makes room for a new socket at `path`: creates its folder, and removes a socket that nobody
// listens at. kLocked where somebody does; kConfiguration where something else than a socket is
// there.
Status PrepareSocketPath(const std::filesystem::path& path);

}  // namespace sluice
