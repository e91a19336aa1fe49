// SPDX-License-Identifier: Apache-2.0
//
// Blocks from a stream as a file sink has written it: for each height the block that it was, with
// its time, its transactions in their order, the failed ones as failed. So a home of the same
// stream that takes them comes to the same digests, which each block carries to be held against.
//
// A block is not exactly what was fed: a `require` that held leaves no trace, and a transaction
// that failed is known by its result alone.
//
// In a home of another stream the digests differ, so each block carries a StreamPosition, and only
// a home that stands where this source has brought it is continued.
//
// Threading: as BlockInput; Open before the first Next.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/status.h"
#include "driver/driver.h"
#include "driver/replay/block_input.h"
#include "driver/replay/replay_position.h"
#include "driver/replay/stop_signal.h"
#include "model/change_set.h"

namespace sluice_file {
class StreamReader;
struct Entry;
}  // namespace sluice_file

namespace sluice {

// A folder, or a file that begins as a segment does or is called like one. Never "-", which is
// standard input.
bool IsStoredStream(const std::string& path);

// Called as a segment is, <first height, 20 digits>.seg.
bool HasSegmentName(const std::string& path);

class StreamInput : public BlockInput {
 public:
  // `source`: the name under which positions are recorded. `stop` is borrowed.
  StreamInput(std::string path, std::string source, const DriverStart& start,
              const StopSignal* stop);
  ~StreamInput() override;

  // Finds the files and the recorded position, and goes past files that hold only what is skipped.
  // kNotFound: there is no segment. kInvalid: it holds lines, or is a segment without its name.
  // kIo. Errors of the position's store.
  Status Open();

  // kInvalid: heights are missing, a store is unknown, the stream is filtered, or it is of another
  // history than the home, or of another stream while the home's heights are not this source's.
  // kCorruption: it is damaged, or its end is torn. Each with file and offset.
  Result<std::optional<ReadBlock>> Next() override;

  // Files that are not read for being below the start count as read and their heights as skipped.
  DriverProgress progress() const override;

 private:
  void CountBytes(const sluice_file::Entry& entry);
  Status BeginFile(const sluice_file::Entry& entry);
  // Of another stream than the home's, which has heights: they must be this source's.
  Status CheckPosition(const sluice_file::Entry& entry) const;
  Status Skip(const sluice_file::Entry& entry);
  Result<ReadBlock> Take(const sluice_file::Entry& entry);
  Status CheckStores(const sluice_file::Entry& entry, const ChangeSet& changes) const;
  // `digest` is what the stream has at the height at which the home stood.
  Status CheckSameHistory(const sluice_file::Entry& entry, const Digest& digest) const;
  // Why there are no more entries: nothing is wrong, or what is.
  Status AtEnd() const;
  // `what` is wrong with the entry that was read last, or with its bytes.
  Status InvalidAt(const sluice_file::Entry& entry, const std::string& what) const;
  Status DamageAt(const sluice_file::Entry& entry, const std::string& what) const;

  // Set in the constructor.
  const std::string path_;
  const std::string source_;
  const DriverStart start_;
  const StopSignal* const stop_;

  // Touched by Open, then by Next only.
  std::unique_ptr<sluice_file::StreamReader> reader_;
  std::optional<StreamPosition> position_;  // that the home has of this source
  size_t current_file_ = 0;                 // of the reader's
  uint64_t file_begins_at_ = 0;             // bytes of the files before it
  bool begun_ = false;                      // an entry was read
  bool same_stream_ = true;                 // the home's; known once begun
  Height last_height_;                      // handed over; before that the start

  std::atomic<uint64_t> bytes_read_{0};
  std::atomic<uint64_t> bytes_total_{0};
  std::atomic<uint64_t> blocks_skipped_{0};
};

}  // namespace sluice
