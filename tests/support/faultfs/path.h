// SPDX-License-Identifier: Apache-2.0
//
// Which paths are the fault layer's business.
//
// Threading: UseRoot once, before all else; the others from any thread.
#pragma once

#include <limits.h>

namespace sluice::faultfs {

// A path below the root, without the root: "wal/000004.log"; the root itself is "".
struct Path {
  char text[PATH_MAX];
};

// `root` is a folder that exists; false: it does not.
bool UseRoot(const char* root);

// True where the open descriptor is a file or folder below the root (or the root) that still has a
// name. Asked of the kernel each time: descriptors are copied, reused and renamed behind our back.
// Without the lock the answer may be old; callers ask again under it. False leaves `path` alone.
bool PathOfDescriptor(int fd, Path* path);

// The same for a name as openat takes it. The last component need not exist and is not followed.
bool PathOfName(int folder_fd, const char* name, Path* path);

}  // namespace sluice::faultfs
