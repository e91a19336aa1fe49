// SPDX-License-Identifier: Apache-2.0
//
// The files of a stream in their folder: `<first height, 20 digits>.seg` or `.jsonl`. Twenty digits
// hold any height, so that names sort as heights do. Threading: pure functions over the file
// system.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "file/fault.h"
#include "file/file_reader.h"

namespace sluice_file {

struct StreamFile {
  std::filesystem::path path;
  uint64_t first_height = 0;
  uint64_t bytes = 0;
};

std::string_view ExtensionOf(Format format);  // ".seg", ".jsonl"

std::filesystem::path StreamFilePath(const std::filesystem::path& folder, uint64_t first_height,
                                     Format format);

// From the file's name; 0 where the name is not of that form.
uint64_t FirstHeightOf(const std::filesystem::path& path);

// The files of the one format that the folder holds, in order; *format is left alone where there is
// none. Files with other names are not looked at. A folder with both formats is a fault.
Fault ListStreamFiles(const std::filesystem::path& folder, Format* format,
                      std::vector<StreamFile>* files);

}  // namespace sluice_file
