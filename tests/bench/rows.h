// SPDX-License-Identifier: Apache-2.0
//
// The rows that a baseline writes, from a file that `sink_bench rows` has made: the same that the
// node gets as blocks. Little-endian:
//   file  uint32 blocks, uint32 rows a block, then each row
//   row   uint32 length of the key, key, uint32 length of the value, value
// Nothing of Sluice is used here. Threading: none of its own. Ownership: the rows point into the
// file's bytes.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace bench_baseline {

struct Row {
  std::string_view key;
  std::string_view value;
};

struct Rows {
  std::string bytes;
  uint32_t blocks = 0;
  uint32_t rows_per_block = 0;
  std::vector<Row> rows;
};

[[noreturn]] inline void Fail(const std::string& text) {
  std::fprintf(stderr, "%s\n", text.c_str());
  std::exit(1);
}

inline Rows ReadRows(const std::string& path) {
  Rows out;
  std::ifstream in(path, std::ios::binary);
  out.bytes.assign(std::istreambuf_iterator<char>(in), {});
  size_t at = 0;
  const auto number = [&] {
    uint32_t value = 0;
    if (at + sizeof(value) > out.bytes.size()) Fail(path + ": is cut off");
    std::memcpy(&value, out.bytes.data() + at, sizeof(value));
    at += sizeof(value);
    return value;
  };
  const auto text = [&] {
    const uint32_t size = number();
    if (at + size > out.bytes.size()) Fail(path + ": is cut off");
    at += size;
    return std::string_view(out.bytes).substr(at - size, size);
  };
  out.blocks = number();
  out.rows_per_block = number();
  const size_t count = size_t{out.blocks} * out.rows_per_block;
  out.rows.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const std::string_view key = text();
    out.rows.push_back({key, text()});
  }
  return out;
}

}  // namespace bench_baseline
