// SPDX-License-Identifier: Apache-2.0
//
// Takes over what makes things durable, and finds the ways to write that the layer does not follow.
// sync_file_range promises no durability, so it is left to libc and never recorded.
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "layer.h"
#include "trace.h"

namespace sluice::faultfs {
namespace {

uint64_t g_last_sync = 0;  // guarded by the layer's lock

// Only what was written before the sync began is durable when it has ended: hence two records. The
// wait itself is outside the lock, or one slow sync would put all threads of the process in line.
template <typename Call>
int Sync(int fd, bool whole_file_system, Call call) {
  Path path;
  if (!PathOfDescriptor(fd, &path)) return static_cast<int>(call());
  Fate fate;
  uint64_t identity;
  {
    Lock lock;
    if (!PathOfDescriptor(fd, &path)) return static_cast<int>(call());
    fate = Arrive(Op::kSync, path);
    if (SyncFails(path)) {
      Log(Record::kSyncError, path, "", 0, whole_file_system ? 1 : 0);
      Depart(fate);
      errno = EIO;
      return -1;
    }
    identity = ++g_last_sync;
    Log(Record::kSyncBegin, path, "", identity, whole_file_system ? 1 : 0);
  }
  const int result = static_cast<int>(call());
  const int saved = errno;
  Lock lock;
  if (fate == Fate::kDieDuring) Die();  // done by the disk, never learnt by the process
  if (result == 0) Log(Record::kSyncEnd, path, "", identity, 0);
  Depart(fate);
  errno = saved;
  return result;
}

int SyncFile(int fd, long number) {
  return Sync(fd, false, [&] { return syscall(number, fd); });
}

void FindWritableMapping(int protection, int flags, int fd) {
  const bool shared = (flags & MAP_TYPE) == MAP_SHARED || (flags & MAP_TYPE) == MAP_SHARED_VALIDATE;
  Path path;
  if (fd < 0 || !shared || (protection & PROT_WRITE) == 0 || !PathOfDescriptor(fd, &path)) return;
  Lock lock;
  ReportUnsupported("a writable shared mapping", path);
}

void FindCopy(int to, const char* what) {
  Path path;
  if (!PathOfDescriptor(to, &path)) return;
  Lock lock;
  ReportUnsupported(what, path);
}

void* Map(void* address, size_t size, int protection, int flags, int fd, off_t offset) {
  FindWritableMapping(protection, flags, fd);
  return reinterpret_cast<void*>(
      syscall(SYS_mmap, address, size, long{protection}, long{flags}, long{fd}, offset));
}

ssize_t SendFile(int to, int from, off_t* offset, size_t size) {
  FindCopy(to, "sendfile into a file");
  return syscall(SYS_sendfile, to, from, offset, size);
}

}  // namespace
}  // namespace sluice::faultfs

namespace ff = sluice::faultfs;

extern "C" {

int fsync(int fd) { return ff::SyncFile(fd, SYS_fsync); }
int fdatasync(int fd) { return ff::SyncFile(fd, SYS_fdatasync); }

int syncfs(int fd) noexcept {
  return ff::Sync(fd, true, [&] { return syscall(SYS_syncfs, fd); });
}

void* mmap(void* address, size_t size, int protection, int flags, int fd, off_t offset) noexcept {
  return ff::Map(address, size, protection, flags, fd, offset);
}

void* mmap64(void* address, size_t size, int protection, int flags, int fd,
             off64_t offset) noexcept {
  return ff::Map(address, size, protection, flags, fd, offset);
}

ssize_t sendfile(int to, int from, off_t* offset, size_t size) noexcept {
  return ff::SendFile(to, from, offset, size);
}

ssize_t sendfile64(int to, int from, off64_t* offset, size_t size) noexcept {
  return ff::SendFile(to, from, offset, size);
}

ssize_t copy_file_range(int from, off64_t* from_offset, int to, off64_t* to_offset, size_t size,
                        unsigned flags) {
  ff::FindCopy(to, "copy_file_range into a file");
  return syscall(SYS_copy_file_range, from, from_offset, to, to_offset, size, long{flags});
}

}  // extern "C"
