// SPDX-License-Identifier: Apache-2.0
#include "base/file_system.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>
#include <vector>

namespace sluice {
namespace fs = std::filesystem;
namespace {

Status SystemError(std::string_view what, const fs::path& path, int error) {
  const bool full = error == ENOSPC || error == EDQUOT;
  return {full ? StatusCode::kNoSpace : StatusCode::kIo,
          fmt::format("cannot {} {}: {}; {}", what, path.string(),
                      std::generic_category().message(error),
                      full ? "free space" : "check the disk and who may write there")};
}

// Without a slash at its end, and in one form, so that paths compare.
fs::path Plain(const fs::path& path) { return (path / "").lexically_normal().parent_path(); }

}  // namespace

Status CreateFoldersDurably(const fs::path& path, const fs::path& home) {
  const fs::path top = Plain(home);
  std::error_code error;
  std::vector<fs::path> folders;  // the lowest first
  bool is_below_home = true;
  for (fs::path folder = Plain(path); folder.has_relative_path(); folder = folder.parent_path()) {
    is_below_home = is_below_home && folder != top;
    if (!is_below_home && fs::is_directory(folder, error)) break;
    folders.push_back(folder);
  }
  for (; !folders.empty(); folders.pop_back()) {
    const fs::path& folder = folders.back();
    if (::mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST) {
      return SystemError("create the folder", folder, errno);
    }
    if (!fs::is_directory(folder, error)) return SystemError("use as a folder", folder, ENOTDIR);
    const fs::path parent = folder.parent_path();
    SLUICE_RETURN_IF_ERROR(SyncToDisk(parent.empty() ? fs::path(".") : parent));
  }
  return Status::Ok();
}

Status SyncToDisk(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return SystemError("open", path, errno);
  const int failed = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  return failed == 0 ? Status::Ok() : SystemError("sync", path, failed);
}

}  // namespace sluice
