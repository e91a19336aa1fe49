// SPDX-License-Identifier: Apache-2.0
#include "layer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "trace.h"

namespace sluice::faultfs {
namespace {

constexpr const char* kOpNames[kOpCount] = {"write",  "sync",   "rename",
                                            "unlink", "create", "truncate"};
constexpr int kAnyOp = -1;
constexpr int kCounterDigits = 12;
constexpr int kCounterLine = 9 + kCounterDigits + 1;  // "truncate " + digits + line feed

enum class When { kBefore, kDuring, kAfter };

struct KillPoint {
  bool set = false;
  int op = kAnyOp;
  char match[PATH_MAX] = "";
  uint64_t at = 0;
  When when = When::kBefore;
  uint64_t seen = 0;
};

struct FullDisk {
  const char* control_file = "";  // full while it exists
  const char* match = "";
  bool partial = false;           // the first write without room is short, not failed
  bool limited = false;           // `limit` counts
  uint64_t limit = 0;             // bytes of growth after which the disk is full
  uint64_t grown = 0;             // bytes of growth so far
  bool full = false;              // for ever, where there is no control file to remove
  bool short_write_done = false;  // in this period of being full
};

struct SyncError {
  bool set = false;
  char match[PATH_MAX] = "";
  uint64_t at = 0;
  bool all_later = false;
  uint64_t seen = 0;
};

// Set once by Setup, then guarded by g_lock.
pthread_once_t g_once = PTHREAD_ONCE_INIT;
pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
char g_root[PATH_MAX];
size_t g_root_size = 0;  // 0: no root, the layer sleeps
KillPoint g_kill;
FullDisk g_disk;
SyncError g_sync_error;
char* g_counters = nullptr;
const char* g_count_match = "";
uint64_t g_counts[kOpCount];

const char* Setting(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

[[noreturn]] void BadSetting(const char* name, const char* value) {
  dprintf(STDERR_FILENO,
          "faultfs: cannot use %s=\"%s\" (%s): see tests/support/faultfs/README.md\n", name, value,
          strerror(errno));
  _exit(125);
}

bool ParseNumber(const char* text, uint64_t* number) {
  char* end = nullptr;
  errno = 0;
  *number = strtoull(text, &end, 10);
  return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
}

// Cuts the part after the last ':' off `text` and returns it; nullptr where there is none.
char* CutLast(char* text) {
  char* colon = strrchr(text, ':');
  if (colon == nullptr) return nullptr;
  *colon = '\0';
  return colon + 1;
}

// "<n>" or "<op>:<substring>:<n>[:before|during|after]"
bool ParseKillPoint(const char* text, KillPoint* kill) {
  char copy[PATH_MAX];
  if (snprintf(copy, sizeof(copy), "%s", text) >= static_cast<int>(sizeof(copy))) return false;
  kill->set = true;
  if (ParseNumber(copy, &kill->at)) return true;
  char* last = CutLast(copy);
  if (last == nullptr) return false;
  if (!ParseNumber(last, &kill->at)) {
    if (strcmp(last, "before") == 0) {
      kill->when = When::kBefore;
    } else if (strcmp(last, "during") == 0) {
      kill->when = When::kDuring;
    } else if (strcmp(last, "after") == 0) {
      kill->when = When::kAfter;
    } else {
      return false;
    }
    last = CutLast(copy);
    if (last == nullptr || !ParseNumber(last, &kill->at)) return false;
  }
  char* colon = strchr(copy, ':');
  if (colon == nullptr) return false;
  *colon = '\0';
  snprintf(kill->match, sizeof(kill->match), "%s", colon + 1);
  if (strcmp(copy, "any") == 0) return true;
  for (kill->op = 0; kill->op < kOpCount; ++kill->op) {
    if (strcmp(copy, kOpNames[kill->op]) == 0) return true;
  }
  return false;
}

// "<substring>:<n>[+]"
bool ParseSyncError(const char* text, SyncError* error) {
  if (snprintf(error->match, sizeof(error->match), "%s", text) >=
      static_cast<int>(sizeof(error->match))) {
    return false;
  }
  char* last = CutLast(error->match);
  if (last == nullptr || *last == '\0') return false;
  char* sign = last + strlen(last) - 1;
  if (*sign == '+') {
    error->all_later = true;
    *sign = '\0';
  }
  error->set = true;
  return ParseNumber(last, &error->at);
}

// The counters are text in a shared mapping: they can be read at any time, and survive the process.
bool OpenCounters(const char* name) {
  const size_t size = static_cast<size_t>(kOpCount) * kCounterLine;
  const long fd = syscall(SYS_openat, AT_FDCWD, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0 || syscall(SYS_ftruncate, fd, size) != 0) return false;
  void* mapped = reinterpret_cast<void*>(
      syscall(SYS_mmap, nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
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
  const char* root = Setting("SLUICE_FAULTFS_ROOT");
  if (*root == '\0') return;
  if (realpath(root, g_root) == nullptr) BadSetting("SLUICE_FAULTFS_ROOT", root);
  const char* kill = Setting("SLUICE_FAULTFS_KILL");
  if (*kill != '\0' && !ParseKillPoint(kill, &g_kill)) BadSetting("SLUICE_FAULTFS_KILL", kill);
  const char* error = Setting("SLUICE_FAULTFS_SYNC_ERROR");
  if (*error != '\0' && !ParseSyncError(error, &g_sync_error)) {
    BadSetting("SLUICE_FAULTFS_SYNC_ERROR", error);
  }
  g_disk.control_file = Setting("SLUICE_FAULTFS_FULL_FILE");
  g_disk.match = Setting("SLUICE_FAULTFS_FULL_MATCH");
  g_disk.partial = strcmp(Setting("SLUICE_FAULTFS_FULL_PARTIAL"), "1") == 0;
  const char* limit = Setting("SLUICE_FAULTFS_FULL_AFTER");
  g_disk.limited = *limit != '\0';
  if (g_disk.limited && !ParseNumber(limit, &g_disk.limit)) {
    BadSetting("SLUICE_FAULTFS_FULL_AFTER", limit);
  }
  g_count_match = Setting("SLUICE_FAULTFS_COUNT_MATCH");
  pthread_atfork(BeforeFork, AfterFork, AfterFork);
  g_root_size = strlen(g_root);
}

// The files of the layer itself are made by the first process that touches the root, not by each
// process that inherits the environment: a shell on the way would otherwise reset the counters.
void OpenFilesOnce() {
  static bool opened = false;
  if (opened) return;
  opened = true;
  const int saved = errno;
  const char* count = Setting("SLUICE_FAULTFS_COUNT");
  if (*count != '\0' && !OpenCounters(count)) BadSetting("SLUICE_FAULTFS_COUNT", count);
  const char* trace = Setting("SLUICE_FAULTFS_TRACE");
  if (!OpenTrace(trace)) BadSetting("SLUICE_FAULTFS_TRACE", trace);
  errno = saved;
}

bool Asleep() {
  pthread_once(&g_once, Setup);
  return g_root_size == 0;
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
  if (fd < 0) BadSetting("SLUICE_FAULTFS_FULL_FILE", g_disk.control_file);
  syscall(SYS_close, fd);
}

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
