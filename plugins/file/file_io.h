// SPDX-License-Identifier: Apache-2.0
//
// The few system calls that a stream's files need, with errors that name the file.
// Threading: functions are safe on different descriptors. Ownership: UniqueFd closes what it holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "file/fault.h"

namespace sluice_file {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      Reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~UniqueFd() { Reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void Reset();

 private:
  int fd_ = -1;
};

// A Fault for errno `error`: "cannot <what> <path>: <reason>; <what to do>".
Fault SystemFault(const std::string& what, const std::filesystem::path& path, int error);

Fault OpenForReading(const std::filesystem::path& path, UniqueFd* fd);
Fault FileSize(int fd, const std::filesystem::path& path, uint64_t* size);

// Reads up to `size` bytes at `offset`; fewer only at the end of the file. *got: how many.
Fault ReadAt(int fd, const std::filesystem::path& path, uint64_t offset, char* out, size_t size,
             size_t* got);

// Writes all of `bytes` at `offset`. After a fault any part of it may stand in the file.
Fault WriteAt(int fd, const std::filesystem::path& path, uint64_t offset, std::string_view bytes);

Fault SyncData(int fd, const std::filesystem::path& path);
Fault Truncate(int fd, const std::filesystem::path& path, uint64_t size);

// Makes creations and deletions in the folder durable.
Fault SyncFolder(const std::filesystem::path& folder);

// Creates the folder and those above it that are missing, durably.
Fault CreateFolder(const std::filesystem::path& folder);

}  // namespace sluice_file
