// SPDX-License-Identifier: Apache-2.0
//
// Writes a stream into its folder: heights are appended to the last file in groups that share one
// fdatasync; files are begun, rotated and deleted.
//
// Two positions: `appended` counts what is in memory too, `synced` what may be acked. After any
// fault appended() is back at synced(): what was in between is dropped and must be delivered again.
//
// What is on the disk after a crash at any system call: whole files, each tied to the next; the
// last one may end in a torn group, or hold nothing whole. Recovery (recovery.h) deals with both.
//
// Threading: one thread at a time. Ownership: the last file's descriptor.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <sluice/plugin.hpp>
#include <string>
#include <vector>

#include "file/fault.h"
#include "file/height_encoder.h"
#include "file/recovery.h"
#include "file/settings.h"
#include "file/synced_file.h"

namespace sluice_file {

class StreamWriter {
 public:
  // Goes on from what Recover found. With `fsync` all of it is durable on return: a process that
  // was killed may have left heights that were written and never synced, and no one can tell. A
  // snapshot is durable from the moment it has its name.
  static Fault Open(const Settings& settings, std::unique_ptr<HeightEncoder> encoder,
                    LogFunction log, Recovered recovered, std::unique_ptr<StreamWriter>* writer);

  // False while the stream has no beginning: nothing is stored and StartAt was not called.
  bool has_position() const { return has_position_; }
  const Position& appended() const { return appended_; }
  const Position& synced() const { return synced_; }
  // Of a height up to appended(), or null where it is not remembered.
  const Digest* FindDigest(uint64_t height) const { return recent_.Find(height); }
  uint64_t buffered_bytes() const { return file_ == nullptr ? 0 : file_->buffered_bytes(); }

  // A new base: base.height + 1 comes next. Genesis (height 0) needs no record; any other base is
  // durable on return.
  Fault StartAt(const Position& base);

  // Appends the batch's height, which must be appended().height + 1. It is in memory afterwards; an
  // earlier group may have been synced, where a new file was begun.
  Fault Append(const sluice::sdk::Batch& batch);

  // Makes everything appended synced.
  Fault Flush();

  // Compares the last stored entry with what was written: says where the sink stands by the disk,
  // not by memory.
  Fault CheckLastEntry();

 private:
  StreamWriter(const Settings& settings, std::unique_ptr<HeightEncoder> encoder, LogFunction log)
      : settings_(settings), encoder_(std::move(encoder)), log_(std::move(log)) {}

  // Before anything is appended: cuts, closes or removes what a fault has left.
  Fault Mend();
  Fault FlushFile(bool sync);
  void Drop();
  bool MustRotate(const sluice::sdk::Batch& batch) const;
  Fault BeginFile(const FileStart& start);
  FileStart NextStart() const;
  Fault RemoveLastFile();
  void Retain();

  const Settings settings_;
  const std::unique_ptr<HeightEncoder> encoder_;
  const LogFunction log_;

  bool has_position_ = false;
  Position appended_;
  Position synced_;
  RecentDigests recent_;

  std::vector<StreamFile> files_;     // the last one is file_, where that is open
  std::unique_ptr<SyncedFile> file_;  // null: the next height begins a file
  FileStart start_;                   // of file_; and, where file_ was removed, of its successor
  bool start_pending_ = false;        // start_ is to be written again: its file was removed
  bool file_has_heights_ = false;     // synced ones
  bool folder_dirty_ = false;         // a creation or deletion is not known to be durable
  std::chrono::system_clock::time_point created_;
  uint64_t last_entry_offset_ = 0;  // in file_
  uint64_t buffered_entry_offset_ = 0;
  uint32_t last_entry_crc_ = 0;
};

}  // namespace sluice_file
