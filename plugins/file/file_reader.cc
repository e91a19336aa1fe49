// SPDX-License-Identifier: Apache-2.0
#include "file/file_reader.h"

#include "file/jsonl_reader.h"
#include "file/segment_reader.h"
#include "file/stream_folder.h"

namespace sluice_file {

Fault FileReader::Open(const std::filesystem::path& path, bool is_last,
                       std::unique_ptr<FileReader>* reader) {
  const std::optional<Format> format = FormatOf(path);
  if (FirstHeightOf(path) != 0 && format == Format::kSegments) {
    return SegmentReader::Open(path, is_last, reader);
  }
  if (FirstHeightOf(path) != 0 && format == Format::kJsonl) {
    return JsonlReader::Open(path, is_last, reader);
  }
  return {FaultKind::kInvalid, path.string() +
                                   " is not a file of a stream: those are called "
                                   "<first height, 20 digits>.seg or .jsonl"};
}

}  // namespace sluice_file
