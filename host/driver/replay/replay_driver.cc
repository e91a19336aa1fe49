// SPDX-License-Identifier: Apache-2.0
#include "driver/replay/replay_driver.h"

#include <fmt/core.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "base/check.h"
#include "driver/replay/block_input.h"
#include "driver/replay/block_reader.h"
#include "driver/replay/byte_source.h"
#include "driver/replay/input_stream.h"
#include "driver/replay/line_reader.h"
#include "driver/replay/stop_signal.h"
#include "driver/replay/stream_input.h"

namespace sluice {
namespace {

std::string SourceName(const ReplayOptions& options) {
  if (!options.source.empty()) return options.source;
  if (options.path == "-") return options.path;
  std::error_code error;
  std::filesystem::path path = std::filesystem::absolute(options.path, error).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();  // a folder, with a slash behind its name
  if (HasSegmentName(path.string())) path = path.parent_path();
  return path.filename().string();
}

}  // namespace

class ReplayDriver::Impl {
 public:
  explicit Impl(ReplayOptions options)
      : options_(std::move(options)),
        source_(SourceName(options_)),
        bytes_(options_.path, options_.follow, options_.follow_quiet, &stop_),
        text_(&bytes_) {}

  ~Impl() {
    Stop();
    if (thread_.joinable()) thread_.join();
  }

  Status Begin(const DriverStart& start) {
    SLUICE_CHECK(blocks_ == nullptr, "Begin is called once");
    if (options_.block_txs == 0 || options_.block_max_bytes == 0) {
      return Status(StatusCode::kConfiguration,
                    "block_txs and block_max_bytes of [driver.replay] must be at least 1");
    }
    const bool is_stream = IsStoredStream(options_.path);
    SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<BlockInput> blocks,
                            is_stream ? OpenStream(start) : OpenLines(start));
    {
      std::lock_guard lock(mutex_);
      blocks_ = std::move(blocks);
    }
    thread_ = std::thread([this] { ReadAhead(); });
    return Status::Ok();
  }

  Result<std::optional<Block>> Next() {
    std::unique_lock lock(mutex_);
    SLUICE_CHECK(blocks_ != nullptr, "Next is called after Begin");
    not_empty_.wait(lock, [&] { return !queue_.empty() || ended_ || stop_.is_set(); });
    if (stop_.is_set()) return std::optional<Block>();
    if (queue_.empty()) {
      if (!error_.ok()) return Error(error_);
      return std::optional<Block>();
    }
    ReadBlock read = std::move(queue_.front());
    queue_.pop_front();
    queued_bytes_ -= read.input_bytes;
    lock.unlock();
    not_full_.notify_one();
    return std::optional<Block>(std::move(read.block));
  }

  void Stop() {
    stop_.Set();
    // Taken and given back, so that nobody who has just looked at the signal misses the
    // notification.
    { std::lock_guard lock(mutex_); }
    not_empty_.notify_all();
    not_full_.notify_all();
  }

  DriverProgress progress() const {
    std::lock_guard lock(mutex_);
    return blocks_ == nullptr ? DriverProgress() : blocks_->progress();
  }

  const std::string& source() const { return source_; }

 private:
  using OpenedInput = Result<std::unique_ptr<BlockInput>>;

  OpenedInput OpenLines(const DriverStart& start) {
    SLUICE_RETURN_IF_ERROR(bytes_.Open());
    lines_ = std::make_unique<LineReader>(&text_, bytes_.display_name(), options_.block_max_bytes);
    auto blocks = std::make_unique<BlockReader>(lines_.get(), &bytes_, options_, source_, start);
    if (start.find_position) {
      SLUICE_ASSIGN_OR_RETURN(std::optional<DriverPosition> position, start.find_position(source_));
      if (position) {
        SLUICE_RETURN_IF_ERROR(blocks->Resume(position->state, bytes_.is_regular_file()));
      }
    }
    return OpenedInput(std::move(blocks));
  }

  OpenedInput OpenStream(const DriverStart& start) {
    if (options_.follow) {
      return Error(StatusCode::kConfiguration,
                   fmt::format("driver.replay.follow: {}: a stream that a file sink has written is "
                               "read to its end and not followed; set follow = false, or use "
                               "`sluice replay`",
                               options_.path));
    }
    auto stream = std::make_unique<StreamInput>(options_.path, source_, start, &stop_);
    SLUICE_RETURN_IF_ERROR(stream->Open());
    return OpenedInput(std::move(stream));
  }

  void ReadAhead() {
    for (;;) {
      Result<std::optional<ReadBlock>> read = blocks_->Next();
      std::unique_lock lock(mutex_);
      if (!read || !*read) {
        if (!read) error_ = std::move(read).error();
        ended_ = true;
        not_empty_.notify_all();
        return;
      }
      // One block is always let in, however long it is.
      not_full_.wait(lock, [&] {
        return stop_.is_set() || queue_.empty() ||
               (queue_.size() < options_.queue_blocks &&
                queued_bytes_ + (*read)->input_bytes <= options_.queue_bytes);
      });
      if (stop_.is_set()) return;
      queued_bytes_ += (*read)->input_bytes;
      queue_.push_back(std::move(**read));
      lock.unlock();
      not_empty_.notify_one();
    }
  }

  // Set in the constructor.
  const ReplayOptions options_;
  const std::string source_;
  StopSignal stop_;

  // Touched by Begin, then by the reading thread only (their counters by any).
  ByteSource bytes_;
  InputStream text_;
  std::unique_ptr<LineReader> lines_;

  mutable std::mutex mutex_;
  std::condition_variable not_empty_;
  std::condition_variable not_full_;
  // Guarded by mutex_.
  std::unique_ptr<BlockInput> blocks_;  // the pointer only; set once, by Begin
  std::deque<ReadBlock> queue_;
  size_t queued_bytes_ = 0;
  bool ended_ = false;
  Status error_;  // why it ended

  std::thread thread_;
};

ReplayDriver::ReplayDriver(ReplayOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}
ReplayDriver::~ReplayDriver() = default;

const std::string& ReplayDriver::source() const { return impl_->source(); }
Status ReplayDriver::Begin(const DriverStart& start) { return impl_->Begin(start); }
Result<std::optional<Block>> ReplayDriver::Next() { return impl_->Next(); }
void ReplayDriver::Stop() { impl_->Stop(); }
DriverProgress ReplayDriver::progress() const { return impl_->progress(); }

}  // namespace sluice
