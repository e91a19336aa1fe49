// SPDX-License-Identifier: Apache-2.0
#include "bench/disk_bench.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <malloc.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>

#include "base/clock.h"

namespace sluice {

Result<std::vector<double>> TimeFdatasync(const std::filesystem::path& folder, int count) {
  const std::filesystem::path path = folder / fmt::format("sluice-bench-fdatasync-{}", getpid());
  int fd = open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) {
    return Error(StatusCode::kIo,
                 fmt::format("bench: cannot create {}: {}", path.string(), std::strerror(errno)));
  }
  unlink(path.c_str());
  std::string page(4096, 'x');
  std::vector<double> seconds;
  for (int i = 0; i < count; ++i) {
    TimePoint begin = Now();
    if (write(fd, page.data(), page.size()) != static_cast<ssize_t>(page.size()) ||
        fdatasync(fd) != 0) {
      int error = errno;
      close(fd);
      return Error(StatusCode::kIo,
                   fmt::format("bench: {}: {}", path.string(), std::strerror(error)));
    }
    seconds.push_back(std::chrono::duration<double>(Now() - begin).count());
  }
  close(fd);
  return seconds;
}

uint64_t PeakMemoryBytes() {
  std::ifstream in("/proc/self/status");
  std::string line;
  while (std::getline(in, line)) {
    if (line.rfind("VmHWM:", 0) == 0) return std::stoull(line.substr(6)) * 1024;
  }
  return 0;
}

void ResetPeakMemory() {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << "5";
}

}  // namespace sluice
