// SPDX-License-Identifier: Apache-2.0
#include "store/log_tail.h"

#include <fmt/core.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <utility>
#include <vector>

#include "store/log_reader.h"
#include "store/rocks_status.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

constexpr size_t kDurableBytes = 9;
constexpr char kMark = 'S';

std::optional<uint64_t> DecodeDurable(std::string_view bytes) {
  if (bytes.size() != kDurableBytes || bytes.back() != kMark) return std::nullopt;
  uint64_t sequence = 0;
  for (size_t i = 8; i-- > 0;) sequence = sequence << 8 | static_cast<unsigned char>(bytes[i]);
  return sequence;
}

class FindDurable : public rocksdb::WriteBatch::Handler {
 public:
  using Status = rocksdb::Status;
  using Slice = rocksdb::Slice;

  void LogData(const Slice& blob) override {
    const std::optional<uint64_t> said = DecodeDurable(ToView(blob));
    if (said) durable = std::max(durable.value_or(0), *said);
  }
  Status PutCF(uint32_t, const Slice&, const Slice&) override { return Status::OK(); }
  Status DeleteCF(uint32_t, const Slice&) override { return Status::OK(); }
  Status SingleDeleteCF(uint32_t, const Slice&) override { return Status::OK(); }
  Status DeleteRangeCF(uint32_t, const Slice&, const Slice&) override { return Status::OK(); }
  Status MergeCF(uint32_t, const Slice&, const Slice&) override { return Status::OK(); }
  Status PutBlobIndexCF(uint32_t, const Slice&, const Slice&) override { return Status::OK(); }

  std::optional<uint64_t> durable;
};

struct LogFile {
  uint64_t number;
  std::string name;
};

Result<std::vector<LogFile>> LogsIn(const std::string& folder, uint64_t first_log) {
  std::vector<LogFile> logs;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (entry->path().extension() != ".log") continue;
    const std::string stem = entry->path().stem();
    uint64_t number = 0;
    const auto parsed = std::from_chars(stem.data(), stem.data() + stem.size(), number);
    if (parsed.ec != std::errc() || parsed.ptr != stem.data() + stem.size()) continue;
    if (number >= first_log) logs.push_back({number, entry->path().filename()});
  }
  if (error) return Error(StatusCode::kIo, fmt::format("{}: {}", folder, error.message()));
  std::sort(logs.begin(), logs.end(),
            [](const LogFile& a, const LogFile& b) { return a.number < b.number; });
  return logs;
}

// Follows the batches of all logs, first to last.
class Examination {
 public:
  Status Read(const std::string& folder, const std::string& name) {
    within_file_ = false;
    Result<LogReader> reader = LogReader::Open(fs::path(folder) / name);
    if (!reader && reader.error().code() == StatusCode::kNotFound) {
      return Status::Ok();  // a running node has no more use for it
    }
    if (!reader) return reader.error();
    if (bad()) found_.dropped_bytes += reader->size();
    while (true) {
      SLUICE_ASSIGN_OR_RETURN(const LogReader::Found next, reader->Next());
      if (next == LogReader::Found::kEnd) return Status::Ok();
      if (next == LogReader::Found::kBatch) {
        TakeBatch(name, *reader);
      } else if (!bad()) {
        const LogReader::Bad& place = reader->bad();
        SetBad(name, place.offset, reader->size(), place.what);
        found_.file_ends = place.file_ends;
        if (!place.torn) found_.kind = LogsFound::Kind::kDamage;
      } else {
        found_.file_ends = false;
      }
    }
  }

  LogsFound Take() { return std::move(found_); }

 private:
  bool bad() const { return found_.kind != LogsFound::Kind::kWhole; }

  void SetBad(const std::string& name, uint64_t offset, uint64_t size, std::string_view what) {
    found_.kind = LogsFound::Kind::kTorn;
    found_.file = name;
    found_.offset = offset;
    found_.what = what;
    found_.dropped_bytes = size - offset;
    found_.first_lost = next_.value_or(0);
  }

  void TakeBatch(const std::string& name, const LogReader& reader) {
    if (!bad() && next_ && reader.sequence() != *next_) {
      SetBad(name, reader.batch_offset(), reader.size(),
             fmt::format("sequence {} where {} comes next", reader.sequence(), *next_));
      jumped_ = true;
      if (within_file_) found_.kind = LogsFound::Kind::kDamage;
    }
    within_file_ = true;
    if (!bad()) {
      next_ = reader.sequence() + reader.count();
      return;
    }
    found_.file_ends = false;
    if (jumped_ && name != found_.file) found_.kind = LogsFound::Kind::kDamage;
    if (WasDurable(reader)) found_.kind = LogsFound::Kind::kDamage;
  }

  // Whether a batch after the bad place says that what stood there was durable.
  bool WasDurable(const LogReader& batch) const {
    if (batch.count() == 0) return false;
    const std::optional<uint64_t> durable = DurableOf(batch.batch());
    // What was found by trying every byte may be part of a value: only what it says counts.
    if (!durable) return batch.in_place();
    // Where nothing stands before the bad place, its sequence is not known.
    if (!next_) return *durable + 1 >= batch.sequence();
    return *durable >= *next_ || (batch.in_place() && batch.sequence() <= *next_);
  }

  LogsFound found_;
  std::optional<uint64_t> next_;  // after the last batch before the bad place
  bool jumped_ = false;       // that is the first bad place: batches are missing, nothing looks bad
  bool within_file_ = false;  // a batch of this file was read
};

}  // namespace

std::string EncodeDurable(uint64_t sequence) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(sequence >> (8 * i) & 255));
  bytes.push_back(kMark);
  return bytes;
}

std::optional<uint64_t> DurableOf(std::string_view batch) {
  FindDurable find;
  if (!rocksdb::WriteBatch(std::string(batch)).Iterate(&find).ok()) return std::nullopt;
  return find.durable;
}

Result<LogsFound> ExamineLogs(const std::string& folder, uint64_t first_log) {
  SLUICE_ASSIGN_OR_RETURN(const std::vector<LogFile> logs, LogsIn(folder, first_log));
  Examination examination;
  for (const LogFile& log : logs) SLUICE_RETURN_IF_ERROR(examination.Read(folder, log.name));
  return examination.Take();
}

}  // namespace sluice
