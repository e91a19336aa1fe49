// SPDX-License-Identifier: Apache-2.0
#include "plugin/library_image.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace sluice {
namespace {

// Kernels from 6.3 on want to know whether a memfd may be executed; older headers lack the name.
constexpr unsigned kMemfdExecutable = 0x0010U;

std::string ErrorText(int error) { return std::generic_category().message(error); }

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int get() const { return number_; }

 private:
  int number_;
};

Status CheckOwnerAndMode(const struct stat& info) {
  if (info.st_uid != 0 && info.st_uid != ::geteuid()) {
    return {StatusCode::kPlugin,
            fmt::format("its owner is user {}, who is neither root nor the user that runs the node "
                        "({}): change its owner",
                        info.st_uid, ::geteuid())};
  }
  if ((info.st_mode & S_IWOTH) != 0) {
    return {StatusCode::kPlugin,
            fmt::format("everybody may write to it (mode {:04o}): run chmod o-w on it",
                        info.st_mode & 07777U)};
  }
  return Status::Ok();
}

Status CopyBytes(int from, int to, uint64_t* size) {
  std::vector<char> buffer(1U << 20U);
  *size = 0;
  while (true) {
    const ssize_t got = ::read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return {StatusCode::kPlugin,
              fmt::format("cannot be read ({}): check the disk", ErrorText(errno))};
    }
    if (got == 0) return Status::Ok();
    for (ssize_t done = 0; done < got;) {
      const ssize_t written = ::write(to, buffer.data() + done, static_cast<size_t>(got - done));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) {
        return {
            StatusCode::kPlugin,
            fmt::format("cannot be copied into memory ({}): free some memory", ErrorText(errno))};
      }
      done += written;
    }
    *size += static_cast<uint64_t>(got);
  }
}

}  // namespace

Result<LibraryImage> LibraryImage::Copy(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a pipe must not wait for its other end.
  const Descriptor source(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (source.get() < 0) {
    const int error = errno;
    if (error == ENOENT) {
      return Error(StatusCode::kPlugin, "no such file: install it there, or correct the path");
    }
    return Error(StatusCode::kPlugin,
                 fmt::format("cannot be opened ({}): check owner and mode", ErrorText(error)));
  }
  struct stat info {};
  if (::fstat(source.get(), &info) != 0) {
    return Error(StatusCode::kPlugin,
                 fmt::format("cannot be examined ({}): check the disk", ErrorText(errno)));
  }
  if (!S_ISREG(info.st_mode)) {
    return Error(StatusCode::kPlugin, S_ISDIR(info.st_mode)
                                          ? "is a directory: give the path of the .so file in it"
                                          : "not a regular file: give the path of a .so file");
  }
  SLUICE_RETURN_IF_ERROR(CheckOwnerAndMode(info));

  const std::string name = "sluice-plugin:" + path.filename().string().substr(0, 200);
  int memory = ::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING | kMemfdExecutable);
  if (memory < 0 && errno == EINVAL) {
    memory = ::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING);
  }
  LibraryImage image;
  image.descriptor_ = memory;
  if (memory < 0) {
    return Error(StatusCode::kPlugin,
                 fmt::format("cannot be copied into memory ({}): raise the limit of open files",
                             ErrorText(errno)));
  }
  image.file_.mode = info.st_mode & 07777U;
  image.file_.owner = info.st_uid;
  SLUICE_RETURN_IF_ERROR(CopyBytes(source.get(), memory, &image.file_.size));
  if (::fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
    return Error(StatusCode::kPlugin,
                 fmt::format("its copy in memory cannot be sealed ({}): use a kernel with memfd",
                             ErrorText(errno)));
  }
  if (image.file_.size > 0) {
    void* map = ::mmap(nullptr, image.file_.size, PROT_READ, MAP_PRIVATE, memory, 0);
    if (map == MAP_FAILED) {
      return Error(StatusCode::kPlugin,
                   fmt::format("cannot be mapped ({}): free some memory", ErrorText(errno)));
    }
    image.map_ = map;
  }
  return image;
}

LibraryImage::LibraryImage(LibraryImage&& other) noexcept
    : file_(other.file_),
      descriptor_(std::exchange(other.descriptor_, -1)),
      map_(std::exchange(other.map_, nullptr)),
      owned_(other.owned_) {}

LibraryImage::~LibraryImage() {
  if (map_ != nullptr) ::munmap(map_, file_.size);
  if (owned_ && descriptor_ >= 0) ::close(descriptor_);
}

std::filesystem::path LibraryImage::load_path() const {
  return fmt::format("/proc/{}/fd/{}", ::getpid(), descriptor_);
}

}  // namespace sluice
