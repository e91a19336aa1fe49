// SPDX-License-Identifier: Apache-2.0
//
// Takes over what changes the entries of folders: create, link, rename, unlink.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "layer.h"
#include "trace.h"

namespace sluice::faultfs {
namespace {

int Open(int folder, const char* name, int flags, mode_t mode) {
  Path path;
  const bool writes = (flags & O_ACCMODE) != O_RDONLY;
  const bool concerns = (flags & (O_CREAT | O_TRUNC)) != 0 || (writes && (flags & O_DSYNC) != 0);
  const bool nameless = (flags & O_TMPFILE) == O_TMPFILE;
  if (!concerns || nameless || !PathOfName(folder, name, &path)) {
    return static_cast<int>(syscall(SYS_openat, folder, name, flags, mode));
  }
  Lock lock;
  struct stat before;
  const bool existed = syscall(SYS_newfstatat, folder, name, &before, 0) == 0;
  const bool creates = !existed && (flags & O_CREAT) != 0;
  const bool cuts = existed && (flags & O_TRUNC) != 0 && writes && S_ISREG(before.st_mode) &&
                    before.st_size > 0 && (flags & O_EXCL) == 0;
  if (writes && (flags & O_DSYNC) != 0) ReportUnsupported("opening with O_SYNC or O_DSYNC", path);
  Fate fate = Fate::kLive;
  if (creates) fate = Arrive(Op::kCreate, path);
  if (cuts) fate = Arrive(Op::kTruncate, path);
  if (fate == Fate::kDieDuring) Die();
  const int fd = static_cast<int>(syscall(SYS_openat, folder, name, flags, mode));
  const int saved = errno;
  if (fd >= 0 && creates) Log(Record::kCreate, path, "", 0, 0);
  if (fd >= 0 && cuts) Log(Record::kTruncate, path, "", 0, 0);
  Depart(fate);
  errno = saved;
  return fd;
}

// One call with one name below the root; `call` is what the kernel is asked.
template <typename Call>
int ChangeName(Op op, Record record, int folder, const char* name, Call call) {
  Path path;
  if (!PathOfName(folder, name, &path)) return static_cast<int>(call());
  Lock lock;
  const Fate fate = Arrive(op, path);
  if (fate == Fate::kDieDuring) Die();
  const int result = static_cast<int>(call());
  if (result == 0) Log(record, path, "", 0, 0);
  const int saved = errno;
  Depart(fate);
  errno = saved;
  return result;
}

int Remove(int folder, const char* name, bool is_folder) {
  return ChangeName(
      Op::kUnlink, is_folder ? Record::kRemoveFolder : Record::kUnlink, folder, name,
      [&] { return syscall(SYS_unlinkat, folder, name, is_folder ? AT_REMOVEDIR : 0); });
}

int MakeFolder(int folder, const char* name, mode_t mode) {
  return ChangeName(Op::kCreate, Record::kMakeFolder, folder, name,
                    [&] { return syscall(SYS_mkdirat, folder, name, mode); });
}

// One call with two names; `flawed` says why the trace cannot follow it, or is nullptr.
template <typename Call>
int ChangeNames(Op op, Record record, int old_folder, const char* old_name, int new_folder,
                const char* new_name, const char* flawed, Call call) {
  Path from;
  Path to;
  const bool from_inside = PathOfName(old_folder, old_name, &from);
  const bool to_inside = PathOfName(new_folder, new_name, &to);
  if (!from_inside && !to_inside) return static_cast<int>(call());
  Lock lock;
  if (from_inside != to_inside) flawed = "renaming or linking across the root";
  if (!from_inside) from = to;
  if (!to_inside) to = from;
  const Fate fate = Arrive(op, from, &to);
  if (fate == Fate::kDieDuring) Die();
  const int result = static_cast<int>(call());
  const int saved = errno;
  if (result == 0 && flawed != nullptr) ReportUnsupported(flawed, from);
  if (result == 0 && flawed == nullptr) Log(record, from, to.text, 0, 0);
  Depart(fate);
  errno = saved;
  return result;
}

int Rename(int old_folder, const char* old_name, int new_folder, const char* new_name,
           unsigned flags) {
  const char* flawed = (flags & ~static_cast<unsigned>(RENAME_NOREPLACE)) == 0
                           ? nullptr
                           : "exchanging names by renameat2";
  return ChangeNames(
      Op::kRename, Record::kRename, old_folder, old_name, new_folder, new_name, flawed,
      [&] { return syscall(SYS_renameat2, old_folder, old_name, new_folder, new_name, flags); });
}

int Link(int old_folder, const char* old_name, int new_folder, const char* new_name, int flags) {
  return ChangeNames(
      Op::kCreate, Record::kLink, old_folder, old_name, new_folder, new_name, nullptr,
      [&] { return syscall(SYS_linkat, old_folder, old_name, new_folder, new_name, flags); });
}

int MakeSymbolicLink(const char* target, int folder, const char* name) {
  const int result = static_cast<int>(syscall(SYS_symlinkat, target, folder, name));
  Path path;
  if (result == 0 && PathOfName(folder, name, &path)) {
    Lock lock;
    ReportUnsupported("making a symbolic link", path);
  }
  return result;
}

// stdio opens with a call of its own that nobody can take over. What fopen does to the folder is
// done here first; the bytes that stdio writes are not seen either, but those of std::ofstream are.
FILE* OpenStream(const char* symbol, const char* name, const char* mode) {
  const int flags = *mode == 'w'   ? O_WRONLY | O_CREAT | O_TRUNC
                    : *mode == 'a' ? O_WRONLY | O_CREAT | O_APPEND
                                   : O_RDONLY;
  Path path;
  if (flags != O_RDONLY && PathOfName(AT_FDCWD, name, &path)) {
    const bool exclusive = strchr(mode, 'x') != nullptr;
    if (exclusive && access(name, F_OK) == 0) {
      errno = EEXIST;
      return nullptr;
    }
    const int fd = Open(AT_FDCWD, name, flags | O_CLOEXEC, 0666);
    if (fd < 0) return nullptr;
    syscall(SYS_close, fd);
    if (exclusive) mode = "w";
  }
  using Function = FILE* (*)(const char*, const char*);
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, symbol))(name, mode);
}

