// SPDX-License-Identifier: Apache-2.0
//
// The files of a stream in their folder: `<first height, 20 digits>.seg` or `.jsonl`. Twenty digits
// hold any height, so that names sort as heights do. A snapshot's file is named by its own height.
//
// A snapshot that is being taken is in `<name>.building`, which counts for nothing. Once it is
// whole and durable it is renamed to `<name>.done`, and that one step puts it in the place of all
// other files: from then on they count for nothing. What is left is to delete them and to take
// ".done" off the name, by whoever took it or by the next start. Threading: pure functions over the
// file system.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
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

// From the file's name, also where ".done" is behind it; 0 where the name is not of that form.
uint64_t FirstHeightOf(const std::filesystem::path& path);
std::optional<Format> FormatOf(const std::filesystem::path& path);

std::filesystem::path BuildingPath(const std::filesystem::path& file);
std::filesystem::path DonePath(const std::filesystem::path& file);

// Puts a snapshot that is done into its place, and deletes one that was never finished. `done`:
// whether there was one. May be repeated after a crash at any point of it. Durable on return.
Fault SettleSnapshot(const std::filesystem::path& folder, bool* done, bool* unfinished);

// The files of the one format that the folder holds, in order; *format is left alone where there is
// none. Files with other names are not looked at. A folder with both formats is a fault. Where a
// snapshot is done and not in its place yet, it is the only one.
Fault ListStreamFiles(const std::filesystem::path& folder, Format* format,
                      std::vector<StreamFile>* files);

}  // namespace sluice_file
