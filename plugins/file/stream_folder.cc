// SPDX-License-Identifier: Apache-2.0
#include "file/stream_folder.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <system_error>

namespace sluice_file {
namespace fs = std::filesystem;
namespace {

constexpr size_t kDigits = 20;

std::optional<Format> FormatOf(const fs::path& path) {
  for (const Format format : {Format::kSegments, Format::kJsonl}) {
    if (path.extension() == ExtensionOf(format)) return format;
  }
  return std::nullopt;
}

}  // namespace

std::string_view ExtensionOf(Format format) {
  return format == Format::kSegments ? ".seg" : ".jsonl";
}

fs::path StreamFilePath(const fs::path& folder, uint64_t first_height, Format format) {
  std::string digits = std::to_string(first_height);
  digits.insert(0, kDigits - digits.size(), '0');
  return folder / digits.append(ExtensionOf(format));
}

uint64_t FirstHeightOf(const fs::path& path) {
  const std::string stem = path.stem().string();
  if (stem.size() != kDigits) return 0;
  uint64_t height = 0;
  for (const char c : stem) {
    if (c < '0' || c > '9' || height > (UINT64_MAX - 9) / 10) return 0;
    height = height * 10 + static_cast<uint64_t>(c - '0');
  }
  return height;
}

Fault ListStreamFiles(const fs::path& folder, Format* format, std::vector<StreamFile>* files) {
  files->clear();
  std::error_code error;
  std::optional<Format> found;
  fs::directory_iterator at(folder, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    const fs::path& path = at->path();
    const std::optional<Format> of_file = FormatOf(path);
    const uint64_t first_height = FirstHeightOf(path);
    if (!of_file || first_height == 0) continue;
    if (found && *found != *of_file) {
      return {
          FaultKind::kInvalid,
          folder.string() +
              " holds both segments and jsonl files; one folder holds one stream in one format: "
              "move the files of one of them away"};
    }
    found = of_file;
    std::error_code size_error;
    const uint64_t bytes = at->file_size(size_error);
    files->push_back({path, first_height, size_error ? 0 : bytes});
  }
  if (error) {
    return {FaultKind::kIo, "cannot list " + folder.string() + ": " + error.message()};
  }
  std::sort(files->begin(), files->end(), [](const StreamFile& a, const StreamFile& b) {
    return a.first_height < b.first_height;
  });
  if (found) *format = *found;
  return {};
}

}  // namespace sluice_file
