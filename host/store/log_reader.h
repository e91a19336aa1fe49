// SPDX-License-Identifier: Apache-2.0
//
// Reads a RocksDB log file past a bad place, which RocksDB's own reader does not, to find out what
// the bad place is: what a power cut left of a write that was never synced, or damage.
//
// The file (RocksDB: db/log_format.h, and "Write Ahead Log File Format" in its wiki) is a row of
// blocks of 32 KiB, each a row of records; no record crosses a block's end, and fewer than 7 bytes
// there are left zero:
//
//   record  := crc (fixed32) length (fixed16) type (1 byte) payload (length bytes)
//   crc     := masked CRC-32C of type and payload
//   type    := 1 full | 2 first | 3 middle | 4 last      fragments of one batch
//            | 0, with length 0: allocated, never written
//            | 5 to 8: the same in a recycled file, with the log's number; not used by this program
//   batch   := sequence (fixed64) count (fixed32) operations
//
// Numbers are little-endian. Threading: one thread. Ownership: owns the open file.
#pragma once

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace sluice {

class LogReader {
 public:
  enum class Found { kBatch, kBad, kEnd };

  struct Bad {
    uint64_t offset = 0;  // in the file: where the batch begins that cannot be read
    // What is there looks as an unfinished write does: the file ends within it, or a sector of it
    // is all zero, as one is that was never written. Bytes that were changed do not look so, unless
    // the batch also holds a sector of zeros of its own.
    bool torn = false;
    bool file_ends = false;  // that is how it is torn
    std::string what;
  };

  // kNotFound where there is no such file; kIo.
  static Result<LogReader> Open(const std::string& path);

  // The next whole batch. Says kBad once, at the first bad place; from there on it looks for
  // whatever batches are still whole, and passes over the rest, in about the time that reading
  // whole batches takes. kIo: the file cannot be read.
  Result<Found> Next();

  // Of the last kBatch. The bytes are good until the next call.
  std::string_view batch() const { return batch_; }
  uint64_t sequence() const;
  uint32_t count() const;
  uint64_t batch_offset() const { return batch_offset_; }
  // False: found after the bad place by trying every byte of its block. So it may be part of a
  // value that holds whole records.
  bool in_place() const { return batch_in_place_; }
  // Of the kBad.
  const Bad& bad() const { return bad_; }
  uint64_t size() const { return size_; }  // of the file, in bytes, as it was when it was opened

 private:
  // What stands at at_.
  enum class Record { kGood, kBad, kBlockEnd, kFileEnd };

  LogReader(std::string path, std::ifstream file, uint64_t size);

  Status ReadBlock(uint64_t number);
  Result<Record> ReadRecord();
  void PassOver();
  std::string_view Rest() const;  // of the block
  static bool ChecksumFits(std::string_view record, size_t length);
  static std::optional<size_t> RightLength(std::string_view record);
  bool MayBeginBatch() const;
  Result<bool> OnlyZerosFrom(uint64_t offset);
  // Whether `length` bytes from at_ on, all within the block, look like an unfinished write.
  Result<bool> LooksTorn(size_t length);
  Record BadRecord(bool torn, std::string_view what);
  Record FileEndsWithin(std::string_view what);
  uint64_t at_in_file() const;

  std::string path_;
  std::ifstream file_;
  uint64_t size_;
  uint64_t block_number_ = 0;
  std::string block_;
  size_t at_ = 0;  // in block_
  // The record that ReadRecord found.
  int type_ = 0;
  std::string_view payload_;
  std::optional<size_t> next_at_;  // in block_: where the record after a bad one begins, if known
  bool unfinished_ = false;        // the first fragments of a batch are in batch_
  std::string batch_;
  uint64_t batch_offset_ = 0;
  bool batch_in_place_ = true;
  std::optional<uint64_t> last_sequence_;
  Bad bad_;
  bool past_bad_ = false;
  uint64_t bad_block_ = 0;  // of the first bad place
  bool in_place_ = true;    // at_ is where RocksDB begins a record
};

}  // namespace sluice
