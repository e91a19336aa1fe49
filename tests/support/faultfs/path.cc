// SPDX-License-Identifier: Apache-2.0
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "layer.h"

namespace sluice::faultfs {
namespace {

char g_root[PATH_MAX];
size_t g_root_size = 0;

// Takes the root off `absolute`; false where the path is not below it.
bool TakeRoot(const char* absolute, Path* path) {
  if (strncmp(absolute, g_root, g_root_size) != 0) return false;
  const char* rest = absolute + g_root_size;
  if (*rest != '\0' && *rest != '/') return false;
  if (*rest == '/') ++rest;
  snprintf(path->text, sizeof(path->text), "%s", rest);
  return true;
}

bool NameOfDescriptor(int fd, char* name) {
  char link[64];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  const long size = syscall(SYS_readlinkat, AT_FDCWD, link, name, PATH_MAX - 1);
  if (size <= 0) return false;
  name[size] = '\0';
  return true;
}

bool HasNoName(const char* name) {
  static const char kDeleted[] = " (deleted)";  // as the kernel puts it
  const size_t size = strlen(name);
  const size_t suffix = sizeof(kDeleted) - 1;
  return size > suffix && strcmp(name + size - suffix, kDeleted) == 0;
}

}  // namespace

bool UseRoot(const char* root) {
  if (realpath(root, g_root) == nullptr) return false;
  g_root_size = strlen(g_root);
  return true;
}

bool PathOfDescriptor(int fd, Path* path) {
  if (Asleep()) return false;
  const int saved = errno;
  char name[PATH_MAX];
  const bool inside = NameOfDescriptor(fd, name) && !HasNoName(name) && TakeRoot(name, path);
  errno = saved;
  return inside;
}

bool PathOfName(int folder_fd, const char* name, Path* path) {
  if (name == nullptr || Asleep()) return false;
  const int saved = errno;
  char folder[PATH_MAX];
  size_t size = strlen(name);
  while (size > 1 && name[size - 1] == '/') --size;  // "db/" is the folder db
  size_t start = size;
  while (start > 0 && name[start - 1] != '/') --start;
  bool inside = false;
  if (size > 0 && size < sizeof(folder)) {
    memcpy(folder, name, start);
    folder[start] = '\0';
    const long fd = syscall(SYS_openat, folder_fd, start == 0 ? "." : folder,
                            O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    char full[PATH_MAX];
    if (fd >= 0 && NameOfDescriptor(static_cast<int>(fd), full)) {
      const size_t used = strlen(full);
      const int left = static_cast<int>(sizeof(full) - used);
      inside = snprintf(full + used, static_cast<size_t>(left), "/%.*s",
                        static_cast<int>(size - start), name + start) < left &&
               TakeRoot(full, path);
    }
    if (fd >= 0) syscall(SYS_close, fd);
  }
  errno = saved;
  return inside;
}

}  // namespace sluice::faultfs
