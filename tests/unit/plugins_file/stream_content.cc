// SPDX-License-Identifier: Apache-2.0
#include "unit/plugins_file/stream_content.h"

#include <openssl/sha.h>

#include <random>
#include <utility>

namespace sluice_file::testing {
namespace {

void Varint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}

void Number(uint32_t field, uint64_t value, std::string* out) {
  if (value == 0) return;
  Varint(field << 3, out);
  Varint(value, out);
}

void Bytes(uint32_t field, const std::string& bytes, std::string* out) {
  Varint(field << 3 | 2, out);
  Varint(bytes.size(), out);
  out->append(bytes);
}

std::string Canonical(const std::string& stream, const TestHeight& height) {
  std::string out;
  Bytes(1, stream, &out);
  Number(2, height.height, &out);
  for (size_t i = 0; i < height.changes.size(); ++i) {
    const TestChange& change = height.changes[i];
    std::string one;
    Number(1, i / 2, &one);
    Number(2, i, &one);
    Number(3, change.is_delete ? 2 : 1, &one);
    Bytes(4, change.store, &one);
    Bytes(5, change.key, &one);
    if (!change.is_delete) Bytes(6, change.value, &one);
    Bytes(4, one, &out);
  }
  return out;
}

Digest Sha256(const std::string& bytes) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return digest;
}

}  // namespace

Digest GenesisDigest(const std::string& stream) { return Sha256("sluice.stream.v1:" + stream); }

StreamContent::StreamContent(std::string stream) : stream_(std::move(stream)) {}

Digest StreamContent::digest(uint64_t height) const {
  return height == 0 ? GenesisDigest(stream_) : at(height).digest;
}

const TestHeight& StreamContent::Add(std::vector<TestChange> changes) {
  TestHeight next;
  next.height = last() + 1;
  next.previous_digest = digest(last());
  next.changes = std::move(changes);
  next.canonical = Canonical(stream_, next);
  next.digest = Sha256(std::string(next.previous_digest.begin(), next.previous_digest.end()) +
                       next.canonical);
  heights_.push_back(std::move(next));
  return heights_.back();
}

void StreamContent::AddMany(uint64_t count, uint64_t seed, size_t max_value_bytes) {
  std::mt19937_64 random(seed);
  for (uint64_t i = 0; i < count; ++i) {
    std::vector<TestChange> changes(random() % 4);
    for (TestChange& change : changes) {
      change.is_delete = random() % 4 == 0;
      change.store = random() % 2 == 0 ? "orders" : "stock";
      change.key = "k-" + std::to_string(random() % 20);
      if (change.is_delete) continue;
      change.value.resize(random() % (max_value_bytes + 1));
      for (char& c : change.value) c = static_cast<char>(random());
    }
    Add(std::move(changes));
  }
}

Rows StreamContent::RowsAt(uint64_t height) const {
  Rows rows;
  for (uint64_t h = 1; h <= height; ++h) {
    for (const TestChange& change : at(h).changes) {
      if (change.is_delete) {
        rows.erase({change.store, change.key});
      } else {
        rows[{change.store, change.key}] = change.value;
      }
    }
  }
  return rows;
}

}  // namespace sluice_file::testing
