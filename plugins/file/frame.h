// SPDX-License-Identifier: Apache-2.0
//
// The bytes of a segment: FORMAT.md has the grammar and a worked example. All integers
// little-endian.
//
//   segment = header frame*
//   header  = "SLUICSEG" version:u32 first_height:u64 stream_size:u16 sink_size:u16 stream sink
//   crc:u32
//             crc = CRC-32C of all before it
//   frame   = length:u32 crc:u32 kind:u8 flags:u8 zero:u16 epoch:u64 height:u64
//             previous_digest:32 digest:32 bytes
//             length counts, and crc covers, all that follows the crc
//
// The first frame of a segment is a base or a gap: it says where the segment starts, and which file
// stood before it, so that a segment can be read alone and a missing or shortened neighbour is
// found at once. Or it begins a snapshot, which is then all that the segment holds.
//
// Threading: pure functions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice_file {

using Digest = std::array<uint8_t, 32>;

inline constexpr std::string_view kSegmentMagic = "SLUICSEG";
inline constexpr uint32_t kSegmentVersion = 1;
inline constexpr size_t kSegmentHeaderFixed = 24;  // bytes before the stream's name
inline constexpr size_t kFramePrefix = 8;          // length and crc
inline constexpr size_t kFrameFields = 84;  // kind … digest; the least that `length` can be
inline constexpr size_t kFrameHead = kFramePrefix + kFrameFields;

enum class FrameKind : uint8_t {
  kChanges = 1,  // bytes: the canonical bytes of the height
  kPart = 2,     // reserved: a piece of a height
  kBase = 3,     // height, digest: the next frame is height + 1; bytes: SegmentLink
  kGap = 4,      // like base, but heights before it were skipped by the operator's choice
  kSnapshotBegin =
      5,  // the state after `height` follows; bytes: SnapshotSummary, the rows as expected
  kSnapshotPart = 6,  // bytes: rows, as a ChangeSet of sets
  kSnapshotEnd = 7,   // bytes: SnapshotSummary
};

inline constexpr uint8_t kFrameFiltered = 1;   // bytes hold only what passed the sink's filter
inline constexpr uint8_t kFrameSkippable = 2;  // a reader that does not know the kind goes on
inline constexpr uint8_t kFrameZstd = 4;  // bytes are one zstd frame that states its content's size

struct SegmentHeader {
  uint64_t first_height = 0;
  std::string stream;
  std::string sink;
};

struct Frame {
  FrameKind kind = FrameKind::kChanges;
  uint8_t flags = 0;
  uint64_t epoch = 0;
  uint64_t height = 0;
  Digest previous_digest{};
  Digest digest{};
  std::string_view bytes;
};

// The bytes of a base or gap frame: the segment before this one, as it was when this one was begun.
struct SegmentLink {
  uint64_t previous_first_height = 0;  // its name; 0: this is the first
  uint64_t previous_size = 0;          // in bytes
};

// The bytes of a frame that begins or ends a snapshot.
struct SnapshotSummary {
  uint64_t rows = 0;
  int64_t time_unix_nanos = 0;  // when the copy began
};

void AppendSegmentHeader(const SegmentHeader& header, std::string* out);

// The size of the header whose first kSegmentHeaderFixed bytes are given.
size_t SegmentHeaderSize(std::string_view fixed);

// What is wrong with the header, or nothing. `bytes` is the whole header.
std::string DecodeSegmentHeader(std::string_view bytes, SegmentHeader* header);

void AppendFrame(const Frame& frame, std::string* out);

// Size of the whole frame as its length says; `prefix` holds kFramePrefix bytes.
uint64_t FrameSize(std::string_view prefix);

// What is wrong with the frame, or nothing. `bytes` is the whole frame; frame->bytes points into
// it.
std::string DecodeFrame(std::string_view bytes, Frame* frame);

std::string EncodeSegmentLink(const SegmentLink& link);
bool DecodeSegmentLink(std::string_view bytes, SegmentLink* link);

std::string EncodeSnapshotSummary(const SnapshotSummary& summary);
bool DecodeSnapshotSummary(std::string_view bytes, SnapshotSummary* summary);

}  // namespace sluice_file
