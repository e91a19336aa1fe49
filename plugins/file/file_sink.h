// SPDX-License-Identifier: Apache-2.0
//
// The sink that ships as plugin "file": keeps a stream in files, FORMAT.md says how.
//
// clang-format off
// reset      deletes the stream's files; FENCE stays, with the epoch of the reset
// start      takes the lock on FENCE, refuses an epoch not above the stored one, then recovers the files
// attach     raises the epoch in FENCE durably; begins the stream at a base
// snapshot   raises the epoch too; writes a file beside the others, which takes their place with its end
// deliver    appends; heights that wait share one fdatasync, and one ack follows it
// clang-format on
//
// Threading: as the SDK says; no thread of its own. Ownership: lock, files; all are closed by
// destruction.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <sluice/plugin.hpp>
#include <string>

#include "file/fence.h"
#include "file/settings.h"
#include "file/snapshot_writer.h"
#include "file/stream_reader.h"
#include "file/stream_writer.h"

namespace sluice_file {

class FileSink {
 public:
  explicit FileSink(sluice::sdk::Host host) : host_(host) {}

  sluice::sdk::Status Reset(const sluice::sdk::StartArgs& args);
  sluice::sdk::Status Start(const sluice::sdk::StartArgs& args, sluice::sdk::StartResult* result);
  sluice::sdk::Status Resume(sluice::sdk::Position* position);
  sluice::sdk::Status Attach(const sluice::sdk::AttachArgs& args);
  sluice::sdk::Status BeginSnapshot(const sluice::sdk::SnapshotArgs& args);
  sluice::sdk::Status TakeSnapshotPart(const sluice::sdk::SnapshotPart& part);
  sluice::sdk::Status EndSnapshot();
  sluice::sdk::Status Deliver(const sluice::sdk::Batch& batch);
  sluice::sdk::Status Drain(std::chrono::nanoseconds deadline);
  sluice::sdk::Status OpenReadback(const sluice::sdk::ReadbackArgs& args,
                                   sluice::sdk::ReadbackInfo* info,
                                   std::unique_ptr<sluice::sdk::ReadbackCursor>* cursor);

 private:
  struct InFlight {
    uint64_t height;
    uint64_t attempt;
  };

  Fault Open(Recovered recovered);
  // What a snapshot has left that was interrupted.
  Fault SettleFolder();
  void Log(int32_t level, std::string_view text) const { host_.Log(level, text); }
  Fault CheckFence(const sluice::sdk::StartArgs& args);
  bool foreign() const { return !found_stream_.empty() && found_stream_ != stream_; }
  sluice::sdk::Status CheckBatch(const sluice::sdk::Batch& batch) const;
  // A height that the sink holds already.
  sluice::sdk::Status DeliverAgain(const sluice::sdk::Batch& batch);
  Fault DigestOf(uint64_t height, Digest* digest, bool* known);
  // Syncs the group when nothing more is to come at once, or it is large.
  sluice::sdk::Status EndGroup(const sluice::sdk::Batch& batch);
  // Tells the host about what was synced, and about what a fault has dropped before `height`.
  void AckSynced();
  sluice::sdk::Status Dropped(const Fault& fault, uint64_t height);

  const sluice::sdk::Host host_;

  // Set by Start.
  Settings settings_;
  std::string stream_;
  std::string sink_;
  uint64_t epoch_ = 0;
  uint64_t reset_epoch_ = 0;  // of the reset before, where there was one: FENCE holds it
  int32_t level_ = SLUICE_LEVEL_RECEIVED;
  Fence fence_;
  std::string found_stream_;  // what the folder says; empty where it says nothing
  Recovered foreign_;         // where the folder is another stream's
  std::unique_ptr<StreamWriter> writer_;
  bool attached_ = false;
  std::unique_ptr<HeightEncoder> snapshot_encoder_;
  std::unique_ptr<SnapshotWriter> snapshot_;  // the copy under way

  // The delivery thread's.
  std::deque<InFlight> in_flight_;             // appended, not acked; ascending
  std::unique_ptr<StreamReader> old_heights_;  // looks up digests that are no longer remembered
  uint64_t old_height_ = 0;
};

}  // namespace sluice_file
