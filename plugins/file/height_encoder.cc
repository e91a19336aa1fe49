// SPDX-License-Identifier: Apache-2.0
#include "file/height_encoder.h"

#include <utility>

#include "file/abi_digest.h"
#include "file/compression.h"
#include "file/jsonl_line.h"

namespace sluice_file {
namespace {

using sluice::sdk::Batch;
using sluice::sdk::View;

class SegmentEncoder : public HeightEncoder {
 public:
  SegmentEncoder(std::string stream, std::string sink, bool zstd)
      : stream_(std::move(stream)), sink_(std::move(sink)), zstd_(zstd) {}

  void AppendFileStart(const FileStart& start, std::string* out) override {
    AppendSegmentHeader({start.base.height + 1, stream_, sink_}, out);
    const std::string link = EncodeSegmentLink(start.link);
    Frame frame;
    frame.kind = start.is_gap ? FrameKind::kGap : FrameKind::kBase;
    frame.epoch = start.base.epoch;
    frame.height = start.base.height;
    frame.previous_digest = start.before_digest;
    frame.digest = start.base.digest;
    frame.bytes = link;
    AppendFrame(frame, out);
  }

  void AppendHeight(const Batch& batch, std::string* out) override {
    Frame frame;
    frame.flags = batch.filtered() ? kFrameFiltered : uint8_t{0};
    frame.epoch = batch.epoch();
    frame.height = batch.height();
    frame.previous_digest = ToDigest(batch.previous_digest());
    frame.digest = ToDigest(batch.digest());
    frame.bytes = batch.canonical();
    if (zstd_ && compressor_.Compress(frame.bytes, &compressed_)) {
      frame.flags |= kFrameZstd;
      frame.bytes = compressed_;
    }
    AppendFrame(frame, out);
  }

 private:
  const std::string stream_;
  const std::string sink_;
  const bool zstd_;
  Compressor compressor_;
  std::string compressed_;
};

class JsonlEncoder : public HeightEncoder {
 public:
  explicit JsonlEncoder(std::string stream) : stream_(std::move(stream)) {}

  // A file that simply goes on, or begins at genesis, needs no line that says so.
  void AppendFileStart(const FileStart& start, std::string* out) override {
    const bool goes_on = !start.is_gap && start.link.previous_first_height != 0;
    if (start.base.height == 0 || goes_on) return;
    ClosingLine line;
    line.stream = stream_;
    line.height = start.base.height;
    line.epoch = start.base.epoch;
    line.digest = start.base.digest;
    line.is_base = true;
    AppendClosingLine(line, out);
  }

  void AppendHeight(const Batch& batch, std::string* out) override {
    ClosingLine closing;
    closing.stream = stream_;
    closing.height = batch.height();
    closing.epoch = batch.epoch();
    closing.digest = ToDigest(batch.digest());
    closing.filtered = batch.filtered();
    for (const sluice_change& change : batch.changes()) {
      if (change.kind != SLUICE_CHANGE_SET && change.kind != SLUICE_CHANGE_DELETE) continue;
      const bool has_old_value = (change.flags & SLUICE_CHANGE_HAS_OLD_VALUE) != 0;
      AppendChangeLine(
          stream_, batch.height(),
          {change.kind == SLUICE_CHANGE_DELETE, has_old_value, change.transaction, change.sequence,
           View(change.store), View(change.key), View(change.value), View(change.old_value)},
          out);
      ++closing.changes;
    }
    AppendClosingLine(closing, out);
  }

 private:
  const std::string stream_;
};

}  // namespace

std::unique_ptr<HeightEncoder> MakeHeightEncoder(const Settings& settings, std::string stream,
                                                 std::string sink) {
  if (settings.format == Format::kJsonl) return std::make_unique<JsonlEncoder>(std::move(stream));
  return std::make_unique<SegmentEncoder>(std::move(stream), std::move(sink), settings.zstd);
}

}  // namespace sluice_file
