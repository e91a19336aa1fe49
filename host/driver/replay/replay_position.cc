// SPDX-License-Identifier: Apache-2.0
//
// position := version(0x01) kind lines hash
//   kind    one byte, SourceKind
//   lines   8 bytes, big-endian
//   hash    32 bytes
// position := version(0x01) 0x03 height digest stream
//   height  8 bytes, big-endian
//   digest  32 bytes
//   stream  the stream's id, to the end
#include "driver/replay/replay_position.h"

#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/check.h"

namespace sluice {
namespace {
constexpr char kVersion = 1;
constexpr char kStreamKind = 3;  // beside the SourceKinds
constexpr size_t kNumberAt = 2;
constexpr size_t kDigestAt = kNumberAt + 8;
constexpr size_t kDigestSize = sizeof(Digest::bytes);
constexpr size_t kSize = kDigestAt + kDigestSize;
}  // namespace

std::string EncodeReplayPosition(const ReplayPosition& position) {
  std::string out;
  out.reserve(kSize);
  out.push_back(kVersion);
  out.push_back(static_cast<char>(position.kind));
  AppendBigEndian64(&out, position.lines);
  out.append(position.hash.view());
  return out;
}

std::optional<ReplayPosition> DecodeReplayPosition(std::string_view state) {
  if (state.size() != kSize || state[0] != kVersion) return std::nullopt;
  ReplayPosition position;
  position.kind = static_cast<SourceKind>(state[1]);
  if (position.kind != SourceKind::kBlocks && position.kind != SourceKind::kLines) {
    return std::nullopt;
  }
  position.lines = ReadBigEndian64(state.substr(kNumberAt, 8));
  position.hash = *Digest::FromBytes(state.substr(kDigestAt));
  return position;
}

std::string EncodeStreamPosition(const StreamPosition& position) {
  std::string out;
  out.reserve(kSize + position.stream_id.size());
  out.push_back(kVersion);
  out.push_back(kStreamKind);
  AppendBigEndian64(&out, position.height.value());
  out.append(position.digest.view());
  out.append(position.stream_id);
  return out;
}

std::optional<StreamPosition> DecodeStreamPosition(std::string_view state) {
  if (state.size() <= kSize || state[0] != kVersion || state[1] != kStreamKind) return std::nullopt;
  StreamPosition position;
  position.height = Height(ReadBigEndian64(state.substr(kNumberAt, 8)));
  position.digest = *Digest::FromBytes(state.substr(kDigestAt, kDigestSize));
  position.stream_id = state.substr(kSize);
  return position;
}

struct LineHash::Context {
  EVP_MD_CTX* running = EVP_MD_CTX_new();
  EVP_MD_CTX* copy = EVP_MD_CTX_new();
  ~Context() {
    EVP_MD_CTX_free(running);
    EVP_MD_CTX_free(copy);
  }
};

LineHash::LineHash() : context_(std::make_unique<Context>()) {
  SLUICE_CHECK(EVP_DigestInit_ex(context_->running, EVP_sha256(), nullptr) == 1,
               "OpenSSL has no SHA-256");
}
LineHash::~LineHash() = default;

void LineHash::Add(std::string_view line) {
  // Where the terminator is a line feed, as in nearly every input, line and "\n" are hashed at
  // once. The reader sees to it that a terminator stands behind every line.
  bool line_feed_follows = line.data()[line.size()] == '\n';
  bool ok = EVP_DigestUpdate(context_->running, line.data(),
                             line.size() + (line_feed_follows ? 1 : 0)) == 1;
  if (!line_feed_follows) ok = ok && EVP_DigestUpdate(context_->running, "\n", 1) == 1;
  SLUICE_CHECK(ok, "SHA-256 update failed");
}

Digest LineHash::Current() {
  Digest digest;
  bool ok = EVP_MD_CTX_copy_ex(context_->copy, context_->running) == 1 &&
            EVP_DigestFinal_ex(context_->copy, digest.bytes.data(), nullptr) == 1;
  SLUICE_CHECK(ok, "SHA-256 final failed");
  return digest;
}

}  // namespace sluice
