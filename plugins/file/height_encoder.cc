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

void AppendVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>((value & 0x7F) | 0x80));
  out->push_back(static_cast<char>(value));
}

size_t VarintSize(uint64_t value) {
  size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

// A field of protobuf's wire type 2.
void AppendBytes(char tag, std::string_view bytes, std::string* out) {
  out->push_back(tag);
  AppendVarint(bytes.size(), out);
  out->append(bytes);
}

size_t BytesSize(std::string_view bytes) { return 1 + VarintSize(bytes.size()) + bytes.size(); }

// Rows as a sluice.stream.v1.ChangeSet of sets: whoever reads heights reads them.
void AppendRows(std::string_view stream, uint64_t height, const sluice::sdk::SnapshotPart& part,
                std::string* out) {
  AppendBytes('\x0a', stream, out);
  out->push_back('\x10');
  AppendVarint(height, out);
  for (uint64_t i = 0; i < part.size(); ++i) {
    const sluice_row& row = part.row(i);
    const size_t size =
        2 + BytesSize(View(row.store)) + BytesSize(View(row.key)) + BytesSize(View(row.value));
    out->push_back('\x22');
    AppendVarint(size, out);
    out->append("\x18\x01", 2);  // op = set
    AppendBytes('\x22', View(row.store), out);
    AppendBytes('\x2a', View(row.key), out);
    AppendBytes('\x32', View(row.value), out);
  }
}

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

  void AppendSnapshotBegin(const SnapshotStart& start, std::string* out) override {
    AppendSegmentHeader({start.at.height, stream_, sink_}, out);
    const std::string bytes = EncodeSnapshotSummary({start.rows_about, start.time_unix_nanos});
    AppendFrame(SnapshotFrame(FrameKind::kSnapshotBegin, start, bytes), out);
  }

  void AppendSnapshotPart(const SnapshotStart& start, const sluice::sdk::SnapshotPart& part,
                          std::string* out) override {
    rows_.clear();
    AppendRows(stream_, start.at.height, part, &rows_);
    Frame frame = SnapshotFrame(FrameKind::kSnapshotPart, start, rows_);
    if (zstd_ && compressor_.Compress(frame.bytes, &compressed_)) {
      frame.flags |= kFrameZstd;
      frame.bytes = compressed_;
    }
    AppendFrame(frame, out);
  }

  void AppendSnapshotEnd(const SnapshotStart& start, uint64_t rows, std::string* out) override {
    const std::string bytes = EncodeSnapshotSummary({rows, start.time_unix_nanos});
    AppendFrame(SnapshotFrame(FrameKind::kSnapshotEnd, start, bytes), out);
  }

 private:
  static Frame SnapshotFrame(FrameKind kind, const SnapshotStart& start, std::string_view bytes) {
    Frame frame;
    frame.kind = kind;
    frame.flags = start.filtered ? kFrameFiltered : uint8_t{0};
    frame.epoch = start.at.epoch;
    frame.height = start.at.height;
    frame.previous_digest = frame.digest = start.at.digest;
    frame.bytes = bytes;
    return frame;
  }

  const std::string stream_;
  const std::string sink_;
  const bool zstd_;
  Compressor compressor_;
  std::string compressed_;
  std::string rows_;
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

  void AppendSnapshotBegin(const SnapshotStart& start, std::string* out) override {
    AppendSnapshotLine(start, SnapshotLine::kBegin, 0, out);
  }

  void AppendSnapshotPart(const SnapshotStart& start, const sluice::sdk::SnapshotPart& part,
                          std::string* out) override {
    for (uint64_t i = 0; i < part.size(); ++i) {
      const sluice_row& row = part.row(i);
      AppendRowLine(stream_, start.at.height, View(row.store), View(row.key), View(row.value), out);
    }
  }

  void AppendSnapshotEnd(const SnapshotStart& start, uint64_t rows, std::string* out) override {
    AppendSnapshotLine(start, SnapshotLine::kEnd, rows, out);
  }

 private:
  void AppendSnapshotLine(const SnapshotStart& start, SnapshotLine kind, uint64_t rows,
                          std::string* out) const {
    ClosingLine line;
    line.stream = stream_;
    line.height = start.at.height;
    line.epoch = start.at.epoch;
    line.changes = rows;
    line.digest = start.at.digest;
    line.filtered = start.filtered;
    line.snapshot = kind;
    AppendClosingLine(line, out);
  }

  const std::string stream_;
};

}  // namespace

std::unique_ptr<HeightEncoder> MakeHeightEncoder(const Settings& settings, std::string stream,
                                                 std::string sink) {
  if (settings.format == Format::kJsonl) return std::make_unique<JsonlEncoder>(std::move(stream));
  return std::make_unique<SegmentEncoder>(std::move(stream), std::move(sink), settings.zstd);
}

}  // namespace sluice_file
