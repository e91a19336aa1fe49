// SPDX-License-Identifier: Apache-2.0
#include "store/log_reader.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/crc32c.h"

namespace sluice {
namespace {

constexpr size_t kBlockBytes = size_t{32} << 10;
constexpr size_t kHeaderBytes = 7;
constexpr size_t kBatchHeaderBytes = 12;
// What a disk writes whole or not at all; pages, which most write so, consist of these.
constexpr size_t kSectorBytes = 512;
constexpr uint64_t kMaxSequence = (uint64_t{1} << 56) - 1;

enum Type { kZero = 0, kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4, kLastRecyclable = 8 };

template <typename Number>
Number LittleEndian(std::string_view bytes) {
  Number number = 0;
  for (size_t i = sizeof(Number); i-- > 0;) {
    number = static_cast<Number>(number << 8 | static_cast<unsigned char>(bytes[i]));
  }
  return number;
}

// A CRC of bytes that hold CRCs is weak, so RocksDB turns and shifts what it stores.
uint32_t Masked(uint32_t crc) { return (crc >> 15 | crc << 17) + 0xa282ead8u; }

bool OnlyZeros(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

}  // namespace

Result<LogReader> LogReader::Open(const std::string& path) {
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(path, error);
  if (error == std::errc::no_such_file_or_directory) {
    return Error(StatusCode::kNotFound, fmt::format("log file {}: there is none", path));
  }
  std::ifstream file(path, std::ios::binary);
  if (error || !file) {
    return Error(StatusCode::kIo, fmt::format("log file {}: it cannot be opened to read: {}", path,
                                              error ? error.message() : "access was refused"));
  }
  LogReader reader(path, std::move(file), size);
  SLUICE_RETURN_IF_ERROR(reader.ReadBlock(0));
  return reader;
}

LogReader::LogReader(std::string path, std::ifstream file, uint64_t size)
    : path_(std::move(path)), file_(std::move(file)), size_(size) {}

uint64_t LogReader::sequence() const { return LittleEndian<uint64_t>(batch_); }
uint32_t LogReader::count() const { return LittleEndian<uint32_t>(batch().substr(8)); }
uint64_t LogReader::at_in_file() const { return block_number_ * kBlockBytes + at_; }

Result<LogReader::Found> LogReader::Next() {
  unfinished_ = false;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(Record record, ReadRecord());
    if (record == Record::kBlockEnd) {
      SLUICE_RETURN_IF_ERROR(ReadBlock(block_number_ + 1));
      continue;
    }
    if (record == Record::kFileEnd) {
      if (!unfinished_ || past_bad_) return Found::kEnd;
      record = FileEndsWithin("a batch");
    }
    const bool starts = type_ == kFull || type_ == kFirst;
    if (record == Record::kGood && starts == unfinished_ && !past_bad_) {
      // Where a batch starts, the one before it is what is bad.
      next_at_ = starts ? at_ : at_ + kHeaderBytes + payload_.size();
      record = BadRecord(false, "fragments of batches are out of order");
    }
    if (record == Record::kBad) {
      const bool first = !past_bad_;
      if (first && unfinished_) bad_.offset = batch_offset_;
      if (first) bad_block_ = block_number_;
      past_bad_ = true;
      unfinished_ = false;
      PassOver();
      if (first) return Found::kBad;
      continue;
    }
    const uint64_t offset = at_in_file();
    at_ += kHeaderBytes + payload_.size();
    if (starts) {
      batch_.assign(payload_);
      batch_offset_ = offset;
      batch_in_place_ = in_place_;
      unfinished_ = true;
    } else if (unfinished_) {
      batch_.append(payload_);
    }
    if (!unfinished_ || (type_ != kFull && type_ != kLast)) continue;
    unfinished_ = false;
    if (batch_.size() >= kBatchHeaderBytes) {
      last_sequence_ = sequence();
      return Found::kBatch;
    }
    if (past_bad_) continue;
    past_bad_ = true;
    bad_block_ = block_number_;
    bad_ = {batch_offset_, false, false, "a record is too small for a batch"};
    return Found::kBad;
  }
}

Status LogReader::ReadBlock(uint64_t number) {
  const uint64_t from = std::min(number * kBlockBytes, size_);
  if (number != block_number_) in_place_ = true;
  block_number_ = number;
  at_ = 0;
  block_.resize(std::min<uint64_t>(kBlockBytes, size_ - from));
  file_.clear();
  file_.seekg(static_cast<std::streamoff>(from));
  file_.read(block_.data(), static_cast<std::streamsize>(block_.size()));
  // What was there when it was opened stays; only damage or a disk's fault makes it less.
  if (static_cast<size_t>(file_.gcount()) != block_.size()) {
    return Status(StatusCode::kIo, fmt::format("log file {}: reading {} bytes at {} failed", path_,
                                               block_.size(), from));
  }
  return Status::Ok();
}

Result<LogReader::Record> LogReader::ReadRecord() {
  next_at_.reset();
  const std::string_view rest = Rest();
  const bool last_block = (block_number_ + 1) * kBlockBytes >= size_;
  if (rest.size() < kHeaderBytes) {
    if (!last_block) return Record::kBlockEnd;
    // A full block ends in padding.
    if (block_.size() == kBlockBytes || OnlyZeros(rest) || past_bad_) return Record::kFileEnd;
    return FileEndsWithin("a record's header");
  }
  const size_t length = LittleEndian<uint16_t>(rest.substr(4));
  const size_t whole = kHeaderBytes + length;
  const bool fits = whole <= rest.size();
  type_ = static_cast<unsigned char>(rest[6]);
  const bool known = type_ >= kFull && type_ <= kLast;
  if (known && fits && ChecksumFits(rest, length)) {
    payload_ = rest.substr(kHeaderBytes, length);
    return Record::kGood;
  }
  if (known && fits) next_at_ = at_ + whole;
  if (past_bad_) return Record::kBad;
  if (type_ == kZero && length == 0) {
    SLUICE_ASSIGN_OR_RETURN(const bool never_written, OnlyZerosFrom(at_in_file()));
    if (never_written) return Record::kFileEnd;
    SLUICE_ASSIGN_OR_RETURN(const bool torn, LooksTorn(kHeaderBytes));
    return BadRecord(torn, "a record's header is missing");
  }
  const std::optional<size_t> right = known ? RightLength(rest) : std::nullopt;
  if (right) {
    next_at_ = at_ + kHeaderBytes + *right;
    return BadRecord(false, "bad record length");
  }
  if (!fits) {
    // In the file's last block RocksDB, too, takes this for the end.
    if (last_block && at_ + whole <= kBlockBytes && type_ <= kLast) {
      return FileEndsWithin("a record");
    }
    SLUICE_ASSIGN_OR_RETURN(const bool torn, LooksTorn(rest.size()));
    return BadRecord(torn, "bad record length");
  }
  SLUICE_ASSIGN_OR_RETURN(const bool torn, LooksTorn(whole));
  if (known) return BadRecord(torn, "checksum mismatch");
  return BadRecord(torn, type_ > kLast && type_ <= kLastRecyclable
                             ? "a record of a recycled file, which this program does not make"
                             : "unknown type of record");
}

// Moves past a bad record. RocksDB begins a record where the one before it ends, and at each
// block's start; no value's bytes are ever at either place, so a value that holds whole records is
// not mistaken for them. Only in the block of the first bad place, where a record's length may be
// what is lost, every byte is tried.
void LogReader::PassOver() {
  if (block_number_ != bad_block_) {
    at_ = next_at_.value_or(block_.size());
    return;
  }
  if (in_place_ && next_at_) {
    const size_t here = std::exchange(at_, *next_at_);
    const std::string_view next = Rest();
    const bool more = next.size() >= kHeaderBytes;
    if (!more || ChecksumFits(next, LittleEndian<uint16_t>(next.substr(4)))) return;
    at_ = here;
  }
  in_place_ = false;
  do {
    ++at_;
  } while (at_ < block_.size() && !MayBeginBatch());
}

std::string_view LogReader::Rest() const {
  return std::string_view(block_).substr(std::min(at_, block_.size()));
}

bool LogReader::ChecksumFits(std::string_view record, size_t length) {
  return kHeaderBytes + length <= record.size() &&
         Masked(Crc32c(record.substr(6, 1 + length))) == LittleEndian<uint32_t>(record);
}

// The checksum does not cover the length. Where it fits with one bit of the length changed, or with
// all that is left of the block, that is what was changed.
std::optional<size_t> LogReader::RightLength(std::string_view record) {
  const size_t said = LittleEndian<uint16_t>(record.substr(4));
  for (int bit = 0; bit < 16; ++bit) {
    if (ChecksumFits(record, said ^ size_t{1} << bit)) return said ^ size_t { 1 } << bit;
  }
  const size_t all = record.size() - kHeaderBytes;
  return ChecksumFits(record, all) ? std::optional(all) : std::nullopt;
}

// Whether it is worth the time to try the checksum.
bool LogReader::MayBeginBatch() const {
  const std::string_view rest = Rest();
  if (rest.size() < kHeaderBytes + kBatchHeaderBytes) return false;
  const size_t length = LittleEndian<uint16_t>(rest.substr(4));
  const size_t whole = kHeaderBytes + length;
  const int type = static_cast<unsigned char>(rest[6]);
  // A first fragment always fills its block.
  if (type != kFirst || whole != rest.size()) {
    if (type != kFull || whole > rest.size() || length < kBatchHeaderBytes) return false;
  }
  const auto sequence = LittleEndian<uint64_t>(rest.substr(kHeaderBytes));
  const auto count = LittleEndian<uint32_t>(rest.substr(kHeaderBytes + 8));
  // Each operation takes more than a byte of the log.
  const uint64_t most = last_sequence_ ? *last_sequence_ + size_ : kMaxSequence;
  return sequence > last_sequence_.value_or(0) && sequence <= most && count <= size_;
}

Result<bool> LogReader::OnlyZerosFrom(uint64_t offset) {
  const uint64_t block = block_number_;
  const size_t at = at_;
  const bool in_place = in_place_;
  bool only = true;
  while (only && offset < size_) {
    const uint64_t number = offset / kBlockBytes;
    if (number != block_number_) SLUICE_RETURN_IF_ERROR(ReadBlock(number));
    only = OnlyZeros(std::string_view(block_).substr(offset % kBlockBytes));
    offset = (number + 1) * kBlockBytes;
  }
  if (block_number_ != block) SLUICE_RETURN_IF_ERROR(ReadBlock(block));
  at_ = at;
  in_place_ = in_place;
  return only;
}

// What was not written is zero: the file was never longer. That is so sector by sector; and where
// the file was made longer than what was written into it, from some byte on to its end. No batch of
// ours ends in a zero (log_tail.h), so that a record's last byte tells.
Result<bool> LogReader::LooksTorn(size_t length) {
  const std::string_view record = Rest().substr(0, length);
  for (size_t from = 0; from < record.size();) {
    const size_t in_sector = kSectorBytes - (at_ + from) % kSectorBytes;
    const size_t to = std::min(record.size(), from + in_sector);
    if (OnlyZeros(record.substr(from, to - from))) return true;
    from = to;
  }
  if (record.empty() || record.back() != '\0') return false;
  return OnlyZerosFrom(at_in_file() + length);
}

LogReader::Record LogReader::BadRecord(bool torn, std::string_view what) {
  if (!past_bad_) bad_ = {at_in_file(), torn, false, std::string(what)};
  return Record::kBad;
}

LogReader::Record LogReader::FileEndsWithin(std::string_view what) {
  if (!past_bad_) bad_ = {at_in_file(), true, true, fmt::format("the file ends within {}", what)};
  return Record::kBad;
}

}  // namespace sluice
