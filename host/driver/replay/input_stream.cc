// SPDX-License-Identifier: Apache-2.0
#include "driver/replay/input_stream.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace sluice {
namespace {

constexpr size_t kRawBytes = 256 << 10;

constexpr std::string_view kGzipMagic = "\x1f\x8b";
constexpr std::string_view kZstdMagic = "\x28\xb5\x2f\xfd";
// A zstd file may begin with a skippable frame: 0x184D2A50 to 0x184D2A5F, little-endian.
constexpr std::string_view kZstdSkippableTail = "\x2a\x4d\x18";

bool IsZstd(std::string_view head) {
  return head.starts_with(kZstdMagic) || (head.size() >= 4 && (head[0] & '\xf0') == '\x50' &&
                                          head.substr(1, 3) == kZstdSkippableTail);
}

// True where more bytes could still make a magic of `head`.
bool MayBecomeMagic(std::string_view head) {
  if (head.empty()) return true;
  if (head.size() >= 4) return false;
  return kGzipMagic.starts_with(head) || kZstdMagic.starts_with(head) ||
         ((head[0] & '\xf0') == '\x50' && kZstdSkippableTail.starts_with(head.substr(1)));
}

}  // namespace

InputStream::InputStream(ByteSource* source) : source_(source), raw_(kRawBytes) {}
InputStream::~InputStream() = default;

Result<ReadResult> InputStream::Read(char* out, size_t capacity) {
  if (!sniffed_) {
    SLUICE_ASSIGN_OR_RETURN(ReadOutcome outcome, Sniff());
    if (outcome != ReadOutcome::kBytes) return ReadResult{outcome, 0};
  }
  return decoder_ ? ReadDecoded(out, capacity) : ReadPlain(out, capacity);
}

Result<ReadOutcome> InputStream::Sniff() {
  std::string_view head;
  while (!source_ended_ && MayBecomeMagic(head)) {
    SLUICE_ASSIGN_OR_RETURN(ReadResult read,
                            source_->Read(raw_.data() + raw_end_, raw_.size() - raw_end_));
    if (read.outcome == ReadOutcome::kEnd) {
      source_ended_ = true;
    } else if (read.outcome != ReadOutcome::kBytes) {
      return read.outcome;
    }
    raw_end_ += read.size;
    head = std::string_view(raw_.data(), raw_end_);
  }
  const std::string& name = source_->display_name();
  if (head.starts_with(kGzipMagic)) {
    decoder_ = MakeGzipDecoder();
  } else if (IsZstd(head)) {
    decoder_ = MakeZstdDecoder();
  } else if (name.ends_with(".gz")) {
    decoder_ = MakeGzipDecoder();
  } else if (name.ends_with(".zst")) {
    decoder_ = MakeZstdDecoder();
  }
  sniffed_ = true;
  return ReadOutcome::kBytes;
}

Result<ReadResult> InputStream::ReadPlain(char* out, size_t capacity) {
  if (raw_begin_ == raw_end_) {
    if (source_ended_) return ReadResult{ReadOutcome::kEnd, 0};
    return source_->Read(out, capacity);
  }
  size_t size = std::min(capacity, raw_end_ - raw_begin_);
  std::memcpy(out, raw_.data() + raw_begin_, size);
  raw_begin_ += size;
  return ReadResult{ReadOutcome::kBytes, size};
}

Result<ReadResult> InputStream::ReadDecoded(char* out, size_t capacity) {
  for (;;) {
    if (raw_begin_ == raw_end_ && !source_ended_ && !decoder_has_more_) {
      SLUICE_ASSIGN_OR_RETURN(ReadResult read, source_->Read(raw_.data(), raw_.size()));
      if (read.outcome == ReadOutcome::kEnd) {
        source_ended_ = true;
      } else if (read.outcome != ReadOutcome::kBytes) {
        return read;
      }
      raw_begin_ = 0;
      raw_end_ = read.size;
    }
    const char* in = raw_.data() + raw_begin_;
    char* end = out;
    auto decoded = decoder_->Decode(&in, raw_.data() + raw_end_, &end, out + capacity);
    raw_begin_ = static_cast<size_t>(in - raw_.data());
    auto size = static_cast<size_t>(end - out);
    decoder_has_more_ = !decoded || size == capacity;
    // Text before the damage first; the decoder says the same again at the next call.
    if (size > 0) return ReadResult{ReadOutcome::kBytes, size};
    uint64_t offset = source_->bytes_read() - (raw_end_ - raw_begin_);
    if (!decoded) {
      return Error(
          StatusCode::kInvalid,
          fmt::format("cannot decompress the input: {}: offset {}: {}; blocks before it are "
                      "taken, replace the file and run again to continue",
                      source_->display_name(), offset, decoded.error()));
    }
    if (source_ended_ && raw_begin_ == raw_end_) {
      if (decoder_->at_boundary()) return ReadResult{ReadOutcome::kEnd, 0};
      return Error(
          StatusCode::kInvalid,
          fmt::format("cannot decompress the input: {}: offset {}: it ends too early; blocks "
                      "before it are taken, get the whole file and run again to continue",
                      source_->display_name(), offset));
    }
  }
}

}  // namespace sluice
