// SPDX-License-Identifier: Apache-2.0
//
// Folders and files whose names must outlive a power cut. A name is durable once the folder that
// holds it has been synced.
//
// Threading: functions over the file system. Errors: kNoSpace, kIo; the text says what failed, on
// which path, and what to do.
#pragma once

#include <filesystem>

#include "base/status.h"

namespace sluice {

// Creates the folder and those above it that are missing. On return the names of all that were
// missing are durable, and those of all below `home` (which is `path` or above it), for a process
// that was killed may have created them without getting to sync them.
Status CreateFoldersDurably(const std::filesystem::path& path, const std::filesystem::path& home);

// fsync of a file's content, or of the names in a folder.
Status SyncToDisk(const std::filesystem::path& path);

}  // namespace sluice
