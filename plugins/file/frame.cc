// SPDX-License-Identifier: Apache-2.0
#include "file/frame.h"

#include <cstring>

#include "file/crc32c.h"
#include "file/little_endian.h"

namespace sluice_file {
namespace {

constexpr size_t kCrcSize = 4;

std::string_view AsView(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

Digest ReadDigest(std::string_view bytes) {
  Digest digest;
  std::memcpy(digest.data(), bytes.data(), digest.size());
  return digest;
}

}  // namespace

void AppendSegmentHeader(const SegmentHeader& header, std::string* out) {
  const size_t start = out->size();
  out->append(kSegmentMagic);
  AppendLittle<uint32_t>(kSegmentVersion, out);
  AppendLittle<uint64_t>(header.first_height, out);
  AppendLittle<uint16_t>(static_cast<uint16_t>(header.stream.size()), out);
  AppendLittle<uint16_t>(static_cast<uint16_t>(header.sink.size()), out);
  out->append(header.stream);
  out->append(header.sink);
  AppendLittle<uint32_t>(Crc32c(std::string_view(*out).substr(start)), out);
}

size_t SegmentHeaderSize(std::string_view fixed) {
  return kSegmentHeaderFixed + ReadLittle<uint16_t>(fixed, 20) + ReadLittle<uint16_t>(fixed, 22) +
         kCrcSize;
}

std::string DecodeSegmentHeader(std::string_view bytes, SegmentHeader* header) {
  if (bytes.substr(0, kSegmentMagic.size()) != kSegmentMagic) {
    return "not a segment: its first bytes are not " + std::string(kSegmentMagic);
  }
  const size_t crc_at = bytes.size() - kCrcSize;
  if (ReadLittle<uint32_t>(bytes, crc_at) != Crc32c(bytes.substr(0, crc_at))) {
    return "the checksum of the segment's header does not hold";
  }
  const uint32_t version = ReadLittle<uint32_t>(bytes, 8);
  if (version != kSegmentVersion) {
    return "segment of format version " + std::to_string(version) +
           "; this program reads version " + std::to_string(kSegmentVersion);
  }
  header->first_height = ReadLittle<uint64_t>(bytes, 12);
  const size_t stream_size = ReadLittle<uint16_t>(bytes, 20);
  const size_t sink_size = ReadLittle<uint16_t>(bytes, 22);
  header->stream = bytes.substr(kSegmentHeaderFixed, stream_size);
  header->sink = bytes.substr(kSegmentHeaderFixed + stream_size, sink_size);
  return {};
}

void AppendFrame(const Frame& frame, std::string* out) {
  const size_t start = out->size();
  AppendLittle<uint32_t>(static_cast<uint32_t>(kFrameFields + frame.bytes.size()), out);
  AppendLittle<uint32_t>(0, out);  // the checksum, below
  out->push_back(static_cast<char>(frame.kind));
  out->push_back(static_cast<char>(frame.flags));
  AppendLittle<uint16_t>(0, out);
  AppendLittle<uint64_t>(frame.epoch, out);
  AppendLittle<uint64_t>(frame.height, out);
  out->append(AsView(frame.previous_digest));
  out->append(AsView(frame.digest));
  out->append(frame.bytes);
  const uint32_t crc = Crc32c(std::string_view(*out).substr(start + kFramePrefix));
  WriteLittle<uint32_t>(crc, out->data() + start + 4);
}

uint64_t FrameSize(std::string_view prefix) {
  return kFramePrefix + uint64_t{ReadLittle<uint32_t>(prefix, 0)};
}

std::string DecodeFrame(std::string_view bytes, Frame* frame) {
  if (bytes.size() < kFrameHead || FrameSize(bytes) != bytes.size()) {
    return "the frame's length is not right";
  }
  if (ReadLittle<uint32_t>(bytes, 4) != Crc32c(bytes.substr(kFramePrefix))) {
    return "the frame's checksum does not hold";
  }
  frame->kind = static_cast<FrameKind>(bytes[8]);
  frame->flags = static_cast<uint8_t>(bytes[9]);
  frame->epoch = ReadLittle<uint64_t>(bytes, 12);
  frame->height = ReadLittle<uint64_t>(bytes, 20);
  frame->previous_digest = ReadDigest(bytes.substr(28));
  frame->digest = ReadDigest(bytes.substr(60));
  frame->bytes = bytes.substr(kFrameHead);
  return {};
}

std::string EncodeSegmentLink(const SegmentLink& link) {
  std::string out;
  AppendLittle<uint64_t>(link.previous_first_height, &out);
  AppendLittle<uint64_t>(link.previous_size, &out);
  return out;
}

bool DecodeSegmentLink(std::string_view bytes, SegmentLink* link) {
  if (bytes.size() < 16) return false;  // longer: a later version added something
  link->previous_first_height = ReadLittle<uint64_t>(bytes, 0);
  link->previous_size = ReadLittle<uint64_t>(bytes, 8);
  return true;
}

std::string EncodeSnapshotSummary(const SnapshotSummary& summary) {
  std::string out;
  AppendLittle<uint64_t>(summary.rows, &out);
  AppendLittle<int64_t>(summary.time_unix_nanos, &out);
  return out;
}

bool DecodeSnapshotSummary(std::string_view bytes, SnapshotSummary* summary) {
  if (bytes.size() < 16) return false;  // longer: a later version added something
  summary->rows = ReadLittle<uint64_t>(bytes, 0);
  summary->time_unix_nanos = ReadLittle<int64_t>(bytes, 8);
  return true;
}

}  // namespace sluice_file
