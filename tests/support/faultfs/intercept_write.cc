// SPDX-License-Identifier: Apache-2.0
//
// Takes over what changes the bytes of a file.
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "layer.h"
#include "trace.h"

namespace sluice::faultfs {
namespace {

constexpr off_t kAtPosition = -1;

bool IsRegular(int fd, off_t* size) {
  struct stat state;
  if (syscall(SYS_fstat, fd, &state) != 0 || !S_ISREG(state.st_mode)) return false;
  *size = state.st_size;
  return true;
}

ssize_t RawWrite(int fd, const iovec* parts, int count, off_t offset) {
  if (offset == kAtPosition) return syscall(SYS_writev, fd, parts, long{count});
  return syscall(SYS_pwritev, fd, parts, long{count}, offset, 0L);
}

ssize_t Write(int fd, const iovec* parts, int count, off_t offset) {
  Path path;
  off_t size = 0;
  if (count < 0 || count > IOV_MAX || !PathOfDescriptor(fd, &path) || !IsRegular(fd, &size)) {
    return RawWrite(fd, parts, count, offset);
  }
  Lock lock;
  if (!PathOfDescriptor(fd, &path) || !IsRegular(fd, &size)) {
    return RawWrite(fd, parts, count, offset);
  }
  const Fate fate = Arrive(Op::kWrite, path);
  size_t length = 0;
  for (int i = 0; i < count; ++i) length += parts[i].iov_len;

  const bool appends = (syscall(SYS_fcntl, fd, F_GETFL, 0) & O_APPEND) != 0;
  off_t start = offset;
  if (appends) {
    start = size;
  } else if (offset == kAtPosition) {
    start = syscall(SYS_lseek, fd, 0, SEEK_CUR);
  }
  const off_t end = start + static_cast<off_t>(length);
  const size_t growth = end > size ? static_cast<size_t>(end - (start > size ? start : size)) : 0;
  size_t allowed = Room(path, length, growth);
  if (allowed == 0 && length > 0) {
    Depart(fate);
    errno = ENOSPC;
    return -1;
  }
  if (fate == Fate::kDieDuring) allowed /= 2;

  iovec limited[IOV_MAX];
  int used = 0;
  for (size_t left = allowed; used < count && left > 0; ++used) {
    limited[used] = parts[used];
    if (limited[used].iov_len > left) limited[used].iov_len = left;
    left -= limited[used].iov_len;
  }
  const ssize_t written = RawWrite(fd, limited, used, offset);
  if (written > 0) {
    LogWrite(path, static_cast<uint64_t>(start), limited, used, static_cast<size_t>(written));
  }
  const int saved = errno;
  Depart(fate);
  errno = saved;
  return written;
}

int Truncate(int fd, off_t length) {
  Path path;
  if (!PathOfDescriptor(fd, &path)) return static_cast<int>(syscall(SYS_ftruncate, fd, length));
  Lock lock;
  if (!PathOfDescriptor(fd, &path)) return static_cast<int>(syscall(SYS_ftruncate, fd, length));
  const Fate fate = Arrive(Op::kTruncate, path);
  if (fate == Fate::kDieDuring) Die();
  const int result = static_cast<int>(syscall(SYS_ftruncate, fd, length));
  if (result == 0) Log(Record::kTruncate, path, "", static_cast<uint64_t>(length), 0);
  Depart(fate);
  return result;
}

void LogAllocation(const Path& path, int mode, off_t offset, off_t length, off_t old_size) {
  if ((mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)) != 0) {
    ReportUnsupported("moving of ranges by fallocate", path);
    return;
  }
  const off_t end = offset + length;
  if ((mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) != 0 && offset < old_size) {
    const off_t stop = end < old_size ? end : old_size;
    Log(Record::kZero, path, "", static_cast<uint64_t>(offset),
        static_cast<uint64_t>(stop - offset));
  }
  if ((mode & FALLOC_FL_KEEP_SIZE) == 0 && end > old_size) {
    Log(Record::kExtend, path, "", static_cast<uint64_t>(end), 0);
  }
}

int Allocate(int fd, int mode, off_t offset, off_t length) {
  Path path;
  off_t size = 0;
  if (!PathOfDescriptor(fd, &path) || !IsRegular(fd, &size)) {
    return static_cast<int>(syscall(SYS_fallocate, fd, mode, offset, length));
  }
  Lock lock;
  if (!PathOfDescriptor(fd, &path) || !IsRegular(fd, &size)) {
    return static_cast<int>(syscall(SYS_fallocate, fd, mode, offset, length));
  }
  const Fate fate = Arrive(Op::kTruncate, path);
  if (fate == Fate::kDieDuring) Die();
  // Space set aside beyond the end does not count as growth (it is given back, or written to, and
  // then counts), but a full disk has none of it.
  const bool takes = (mode & FALLOC_FL_PUNCH_HOLE) == 0 && offset + length > size;
  const size_t grows =
      takes ? ((mode & FALLOC_FL_KEEP_SIZE) == 0 ? static_cast<size_t>(offset + length - size) : 0)
            : 0;
  if (takes && !HasRoomToAllocate(path, grows)) {
    Depart(fate);
    errno = ENOSPC;
    return -1;
  }
  const int result = static_cast<int>(syscall(SYS_fallocate, fd, mode, offset, length));
  if (result == 0) LogAllocation(path, mode, offset, length, size);
  const int saved = errno;
  Depart(fate);
  errno = saved;
  return result;
}

int PosixAllocate(int fd, off_t offset, off_t length) {
  const int saved = errno;
  const int result = Allocate(fd, 0, offset, length) == 0 ? 0 : errno;
  errno = saved;
  return result;
}

ssize_t WriteOne(int fd, const void* bytes, size_t size, off_t offset) {
  const iovec part = {const_cast<void*>(bytes), size};
  return Write(fd, &part, 1, offset);
}

ssize_t WriteAt(int fd, const iovec* parts, int count, off_t offset) {
  if (offset < 0) {
    errno = EINVAL;
    return -1;
  }
  return Write(fd, parts, count, offset);
}

int TruncateName(const char* name, off_t length) {
  const long fd = syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int result = Truncate(static_cast<int>(fd), length);
  const int saved = errno;
  syscall(SYS_close, fd);
  errno = saved;
  return result;
}

}  // namespace
}  // namespace sluice::faultfs

