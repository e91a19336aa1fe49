// SPDX-License-Identifier: Apache-2.0
#include "file/stream_folder.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <system_error>
#include <utility>

#include "file/file_io.h"

namespace sluice_file {
namespace fs = std::filesystem;
namespace {

constexpr size_t kDigits = 20;
constexpr std::string_view kBuilding = ".building";
constexpr std::string_view kDone = ".done";

fs::path WithoutDone(const fs::path& path) {
  return path.extension() == kDone ? fs::path(path).replace_extension() : path;
}

bool IsStreamFile(const fs::path& path) { return FormatOf(path) && FirstHeightOf(path) != 0; }

Fault Delete(const fs::path& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return SystemFault("delete", path, errno);
}

// All names in the folder.
Fault List(const fs::path& folder, std::vector<fs::path>* paths) {
  std::error_code error;
  fs::directory_iterator at(folder, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error))
    paths->push_back(at->path());
  if (!error) return {};
  return {FaultKind::kIo, "cannot list " + folder.string() + ": " + error.message()};
}

}  // namespace

std::string_view ExtensionOf(Format format) {
  return format == Format::kSegments ? ".seg" : ".jsonl";
}

std::optional<Format> FormatOf(const fs::path& path) {
  for (const Format format : {Format::kSegments, Format::kJsonl}) {
    if (WithoutDone(path).extension() == ExtensionOf(format)) return format;
  }
  return std::nullopt;
}

fs::path BuildingPath(const fs::path& file) { return fs::path(file) += kBuilding; }
fs::path DonePath(const fs::path& file) { return fs::path(file) += kDone; }

fs::path StreamFilePath(const fs::path& folder, uint64_t first_height, Format format) {
  std::string digits = std::to_string(first_height);
  digits.insert(0, kDigits - digits.size(), '0');
  return folder / digits.append(ExtensionOf(format));
}

uint64_t FirstHeightOf(const fs::path& path) {
  const std::string stem = WithoutDone(path).stem().string();
  if (stem.size() != kDigits) return 0;
  uint64_t height = 0;
  for (const char c : stem) {
    if (c < '0' || c > '9' || height > (UINT64_MAX - 9) / 10) return 0;
    height = height * 10 + static_cast<uint64_t>(c - '0');
  }
  return height;
}

Fault SettleSnapshot(const fs::path& folder, bool* done, bool* unfinished) {
  *done = *unfinished = false;
  std::vector<fs::path> paths;
  if (Fault fault = List(folder, &paths); !fault.ok()) return fault;
  fs::path snapshot;
  for (const fs::path& path : paths) {
    const bool building =
        path.extension() == kBuilding && IsStreamFile(fs::path(path).replace_extension());
    if (building) {
      if (Fault fault = Delete(path); !fault.ok()) return fault;
      *unfinished = true;
    }
    if (path.extension() == kDone && IsStreamFile(path)) snapshot = path;
  }
  if (snapshot.empty()) return {};
  // That it is done must be durable before anything else goes.
  if (Fault fault = SyncFolder(folder); !fault.ok()) return fault;
  // The others first, durably: once the name says no longer that they are void, none may be there.
  for (const fs::path& path : paths) {
    if (path.extension() == kDone || !IsStreamFile(path)) continue;
    if (Fault fault = Delete(path); !fault.ok()) return fault;
  }
  if (Fault fault = SyncFolder(folder); !fault.ok()) return fault;
  if (::rename(snapshot.c_str(), WithoutDone(snapshot).c_str()) != 0) {
    return SystemFault("rename", snapshot, errno);
  }
  *done = true;
  return SyncFolder(folder);
}

Fault ListStreamFiles(const fs::path& folder, Format* format, std::vector<StreamFile>* files) {
  files->clear();
  std::vector<fs::path> paths;
  if (Fault fault = List(folder, &paths); !fault.ok()) return fault;
  std::optional<Format> found;
  std::optional<StreamFile> done;
  for (const fs::path& path : paths) {
    if (!IsStreamFile(path)) continue;
    std::error_code size_error;
    const uint64_t bytes = fs::file_size(path, size_error);
    StreamFile file{path, FirstHeightOf(path), size_error ? 0 : bytes};
    if (path.extension() == kDone) {
      done = std::move(file);
      continue;
    }
    if (found && *found != FormatOf(path)) {
      return {
          FaultKind::kInvalid,
          folder.string() +
              " holds both segments and jsonl files; one folder holds one stream in one format: "
              "move the files of one of them away"};
    }
    found = FormatOf(path);
    files->push_back(std::move(file));
  }
  if (done) {
    found = FormatOf(done->path);
    *files = {*std::move(done)};
  }
  std::sort(files->begin(), files->end(), [](const StreamFile& a, const StreamFile& b) {
    return a.first_height < b.first_height;
  });
  if (found) *format = *found;
  return {};
}

}  // namespace sluice_file
