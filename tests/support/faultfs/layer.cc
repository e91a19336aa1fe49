// SPDX-License-Identifier: Apache-2.0
#include "layer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "settings.h"
#include "trace.h"

namespace sluice::faultfs {
namespace {

constexpr const char* kOpNames[kOpCount] = {"write",  "sync",   "rename",
                                            "unlink", "create", "truncate"};
constexpr int kCounterDigits = 12;
constexpr int kCounterLine = 9 + kCounterDigits + 1;  // "truncate " + digits + line feed

// Set once by Setup, then guarded by g_lock.
pthread_once_t g_once = PTHREAD_ONCE_INIT;
pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
bool g_awake = false;  // there is a root
KillPoint g_kill;
FullDisk g_disk;
SyncError g_sync_error;
char* g_counters = nullptr;
const char* g_count_match = "";
uint64_t g_counts[kOpCount];

// The counters are text in a shared mapping: they can be read at any time, and survive the process.
bool OpenCounters(const char* name) {
  const size_t size = static_cast<size_t>(kOpCount) * kCounterLine;
  const long fd = syscall(SYS_openat, AT_FDCWD, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0 || syscall(SYS_ftruncate, fd, size) != 0) return false;
  void* mapped = reinterpret_cast<void*>(
      syscall(SYS_mmap, nullptr, size, long{PROT_READ | PROT_WRITE}, long{MAP_SHARED}, fd, 0L));
  syscall(SYS_close, fd);
  if (mapped == MAP_FAILED) return false;
  g_counters = static_cast<char*>(mapped);
  for (int op = 0; op < kOpCount; ++op) {
    char line[kCounterLine + 1];
    snprintf(line, sizeof(line), "%-9s%0*d\n", kOpNames[op], kCounterDigits, 0);
    memcpy(g_counters + op * kCounterLine, line, kCounterLine);
  }
  return true;
}

void Count(Op op, const Path& path, const Path* other) {
  if (g_counters == nullptr) return;
  if (strstr(path.text, g_count_match) == nullptr &&
      (other == nullptr || strstr(other->text, g_count_match) == nullptr)) {
    return;
  }
  const int index = static_cast<int>(op);
  uint64_t value = ++g_counts[index];
  char* line = g_counters + index * kCounterLine;
  for (int digit = kCounterLine - 2; digit >= 9; --digit, value /= 10) {
    line[digit] = static_cast<char>('0' + value % 10);
  }
}

void BeforeFork() { pthread_mutex_lock(&g_lock); }
void AfterFork() { pthread_mutex_unlock(&g_lock); }

void Setup() {
  const char* root = Setting("ROOT");
  if (*root == '\0') return;
  if (!UseRoot(root)) BadSetting("ROOT", root);
  ReadKillPoint(kOpNames, kOpCount, &g_kill);
  ReadFullDisk(&g_disk);
  ReadSyncError(&g_sync_error);
  g_count_match = Setting("COUNT_MATCH");
  pthread_atfork(BeforeFork, AfterFork, AfterFork);
  g_awake = true;
}

// The files of the layer itself are made by the first process that touches the root, not by each
// process that inherits the environment: a shell on the way would otherwise reset the counters.
void OpenFilesOnce() {
  static bool opened = false;
  if (opened) return;
  opened = true;
  const int saved = errno;
  const char* count = Setting("COUNT");
  if (*count != '\0' && !OpenCounters(count)) BadSetting("COUNT", count);
  const char* trace = Setting("TRACE");
  if (!OpenTrace(trace)) BadSetting("TRACE", trace);
  errno = saved;
}

bool DiskIsFull() {
  if (g_disk.full) return true;
  if (*g_disk.control_file == '\0') return false;
  const int saved = errno;
  const bool exists = syscall(SYS_faccessat, AT_FDCWD, g_disk.control_file, F_OK) == 0;
  errno = saved;
  return exists;
}

// The limit is reached: from here on the control file says it, so that a test can make space.
void FillDisk() {
  g_disk.limited = false;
  if (*g_disk.control_file == '\0') {
    g_disk.full = true;
    return;
  }
  const long fd =
      syscall(SYS_openat, AT_FDCWD, g_disk.control_file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) BadSetting("FULL_FILE", g_disk.control_file);
  syscall(SYS_close, fd);
}

}  // namespace

bool Asleep() {
  pthread_once(&g_once, Setup);
  return !g_awake;
}

Lock::Lock() {
  pthread_mutex_lock(&g_lock);
  OpenFilesOnce();
}

Lock::~Lock() { pthread_mutex_unlock(&g_lock); }

void Die() {
  syscall(SYS_kill, getpid(), SIGKILL);
  for (;;) pause();
}

Fate Arrive(Op op, const Path& path, const Path* other) {
  Count(op, path, other);
  if (!g_kill.set) return Fate::kLive;
  if (g_kill.op != kAnyOp && g_kill.op != static_cast<int>(op)) return Fate::kLive;
  if (strstr(path.text, g_kill.match) == nullptr &&
      (other == nullptr || strstr(other->text, g_kill.match) == nullptr)) {
    return Fate::kLive;
  }
  if (++g_kill.seen != g_kill.at) return Fate::kLive;
  if (g_kill.when == When::kBefore) Die();
  return g_kill.when == When::kDuring ? Fate::kDieDuring : Fate::kDieAfter;
}

void Depart(Fate fate) {
  if (fate != Fate::kLive) Die();
}

size_t Room(const Path& path, size_t length, size_t growth) {
  if (growth == 0 || strstr(path.text, g_disk.match) == nullptr) return length;
  size_t fits = growth / 2;
  if (g_disk.limited && g_disk.grown + growth > g_disk.limit) {
    fits = static_cast<size_t>(g_disk.limit - g_disk.grown);
    FillDisk();
  } else if (!DiskIsFull()) {
    g_disk.grown += growth;
    g_disk.short_write_done = false;
    return length;
  }
  if (!g_disk.partial || g_disk.short_write_done) return 0;
  g_disk.short_write_done = true;
  return length - growth + fits;
}

bool HasRoomToAllocate(const Path& path, size_t growth) {
  if (strstr(path.text, g_disk.match) == nullptr) return true;
  if (g_disk.limited && g_disk.grown + growth > g_disk.limit) FillDisk();
  if (DiskIsFull()) return false;
  g_disk.grown += growth;
  return true;
}

bool SyncFails(const Path& path) {
  if (!g_sync_error.set || strstr(path.text, g_sync_error.match) == nullptr) return false;
  ++g_sync_error.seen;
  return g_sync_error.seen == g_sync_error.at ||
         (g_sync_error.all_later && g_sync_error.seen > g_sync_error.at);
}

void ReportUnsupported(const char* what, const Path& path) {
  dprintf(STDERR_FILENO, "faultfs: %s of %s: not followed, a power cut of this trace is refused\n",
          what, path.text);
  Log(Record::kUnsupported, path, what, 0, 0);
}

}  // namespace sluice::faultfs
