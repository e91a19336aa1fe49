// SPDX-License-Identifier: Apache-2.0
//
// A small stream to deliver: heights with changes, canonical bytes in the real encoding, real
// digests. Threading: values.
#pragma once

#include <cstdint>
#include <map>
#include <sluice/plugin.hpp>
#include <string>
#include <utility>
#include <vector>

#include "file/frame.h"

namespace sluice_file::testing {

struct TestChange {
  bool is_delete = false;
  std::string store;
  std::string key;
  std::string value;
  bool has_old_value = false;
  std::string old_value;

  friend bool operator==(const TestChange&, const TestChange&) = default;
};

struct TestHeight {
  uint64_t height = 0;
  Digest previous_digest{};
  Digest digest{};
  std::string canonical;
  std::vector<TestChange> changes;
};

// Values by store and key.
using Rows = std::map<std::pair<std::string, std::string>, std::string>;

// digest(0) of the stream.
Digest GenesisDigest(const std::string& stream);

class StreamContent {
 public:
  explicit StreamContent(std::string stream = "demo");

  // The next height: `changes`, chained to the one before.
  const TestHeight& Add(std::vector<TestChange> changes);
  // `count` heights of a few changes each, the same ones for the same seed.
  void AddMany(uint64_t count, uint64_t seed, size_t max_value_bytes = 40);

  const std::string& stream() const { return stream_; }
  uint64_t last() const { return heights_.size(); }
  const TestHeight& at(uint64_t height) const { return heights_[height - 1]; }
  Digest digest(uint64_t height) const;
  // The state after `height`.
  Rows RowsAt(uint64_t height) const;

 private:
  const std::string stream_;
  std::vector<TestHeight> heights_;
};

}  // namespace sluice_file::testing
