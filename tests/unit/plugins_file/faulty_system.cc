// SPDX-License-Identifier: Apache-2.0
#include "unit/plugins_file/faulty_system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <utility>
#include <vector>

namespace sluice_file::testing {
namespace fs = std::filesystem;
namespace {

struct State {
  bool watching = false;
  fs::path folder;
  uint64_t calls = 0;
  std::string only;
  uint64_t fail_at = 0;
  int error = 0;
  bool sticky = false;
  uint64_t do_at = 0;
  bool after = false;
  std::function<void()> action;
  // What is on the disk: contents by inode, inodes by name.
  std::map<ino_t, std::string> synced_contents;
  std::map<std::string, ino_t> synced_names;
};

State& Get() {
  static State* state = new State();
  return *state;
}

fs::path PathOf(int fd) {
  char target[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = ::readlink(link.c_str(), target, sizeof(target));
  return size < 0 ? fs::path() : fs::path(std::string(target, static_cast<size_t>(size)));
}

bool Inside(const fs::path& path) {
  const State& state = Get();
  return state.watching && (path == state.folder || path.parent_path() == state.folder);
}

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

ino_t InodeOf(const fs::path& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? info.st_ino : 0;
}

// One call on its way: whether it is to fail, and what happens around it.
class Call {
 public:
  Call(const char* name, const fs::path& path) {
    State& state = Get();
    if (!Inside(path) || (!state.only.empty() && state.only != name)) return;
    number_ = ++state.calls;
    if (number_ == state.do_at && !state.after) Run();
    fails_ = state.fail_at != 0 &&
             (number_ == state.fail_at || (state.sticky && number_ > state.fail_at));
  }
  bool fails() const { return fails_; }
  template <typename T>
  T End(T result) {
    State& state = Get();
    const int error = errno;
    if (number_ != 0 && number_ == state.do_at && state.after) Run();
    errno = error;
    return result;
  }
  int Fail() {
    errno = Get().error;
    return End(-1);
  }

 private:
  static void Run() {
    // The action may use the same calls; they are not counted.
    State& state = Get();
    state.do_at = 0;
    const bool watching = std::exchange(state.watching, false);
    state.action();
    state.watching = watching;
  }

  uint64_t number_ = 0;
  bool fails_ = false;
};

}  // namespace

void FaultySystem::Watch(const fs::path& folder) {
  Get() = State();
  Get().watching = true;
  Get().folder = folder;
}

void FaultySystem::Stop() { Get() = State(); }
void FaultySystem::SetWatching(bool watching) { Get().watching = watching; }
uint64_t FaultySystem::calls() { return Get().calls; }
void FaultySystem::Only(const std::string& name) { Get().only = name; }

void FaultySystem::FailAt(uint64_t nth, int error, bool sticky) {
  Get().fail_at = nth;
  Get().error = error;
  Get().sticky = sticky;
}

void FaultySystem::DoAt(uint64_t nth, bool after, std::function<void()> action) {
  Get().do_at = nth;
  Get().after = after;
  Get().action = std::move(action);
}

void FaultySystem::WriteSurvivors(const fs::path& to, uint64_t lucky) {
  const State& state = Get();
  std::mt19937_64 random(lucky);
  fs::create_directories(to);
  std::map<std::string, ino_t> names = state.synced_names;
  std::map<ino_t, std::string> present;
  for (const auto& entry : fs::directory_iterator(state.folder)) {
    const ino_t inode = InodeOf(entry.path());
    present[inode] = ReadFile(entry.path());
    if (lucky != 0 && random() % 2 == 0) names[entry.path().filename().string()] = inode;
  }
  for (const auto& named : names) {
    const auto synced = state.synced_contents.find(named.second);
    std::string bytes = synced == state.synced_contents.end() ? "" : synced->second;
    const auto now = present.find(named.second);
    const bool longer = now != present.end() && now->second.size() > bytes.size();
    if (lucky != 0 && longer && now->second.compare(0, bytes.size(), bytes) == 0) {
      bytes =
          now->second.substr(0, bytes.size() + random() % (now->second.size() - bytes.size() + 1));
    }
    std::ofstream(to / named.first, std::ios::binary) << bytes;
  }
}

}  // namespace sluice_file::testing

using sluice_file::testing::Call;
using sluice_file::testing::Get;
using sluice_file::testing::InodeOf;
using sluice_file::testing::Inside;
using sluice_file::testing::PathOf;
using sluice_file::testing::ReadFile;

extern "C" {

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  Call call("pwrite", PathOf(fd));
  if (call.fails()) {
    syscall(SYS_pwrite64, fd, bytes, size / 2, offset);
    return call.Fail();
  }
  return call.End(static_cast<ssize_t>(syscall(SYS_pwrite64, fd, bytes, size, offset)));
}

int fdatasync(int fd) {
  const auto path = PathOf(fd);
  Call call("fdatasync", path);
  if (call.fails()) return call.Fail();
  if (Inside(path)) Get().synced_contents[InodeOf(path)] = ReadFile(path);
  return call.End(0);
}

int fsync(int fd) {
  const auto path = PathOf(fd);
  Call call("fsync", path);
  if (call.fails()) return call.Fail();
  if (Inside(path) && path == Get().folder) {
    auto& names = Get().synced_names;
    names.clear();
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      names[entry.path().filename().string()] = InodeOf(entry.path());
    }
  }
  return call.End(0);
}

int ftruncate(int fd, off_t size) noexcept {
  Call call("ftruncate", PathOf(fd));
  if (call.fails()) return call.Fail();
  return call.End(static_cast<int>(syscall(SYS_ftruncate, fd, size)));
}

int unlink(const char* path) noexcept {
  Call call("unlink", path);
  if (call.fails()) return call.Fail();
  return call.End(static_cast<int>(syscall(SYS_unlink, path)));
}

int rename(const char* from, const char* to) noexcept {
  Call call("rename", to);
  if (call.fails()) return call.Fail();
  return call.End(static_cast<int>(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0)));
}

int open(const char* path, int flags, ...) {
  va_list args;
  va_start(args, flags);
  const int mode = (flags & O_CREAT) != 0 ? va_arg(args, int) : 0;
  va_end(args);
  if ((flags & O_EXCL) == 0) {  // only the creation of a stream's file is a step of its own
    return static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
  }
  Call call("open", path);
  if (call.fails()) return call.Fail();
  return call.End(static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode)));
}

}  // extern "C"
