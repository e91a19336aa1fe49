// SPDX-License-Identifier: Apache-2.0
//
// The decoders of InputStream, over zlib and zstd.
#include <fmt/core.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "base/check.h"
#include "driver/replay/input_stream.h"

namespace sluice {
namespace {

class GzipDecoder : public Decoder {
 public:
  GzipDecoder() {
    // 16: gzip only, no zlib header; an error would be lack of memory.
    SLUICE_CHECK(inflateInit2(&stream_, 16 + MAX_WBITS) == Z_OK, "zlib cannot be set up");
  }
  ~GzipDecoder() override { inflateEnd(&stream_); }
  GzipDecoder(const GzipDecoder&) = delete;
  GzipDecoder& operator=(const GzipDecoder&) = delete;

  tl::expected<void, std::string> Decode(const char** in, const char* in_end, char** out,
                                         char* out_end) override {
    if (!error_.empty()) return tl::make_unexpected(error_);
    constexpr size_t kMax = std::numeric_limits<uInt>::max();
    while (*out != out_end) {
      if (boundary_ && members_ > 0) {
        if (*in == in_end) return {};
        // Another member follows the one that has ended.
        if (inflateReset(&stream_) != Z_OK) return Fail("zlib cannot begin another member");
      }
      // zlib's pointers are not const for historical reasons; it does not write to its input.
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(*in));
      stream_.avail_in = static_cast<uInt>(std::min(static_cast<size_t>(in_end - *in), kMax));
      stream_.next_out = reinterpret_cast<Bytef*>(*out);
      stream_.avail_out = static_cast<uInt>(std::min(static_cast<size_t>(out_end - *out), kMax));
      const char* in_before = *in;
      const char* out_before = *out;
      int result = inflate(&stream_, Z_NO_FLUSH);
      *in = reinterpret_cast<const char*>(stream_.next_in);
      *out = reinterpret_cast<char*>(stream_.next_out);
      boundary_ = result == Z_STREAM_END;
      if (boundary_) {
        ++members_;
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        return Fail(
            fmt::format("this is not gzip ({})", stream_.msg != nullptr ? stream_.msg : "damaged"));
      } else if (*in == in_before && *out == out_before) {
        return {};  // needs more input
      }
    }
    return {};
  }

  bool at_boundary() const override { return boundary_; }

 private:
  tl::unexpected<std::string> Fail(std::string text) {
    error_ = std::move(text);
    return tl::make_unexpected(error_);
  }

  z_stream stream_{};
  bool boundary_ = false;
  uint64_t members_ = 0;
  std::string error_;
};

class ZstdDecoder : public Decoder {
 public:
  ZstdDecoder() : context_(ZSTD_createDCtx(), &ZSTD_freeDCtx) {
    SLUICE_CHECK(context_ != nullptr, "zstd cannot be set up");
  }

  tl::expected<void, std::string> Decode(const char** in, const char* in_end, char** out,
                                         char* out_end) override {
    if (!error_.empty()) return tl::make_unexpected(error_);
    while (*out != out_end) {
      if (boundary_ && *in == in_end) return {};
      ZSTD_inBuffer input{*in, static_cast<size_t>(in_end - *in), 0};
      ZSTD_outBuffer output{*out, static_cast<size_t>(out_end - *out), 0};
      size_t result = ZSTD_decompressStream(context_.get(), &output, &input);
      *in += input.pos;
      *out += output.pos;
      if (ZSTD_isError(result) != 0) {
        error_ = fmt::format("this is not zstd ({})", ZSTD_getErrorName(result));
        return tl::make_unexpected(error_);
      }
      boundary_ = result == 0;
      if (input.pos == 0 && output.pos == 0) return {};  // needs more input
    }
    return {};
  }

  bool at_boundary() const override { return boundary_; }

 private:
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context_;
  bool boundary_ = false;
  std::string error_;
};

}  // namespace

std::unique_ptr<Decoder> MakeGzipDecoder() { return std::make_unique<GzipDecoder>(); }
std::unique_ptr<Decoder> MakeZstdDecoder() { return std::make_unique<ZstdDecoder>(); }

}  // namespace sluice
