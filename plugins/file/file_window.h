// SPDX-License-Identifier: Apache-2.0
//
// A window over a file, moved forward as it is read: bounded memory, few system calls.
// Threading: one thread. Lifetime: a view is valid until the next call of Get.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "file/fault.h"
#include "file/file_io.h"

namespace sluice_file {

class FileWindow {
 public:
  Fault Open(const std::filesystem::path& path);

  // As it was at Open.
  uint64_t file_bytes() const { return file_bytes_; }

  // The bytes from `offset` on: `size` of them, or fewer where the file ends before.
  Fault Get(uint64_t offset, uint64_t size, std::string_view* bytes);

 private:
  std::filesystem::path path_;
  UniqueFd fd_;
  uint64_t file_bytes_ = 0;
  std::string buffer_;
  uint64_t buffer_offset_ = 0;
};

}  // namespace sluice_file
