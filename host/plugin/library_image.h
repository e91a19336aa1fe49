// SPDX-License-Identifier: Apache-2.0
//
// The bytes of a library in memory, sealed: what is hashed and checked is what is loaded, whatever
// happens to the file meanwhile; and a file replaced at the same path is a new library.
//
// Threading: one thread. Ownership: owns a descriptor. KeepForever gives it up to the process:
// glibc keys libraries on their path, so a descriptor that is closed and reused silently gives the
// old one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/status.h"

namespace sluice {

struct FileFacts {
  uint64_t size = 0;  // bytes
  uint32_t mode = 0;  // permission bits
  uint32_t owner = 0;
};

class LibraryImage {
 public:
  // Copies the regular file at `path`. kPlugin, with a text that names no file: missing, not
  // regular, unreadable, world-writable, owned by neither root nor this process' user.
  static Result<LibraryImage> Copy(const std::filesystem::path& path);

  LibraryImage(LibraryImage&& other) noexcept;
  LibraryImage& operator=(LibraryImage&&) = delete;
  ~LibraryImage();

  const FileFacts& file() const { return file_; }
  std::string_view bytes() const { return {static_cast<const char*>(map_), file_.size}; }

  // /proc/<pid>/fd/<n>. Not /proc/self: debuggers and symbolisers resolve it as their own.
  std::filesystem::path load_path() const;
  // From now on the descriptor stays open for the life of the process.
  void KeepForever() { owned_ = false; }

 private:
  LibraryImage() = default;

  FileFacts file_;
  int descriptor_ = -1;
  void* map_ = nullptr;
  bool owned_ = true;
};

}  // namespace sluice
