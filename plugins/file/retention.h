// SPDX-License-Identifier: Apache-2.0
//
// Which files retention deletes. Threading: a pure function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "file/stream_folder.h"

namespace sluice_file {

// How many of the oldest files go: while all together are larger than `retain_bytes`, or while at
// least `retain_blocks` heights remain without the oldest (each 0: no such limit). Never the last
// file.
inline size_t FilesToDelete(const std::vector<StreamFile>& files, uint64_t last_height,
                            uint64_t retain_bytes, uint64_t retain_blocks) {
  uint64_t bytes = 0;
  for (const StreamFile& file : files) bytes += file.bytes;
  size_t count = 0;
  while (count + 1 < files.size()) {
    const uint64_t next = files[count + 1].first_height;
    const uint64_t remaining = last_height >= next ? last_height - next + 1 : 0;
    const bool too_large = retain_bytes != 0 && bytes > retain_bytes;
    const bool too_many = retain_blocks != 0 && remaining >= retain_blocks;
    if (!too_large && !too_many) break;
    bytes -= files[count].bytes;
    ++count;
  }
  return count;
}

}  // namespace sluice_file
