// SPDX-License-Identifier: Apache-2.0
//
// How far a source has been consumed whose heights say nothing about it: lines without heights, and
// a stream of another id than the home's. What the replay driver puts into a block's
// DriverPosition, and the running hash that it needs for lines.
//
// Threading: plain values; a LineHash belongs to one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/types.h"
#include "model/digest.h"

namespace sluice {

// What kind of lines a source without heights has: they may not be mixed, not even across a
// continuation.
enum class SourceKind : uint8_t { kBlocks = 1, kLines = 2 };

struct ReplayPosition {
  SourceKind kind = SourceKind::kLines;
  uint64_t lines = 0;  // consumed, blank ones counted
  Digest hash;         // SHA-256 over each consumed line, without its terminator, and "\n"

  friend bool operator==(const ReplayPosition&, const ReplayPosition&) = default;
};

std::string EncodeReplayPosition(const ReplayPosition& position);
// Nothing where `state` is not what EncodeReplayPosition of this or an earlier version has written.
std::optional<ReplayPosition> DecodeReplayPosition(std::string_view state);

// Of a stream that goes into a home of another id: the home's own digests, which begin with its id,
// cannot be compared with the stream's.
struct StreamPosition {
  Height height;  // consumed through here
  Digest digest;  // the stream's, at this height
  std::string stream_id;

  friend bool operator==(const StreamPosition&, const StreamPosition&) = default;
};

std::string EncodeStreamPosition(const StreamPosition& position);
// As DecodeReplayPosition.
std::optional<StreamPosition> DecodeStreamPosition(std::string_view state);

// A SHA-256 that can be read in between.
class LineHash {
 public:
  LineHash();
  ~LineHash();
  LineHash(const LineHash&) = delete;
  LineHash& operator=(const LineHash&) = delete;

  void Add(std::string_view line);
  Digest Current();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace sluice
