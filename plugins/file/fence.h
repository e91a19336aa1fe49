// SPDX-License-Identifier: Apache-2.0
//
// The file FENCE in a sink's folder: under its lock, it holds the newest epoch that has written
// there, and keeps older incarnations out.
//
// Two slots of 512 bytes, written in turn, so that a torn write leaves the other one:
//   "SLUICEFN" version:u32 zero:u32 turn:u64 epoch:u64 stream_size:u16 sink_size:u16 stream sink
//   crc:u32
// little-endian; crc is the CRC-32C of all before it. The valid slot with the larger turn counts. A
// slot of zeros was never written.
//
// Threading: control thread. Ownership: holds the lock (flock) while it lives.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "file/fault.h"
#include "file/file_io.h"

namespace sluice_file {

class Fence {
 public:
  // Opens or creates FENCE and takes its lock. kLocked where another process, or another instance
  // of this one, has it. Changes nothing that is stored.
  Fault Take(const std::filesystem::path& folder);

  // Only looks, without the lock and without creating anything; what Take would have found.
  Fault Look(const std::filesystem::path& folder);

  // What the file says; epoch 0 and no names where it was never written.
  uint64_t epoch() const { return epoch_; }
  const std::string& stream() const { return stream_; }
  const std::string& sink() const { return sink_; }
  // Why neither slot can be believed; empty where one can, or none was ever written.
  const std::string& damage() const { return damage_; }

  // Durable when it returns OK.
  Fault Raise(uint64_t epoch, const std::string& stream, const std::string& sink);

 private:
  Fault ReadFile();
  void ReadSlots(const std::string& bytes);

  std::filesystem::path path_;
  UniqueFd fd_;
  uint64_t turn_ = 0;
  uint64_t epoch_ = 0;
  std::string stream_;
  std::string sink_;
  std::string damage_;
};

}  // namespace sluice_file