namespace ff = sluice::faultfs;

extern "C" {

ssize_t write(int fd, const void* bytes, size_t size) {
  return ff::WriteOne(fd, bytes, size, ff::kAtPosition);
}

ssize_t writev(int fd, const iovec* parts, int count) {
  return ff::Write(fd, parts, count, ff::kAtPosition);
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  const iovec part = {const_cast<void*>(bytes), size};
  return ff::WriteAt(fd, &part, 1, offset);
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) {
  const iovec part = {const_cast<void*>(bytes), size};
  return ff::WriteAt(fd, &part, 1, offset);
}

ssize_t pwritev(int fd, const iovec* parts, int count, off_t offset) {
  return ff::WriteAt(fd, parts, count, offset);
}

ssize_t pwritev64(int fd, const iovec* parts, int count, off64_t offset) {
  return ff::WriteAt(fd, parts, count, offset);
}

int ftruncate(int fd, off_t length) noexcept { return ff::Truncate(fd, length); }
int ftruncate64(int fd, off64_t length) noexcept { return ff::Truncate(fd, length); }
int truncate(const char* name, off_t length) noexcept { return ff::TruncateName(name, length); }
int truncate64(const char* name, off64_t length) noexcept { return ff::TruncateName(name, length); }

int fallocate(int fd, int mode, off_t offset, off_t length) {
  return ff::Allocate(fd, mode, offset, length);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
  return ff::Allocate(fd, mode, offset, length);
}

int posix_fallocate(int fd, off_t offset, off_t length) {
  return ff::PosixAllocate(fd, offset, length);
}

int posix_fallocate64(int fd, off64_t offset, off64_t length) {
  return ff::PosixAllocate(fd, offset, length);
}

}  // extern "C"
