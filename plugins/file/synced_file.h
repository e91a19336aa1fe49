// SPDX-License-Identifier: Apache-2.0
//
// One file that grows by groups: bytes are collected in memory, written and synced together, and
// what is not known to be on the disk is cut off again before anything else is appended.
//
// Why so strict. After a short write the file ends in half a group. After a failed fdatasync nobody
// knows what reached the disk, and the kernel may have dropped the dirty pages and forgotten the
// error: writing on and syncing again would "succeed" over a hole. So a failed write is cut away,
// and after a failed fdatasync the file is also *retired*: it is not written any more.
//
// Threading: delivery thread. Ownership: the descriptor.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "file/fault.h"
#include "file/file_io.h"

namespace sluice_file {

class SyncedFile {
 public:
  // Fails where the file exists. The folder is not synced here.
  static Fault Create(const std::filesystem::path& path, std::unique_ptr<SyncedFile>* file);
  // `bytes`: its size, all of it known to be good.
  static Fault Open(const std::filesystem::path& path, uint64_t bytes,
                    std::unique_ptr<SyncedFile>* file);

  const std::filesystem::path& path() const { return path_; }
  uint64_t synced_bytes() const { return synced_bytes_; }
  // Append the next group's bytes here.
  std::string* buffer() { return &buffer_; }
  uint64_t buffered_bytes() const { return buffer_.size(); }

  // Writes the buffer; with `sync`, fdatasync. On a fault the buffer is dropped and the file is cut
  // back to synced_bytes(), now or by a later call of Mend.
  Fault Flush(bool sync);

  // Forgets what is in the buffer only.
  void DropBuffer() { buffer_.clear(); }

  // fdatasync of what the file holds already. After a fault the bytes are also let go of in memory,
  // so that whoever reads the file next reads what the disk has.
  Fault Sync();

  // Cuts off what a failed Flush left. OK where nothing is left to cut.
  Fault Mend();

  // An fdatasync has failed: to be closed once it is mended.
  bool retired() const { return retired_; }

  // Reads back the bytes from `offset` to synced_bytes(); what is there, not what is remembered.
  Fault ReadTail(uint64_t offset, std::string* bytes) const;

 private:
  SyncedFile(std::filesystem::path path, UniqueFd fd, uint64_t bytes)
      : path_(std::move(path)), fd_(std::move(fd)), synced_bytes_(bytes) {}

  const std::filesystem::path path_;
  UniqueFd fd_;
  uint64_t synced_bytes_;
  std::string buffer_;
  bool needs_cut_ = false;
  bool retired_ = false;
};

}  // namespace sluice_file