mode_t ModeOf(int flags, va_list arguments) {
  const bool has_mode = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  return has_mode ? va_arg(arguments, mode_t) : 0;
}

}  // namespace
}  // namespace sluice::faultfs

namespace ff = sluice::faultfs;

extern "C" {

int open(const char* name, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ff::ModeOf(flags, arguments);
  va_end(arguments);
  return ff::Open(AT_FDCWD, name, flags, mode);
}

int open64(const char* name, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ff::ModeOf(flags, arguments);
  va_end(arguments);
  return ff::Open(AT_FDCWD, name, flags, mode);
}

int openat(int folder, const char* name, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ff::ModeOf(flags, arguments);
  va_end(arguments);
  return ff::Open(folder, name, flags, mode);
}

int openat64(int folder, const char* name, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ff::ModeOf(flags, arguments);
  va_end(arguments);
  return ff::Open(folder, name, flags, mode);
}

// What glibc's headers make of the four above under _FORTIFY_SOURCE; flags without O_CREAT.
int __open_2(const char* name, int flags) { return ff::Open(AT_FDCWD, name, flags, 0); }
int __open64_2(const char* name, int flags) { return ff::Open(AT_FDCWD, name, flags, 0); }
int __openat_2(int folder, const char* name, int flags) { return ff::Open(folder, name, flags, 0); }
int __openat64_2(int folder, const char* name, int flags) {
  return ff::Open(folder, name, flags, 0);
}

FILE* fopen(const char* name, const char* mode) { return ff::OpenStream("fopen", name, mode); }
FILE* fopen64(const char* name, const char* mode) { return ff::OpenStream("fopen64", name, mode); }

int creat(const char* name, mode_t mode) {
  return ff::Open(AT_FDCWD, name, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

int creat64(const char* name, mode_t mode) {
  return ff::Open(AT_FDCWD, name, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

int rename(const char* from, const char* to) noexcept {
  return ff::Rename(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
  return ff::Rename(from_folder, from, to_folder, to, 0);
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to,
              unsigned flags) noexcept {
  return ff::Rename(from_folder, from, to_folder, to, flags);
}

int link(const char* from, const char* to) noexcept {
  return ff::Link(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from_folder, const char* from, int to_folder, const char* to, int flags) noexcept {
  return ff::Link(from_folder, from, to_folder, to, flags);
}

int symlink(const char* target, const char* name) noexcept {
  return ff::MakeSymbolicLink(target, AT_FDCWD, name);
}

int symlinkat(const char* target, int folder, const char* name) noexcept {
  return ff::MakeSymbolicLink(target, folder, name);
}

int unlink(const char* name) noexcept { return ff::Remove(AT_FDCWD, name, false); }
int rmdir(const char* name) noexcept { return ff::Remove(AT_FDCWD, name, true); }

int unlinkat(int folder, const char* name, int flags) noexcept {
  return ff::Remove(folder, name, (flags & AT_REMOVEDIR) != 0);
}

int remove(const char* name) noexcept {
  struct stat state;
  const bool is_folder =
      syscall(SYS_newfstatat, AT_FDCWD, name, &state, AT_SYMLINK_NOFOLLOW) == 0 &&
      S_ISDIR(state.st_mode);
  return ff::Remove(AT_FDCWD, name, is_folder);
}

int mkdir(const char* name, mode_t mode) noexcept { return ff::MakeFolder(AT_FDCWD, name, mode); }

int mkdirat(int folder, const char* name, mode_t mode) noexcept {
  return ff::MakeFolder(folder, name, mode);
}

}  // extern "C"
