// SPDX-License-Identifier: Apache-2.0
//
// The stored bytes of an input: a file, a file that grows, a pipe, standard input.
//
// Threading: Open and Read on one thread at a time; bytes_read, bytes_total from any.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/status.h"
#include "driver/replay/stop_signal.h"

namespace sluice {

enum class ReadOutcome {
  kBytes,    // at least one byte
  kEnd,      // there will be no more
  kQuiet,    // follow only: none for the quiet time; there may be more
  kStopped,  // the stop signal is set
};

struct ReadResult {
  ReadOutcome outcome = ReadOutcome::kEnd;
  size_t size = 0;
};

class ByteSource {
 public:
  // `path`: "-" is standard input. `quiet`: see ReadOutcome::kQuiet. `stop` is borrowed.
  ByteSource(std::string path, bool follow, std::chrono::milliseconds quiet,
             const StopSignal* stop);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  // kNotFound where there is no such file; kIo.
  Status Open();

  // Waits for bytes and reads up to `capacity` of them. kInvalid: a followed file has shrunk or was
  // replaced. kIo.
  Result<ReadResult> Read(char* out, size_t capacity);

  // A file with an end, not a pipe or terminal. After Open.
  bool is_regular_file() const { return regular_; }
  // For error texts.
  const std::string& display_name() const { return display_name_; }
  uint64_t bytes_read() const { return bytes_read_.load(std::memory_order_relaxed); }
  // 0: not known.
  uint64_t bytes_total() const { return bytes_total_.load(std::memory_order_relaxed); }

 private:
  Result<ReadResult> ReadRegular(char* out, size_t capacity);
  Result<ReadResult> ReadPolled(char* out, size_t capacity);
  Status CheckUnchanged() const;
  Status ReadError() const;

  const std::string path_;
  const std::string display_name_;
  const bool follow_;
  const std::chrono::milliseconds quiet_;
  const StopSignal* const stop_;

  int fd_ = -1;
  bool owns_fd_ = false;
  bool regular_ = false;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::atomic<uint64_t> bytes_read_{0};
  std::atomic<uint64_t> bytes_total_{0};
};

}  // namespace sluice
