// SPDX-License-Identifier: Apache-2.0
#include "file/file_window.h"

#include <algorithm>

namespace sluice_file {
namespace {
constexpr uint64_t kWindowBytes = 256 * 1024;
}  // namespace

Fault FileWindow::Open(const std::filesystem::path& path) {
  path_ = path;
  if (Fault fault = OpenForReading(path, &fd_); !fault.ok()) return fault;
  return FileSize(fd_.get(), path, &file_bytes_);
}

Fault FileWindow::Get(uint64_t offset, uint64_t size, std::string_view* bytes) {
  *bytes = {};
  if (offset >= file_bytes_) return {};
  size = std::min(size, file_bytes_ - offset);
  const bool held = offset >= buffer_offset_ && offset + size <= buffer_offset_ + buffer_.size();
  if (!held) {
    const uint64_t wanted = std::min(std::max(size, kWindowBytes), file_bytes_ - offset);
    buffer_.resize(wanted);
    buffer_offset_ = offset;
    size_t got = 0;
    Fault fault = ReadAt(fd_.get(), path_, offset, buffer_.data(), wanted, &got);
    buffer_.resize(fault.ok() ? got : 0);
    if (!fault.ok()) return fault;
  }
  *bytes = std::string_view(buffer_).substr(offset - buffer_offset_, size);
  return {};
}

}  // namespace sluice_file
