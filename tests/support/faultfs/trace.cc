// SPDX-License-Identifier: Apache-2.0
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace sluice::faultfs {
namespace {

constexpr uint32_t kMagic = 0x53465431;  // "1TFS" as bytes
constexpr int kMaxRuns = 1000000;        // six digits

struct Header {
  uint32_t magic;
  uint8_t kind;
  uint8_t zero[3];
  uint32_t path_size;
  uint32_t other_size;
  uint64_t number;
  uint64_t size;
};
static_assert(sizeof(Header) == 32, "the reader expects it packed");

int g_trace_fd = -1;

// A trace with a hole would prove something that did not happen, so nothing goes on without it.
void Append(const void* bytes, size_t size) {
  const char* next = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t written = syscall(SYS_write, g_trace_fd, next, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      static const char kText[] = "faultfs: cannot write the trace: the process ends\n";
      (void)!syscall(SYS_write, STDERR_FILENO, kText, sizeof(kText) - 1);
      Die();
    }
    next += written;
    size -= static_cast<size_t>(written);
  }
}

void AppendHead(Record kind, const Path& path, const char* other, uint64_t number, uint64_t size) {
  // One buffer, so that a kill from outside seldom finds a record half written.
  char buffer[sizeof(Header) + 2 * PATH_MAX];
  const size_t path_size = strlen(path.text);
  const size_t other_size = strlen(other);
  const Header header = {kMagic,
                         static_cast<uint8_t>(kind),
                         {0, 0, 0},
                         static_cast<uint32_t>(path_size),
                         static_cast<uint32_t>(other_size),
                         number,
                         size};
  memcpy(buffer, &header, sizeof(header));
  memcpy(buffer + sizeof(header), path.text, path_size);
  memcpy(buffer + sizeof(header) + path_size, other, other_size);
  Append(buffer, sizeof(header) + path_size + other_size);
}

}  // namespace

bool OpenTrace(const char* folder) {
  if (*folder == '\0') return true;
  for (int run = 0; run < kMaxRuns; ++run) {
    char name[PATH_MAX];
    if (snprintf(name, sizeof(name), "%s/%06d.log", folder, run) >= static_cast<int>(sizeof(name)))
      return false;
    const long fd = syscall(SYS_openat, AT_FDCWD, name,
                            O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
    if (fd >= 0) {
      g_trace_fd = static_cast<int>(fd);
      return true;
    }
    if (errno != EEXIST) return false;
  }
  return false;
}

void Log(Record kind, const Path& path, const char* other, uint64_t number, uint64_t size) {
  if (g_trace_fd < 0) return;
  const int saved = errno;
  AppendHead(kind, path, other, number, size);
  errno = saved;
}

void LogWrite(const Path& path, uint64_t offset, const iovec* parts, int count, size_t size) {
  if (g_trace_fd < 0) return;
  const int saved = errno;
  AppendHead(Record::kWrite, path, "", offset, size);
  for (int i = 0; i < count && size > 0; ++i) {
    const size_t part = parts[i].iov_len < size ? parts[i].iov_len : size;
    Append(parts[i].iov_base, part);
    size -= part;
  }
  errno = saved;
}

}  // namespace sluice::faultfs
