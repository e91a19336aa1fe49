// SPDX-License-Identifier: Apache-2.0
#include "file/compression.h"

#include <zstd.h>

#include <cstdint>

namespace sluice_file {
namespace {
constexpr int kLevel = 1;  // the disk is the bottleneck, not the ratio
// A stored size beyond this is not believed before memory is taken for it.
constexpr uint64_t kMaxContentBytes = uint64_t{4} << 30;
}  // namespace

struct Compressor::Context {
  ZSTD_CCtx* raw = ZSTD_createCCtx();
  ~Context() { ZSTD_freeCCtx(raw); }
};

Compressor::Compressor() : context_(std::make_unique<Context>()) {}
Compressor::~Compressor() = default;

bool Compressor::Compress(std::string_view bytes, std::string* out) {
  if (context_->raw == nullptr) return false;
  out->resize(ZSTD_compressBound(bytes.size()));
  const size_t size = ZSTD_compressCCtx(context_->raw, out->data(), out->size(), bytes.data(),
                                        bytes.size(), kLevel);
  if (ZSTD_isError(size) != 0 || size >= bytes.size()) return false;
  out->resize(size);
  return true;
}

std::string Uncompress(std::string_view bytes, std::string* out) {
  const unsigned long long size = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
  if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR ||
      size > kMaxContentBytes) {
    return "the compressed bytes do not say how long their content is";
  }
  out->resize(size);
  const size_t got = ZSTD_decompress(out->data(), out->size(), bytes.data(), bytes.size());
  if (ZSTD_isError(got) != 0) {
    return std::string("the compressed bytes cannot be read: ") + ZSTD_getErrorName(got);
  }
  return got == size ? std::string() : "the compressed bytes are shorter than they say";
}

}  // namespace sluice_file
