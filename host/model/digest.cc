// SPDX-License-Identifier: Apache-2.0
#include "model/digest.h"

#include <openssl/evp.h>

#include <cstring>
#include <initializer_list>
#include <memory>

#include "base/bytes.h"
#include "base/check.h"

namespace sluice {
namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

// Looking an algorithm up costs OpenSSL 3 more than hashing a small block, so it is done once.
const EVP_MD* Algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  SLUICE_CHECK(algorithm != nullptr, "OpenSSL offers no SHA-256");
  return algorithm;
}

// The hash of the pieces in a row, without putting them together.
Digest HashPieces(std::initializer_list<std::string_view> pieces) {
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  bool ok = context != nullptr && EVP_DigestInit_ex2(context.get(), Algorithm(), nullptr) == 1;
  for (std::string_view piece : pieces) {
    ok = ok && EVP_DigestUpdate(context.get(), piece.data(), piece.size()) == 1;
  }
  Digest digest;
  ok = ok && EVP_DigestFinal_ex(context.get(), digest.bytes.data(), nullptr) == 1;
  SLUICE_CHECK(ok, "OpenSSL could not compute SHA-256");
  return digest;
}

}  // namespace

std::string Digest::ToHex() const { return sluice::ToHex(view()); }

std::optional<Digest> Digest::FromBytes(std::string_view raw) {
  Digest digest;
  if (raw.size() != digest.bytes.size()) return std::nullopt;
  std::memcpy(digest.bytes.data(), raw.data(), raw.size());
  return digest;
}

Digest GenesisDigest(std::string_view stream_id) {
  return HashPieces({"sluice.stream.v1:", stream_id});
}

Digest NextDigest(const Digest& previous, std::string_view canonical) {
  return HashPieces({previous.view(), canonical});
}

Digest Sha256(std::string_view bytes) { return HashPieces({bytes}); }

}  // namespace sluice
