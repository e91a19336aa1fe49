// SPDX-License-Identifier: Apache-2.0
//
// The file sink's settings: their parsed form (settings_schema.h has the rows that the host
// checks). Threading: values.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "file/fault.h"
#include "file/file_reader.h"

namespace sluice_file {

struct Settings {
  std::filesystem::path folder;  // absolute
  Format format = Format::kSegments;
  bool fsync = true;
  uint64_t rotate_bytes = 64 * 1024 * 1024;  // 0: never by size
  uint64_t rotate_interval_ms = 0;           // 0: never by age
  uint64_t retain_bytes = 0;                 // 0: keep all
  uint64_t retain_blocks = 0;                // 0: keep all
  bool zstd = false;
};

// `text`: JSON, completed by the host (durations in milliseconds, sizes in bytes). A relative path
// is taken from `home`.
Fault ParseSettings(std::string_view text, std::string_view home, Settings* settings);

}  // namespace sluice_file
