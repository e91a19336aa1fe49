// SPDX-License-Identifier: Apache-2.0
//
// The text of an input, decompressed where it is gzip or zstd: by its first bytes, else by the
// ending of its name. Members and frames that follow one another are read as one text.
//
// Threading: as ByteSource.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "driver/replay/byte_source.h"

namespace sluice {

// Turns stored bytes into text, as far as both buffers reach.
class Decoder {
 public:
  virtual ~Decoder() = default;
  // Consumes from [*in, in_end), writes to [*out, out_end), advances both. The text of the error
  // says what is wrong with the bytes at *in.
  virtual tl::expected<void, std::string> Decode(const char** in, const char* in_end, char** out,
                                                 char* out_end) = 0;
  // False within a member or frame: an end of the input there means that it was cut off.
  virtual bool at_boundary() const = 0;
};

std::unique_ptr<Decoder> MakeGzipDecoder();
std::unique_ptr<Decoder> MakeZstdDecoder();

class InputStream {
 public:
  // `source` is borrowed and open.
  explicit InputStream(ByteSource* source);
  ~InputStream();

  // As ByteSource::Read, of text. kInvalid besides: compressed bytes that are damaged or cut off,
  // with the offset in the stored file; text before them has been read.
  Result<ReadResult> Read(char* out, size_t capacity);

 private:
  Result<ReadResult> ReadPlain(char* out, size_t capacity);
  Result<ReadResult> ReadDecoded(char* out, size_t capacity);
  // Decides what the input is; an outcome other than kBytes leaves it to be decided.
  Result<ReadOutcome> Sniff();

  ByteSource* const source_;
  std::vector<char> raw_;  // stored bytes
  size_t raw_begin_ = 0;   // of those not yet taken
  size_t raw_end_ = 0;
  bool sniffed_ = false;
  bool source_ended_ = false;
  bool decoder_has_more_ = false;     // without another read
  std::unique_ptr<Decoder> decoder_;  // null: plain
};

}  // namespace sluice
