// SPDX-License-Identifier: Apache-2.0
//
// A stream as a file sink writes it, made by hand for the tests that replay one.
// Threading: one thread.
#pragma once

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "file/compression.h"
#include "file/frame.h"
#include "file/stream_folder.h"
#include "model/change_set.h"

namespace sluice {

class StreamFiles {
 public:
  using Fill = std::function<void(ChangeSetBuilder*)>;

  explicit StreamFiles(std::filesystem::path folder, std::string stream = "demo")
      : folder_(std::move(folder)), stream_(std::move(stream)), digests_{GenesisDigest(stream_)} {
    std::filesystem::create_directories(folder_);
  }

  // The next height goes into a new file.
  void BeginFile() {
    sluice_file::SegmentLink link;
    if (!files_.empty()) link = {files_.back().first_height, files_.back().bytes};
    files_.push_back({PathOf(height() + 1), height() + 1, 0});
    std::string bytes;
    sluice_file::AppendSegmentHeader({height() + 1, stream_, "audit"}, &bytes);
    sluice_file::Frame base;
    base.kind = sluice_file::FrameKind::kBase;
    base.height = height();
    base.previous_digest = base.digest = ToFile(digests_.back());
    const std::string linked = sluice_file::EncodeSegmentLink(link);
    base.bytes = linked;
    sluice_file::AppendFrame(base, &bytes);
    Append(bytes);
  }

  // Where the frame of the height begins in its file.
  uint64_t Add(const Fill& fill, int64_t time = 0, uint8_t flags = 0) {
    if (files_.empty()) BeginFile();
    ChangeSetBuilder builder(stream_, Height(height() + 1), time);
    fill(&builder);
    std::shared_ptr<const ChangeSet> sealed = std::move(builder).Seal(digests_.back());
    if ((flags & sluice_file::kFrameFiltered) != 0) {
      sealed = FilterChangeSet(*sealed, {{"orders"}, {}});
    }
    sluice_file::Frame frame;
    frame.flags = flags;
    frame.height = height() + 1;
    frame.previous_digest = ToFile(digests_.back());
    frame.digest = ToFile(sealed->digest());
    std::string content(sealed->canonical());
    if ((flags & sluice_file::kFrameZstd) != 0) {
      std::string compressed;
      if (sluice_file::Compressor().Compress(content, &compressed)) content = compressed;
    }
    frame.bytes = content;
    std::string bytes;
    sluice_file::AppendFrame(frame, &bytes);
    digests_.push_back(sealed->digest());
    const uint64_t offset = files_.back().bytes;
    Append(bytes);
    return offset;
  }

  // A height that sets main/h to itself, as BlockLine does.
  uint64_t AddPlain(uint8_t flags = 0) {
    const std::string value = std::to_string(height() + 1);
    return Add(
        [&](ChangeSetBuilder* builder) {
          builder->AddSet(0, "main", "h", value);
          builder->AddTransactionResult(0, 0);
        },
        0, flags);
  }

  uint64_t height() const { return digests_.size() - 1; }
  const Digest& digest(uint64_t height) const { return digests_[height]; }
  const std::filesystem::path& folder() const { return folder_; }
  std::string file(size_t index) const { return files_[index].path.string(); }
  uint64_t bytes() const {
    uint64_t bytes = 0;
    for (const sluice_file::StreamFile& file : files_) bytes += file.bytes;
    return bytes;
  }

 private:
  std::filesystem::path PathOf(uint64_t first_height) const {
    return sluice_file::StreamFilePath(folder_, first_height, sluice_file::Format::kSegments);
  }
  static sluice_file::Digest ToFile(const Digest& digest) { return digest.bytes; }

  void Append(const std::string& bytes) {
    std::ofstream(files_.back().path, std::ios::binary | std::ios::app) << bytes;
    files_.back().bytes += bytes.size();
  }

  const std::filesystem::path folder_;
  const std::string stream_;
  std::vector<Digest> digests_;  // by height
  std::vector<sluice_file::StreamFile> files_;
};

}  // namespace sluice
