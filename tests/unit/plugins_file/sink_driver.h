// SPDX-License-Identifier: Apache-2.0
//
// A very small host: holds one instance of the sink through its C table, records what it says, and
// can behave as the node does (deliver until everything is acked, again from what was nacked).
// Threading: one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <sluice/plugin.hpp>
#include <string>
#include <vector>

#include "unit/plugins_file/stream_content.h"

namespace sluice_file::testing {

// A folder of its own, removed with the object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct Where {
  bool empty = true;
  std::string stream;
  uint64_t epoch = 0;
  uint64_t height = 0;
  Digest digest{};
};

class SinkDriver {
 public:
  // `settings`: members of a JSON object besides path, which is "sink" in `home`.
  explicit SinkDriver(std::filesystem::path home, std::string settings = "",
                      std::string stream = "demo", std::string sink = "audit");
  ~SinkDriver();
  SinkDriver(const SinkDriver&) = delete;
  SinkDriver& operator=(const SinkDriver&) = delete;

  int32_t Reset(uint64_t epoch);
  int32_t Start(uint64_t epoch);
  Where Resume();
  int32_t Attach(int32_t reason, uint64_t height, const Digest& digest);
  // Start, resume, attach (genesis where it is empty): OK, or the first status that is not.
  int32_t Begin(uint64_t epoch, const StreamContent& content);
  // newest 0: the height itself.
  int32_t Deliver(const TestHeight& height, uint64_t newest = 0, uint64_t attempt = 1,
                  uint32_t flags = 0);
  int32_t DeliverRaw(const sluice_batch& batch);
  // A snapshot as of the content's `height`, in parts of `rows_a_part` rows: OK, or the first
  // status that is not. `until_part`: ends before its end, after so many parts.
  int32_t TakeSnapshot(const StreamContent& content, uint64_t height, uint64_t rows_a_part = 3,
                       uint64_t until_part = UINT64_MAX);
  int32_t Drain();
  void Destroy();

  // As the node: every height from acked()+1 through `last`, in groups as large as `window`, again
  // where the sink says RETRY. False where it says anything worse, or after `max_retries`.
  bool DeliverAll(const StreamContent& content, uint64_t last, uint64_t window,
                  int max_retries = 0);

  std::filesystem::path folder() const { return home_ / "sink"; }
  // Files of the stream, by name.
  std::vector<std::filesystem::path> Files() const;

  int32_t level() const { return level_; }
  uint64_t acked() const { return acked_; }
  const std::vector<sluice_ack>& acks() const { return acks_; }
  const std::vector<uint64_t>& nacked() const { return nacked_; }
  const std::string& failure() const { return failure_; }
  const std::vector<std::string>& log() const { return log_; }
  // Called at every ack, at once.
  void set_ack_observer(void (*observer)(uint64_t height)) { ack_observer_ = observer; }

  // Heights that readback gives, in order; sets failure() and ends early on an error.
  struct Readback {
    int32_t status = 0;
    uint32_t flags = 0;
    uint64_t first_height = 0;
    Where position;
    Rows rows;  // of the snapshot that the heights go on behind
    std::map<uint64_t, TestHeight> heights;
  };
  Readback ReadBack(uint64_t last_height = UINT64_MAX);

 private:
  void SetAcked(uint64_t height);

  const std::filesystem::path home_;
  const std::string settings_;
  const std::string stream_;
  const std::string sink_;
  sluice_host host_{};
  const sluice_instance* instance_ = nullptr;
  uint64_t epoch_ = 0;
  int32_t level_ = 0;
  uint64_t acked_ = 0;
  std::vector<sluice_ack> acks_;
  std::vector<uint64_t> nacked_;
  std::string failure_;
  std::vector<std::string> log_;
  void (*ack_observer_)(uint64_t) = nullptr;
};

// Reads back what the sink holds: just the heights first to last, equal to the content's.
void ExpectHolds(SinkDriver* driver, const StreamContent& content, uint64_t first, uint64_t last);
// The same behind a snapshot as of height `first` - 1.
void ExpectHoldsFromSnapshot(SinkDriver* driver, const StreamContent& content, uint64_t first,
                             uint64_t last);

}  // namespace sluice_file::testing
