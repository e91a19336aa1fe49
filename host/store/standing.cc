// SPDX-License-Identifier: Apache-2.0
#include "store/standing.h"

#include <fmt/core.h>

#include "base/bytes.h"
#include "base/failpoint.h"
#include "store/records.h"
#include "store/rocks_status.h"

namespace sluice {
namespace {

// Value of a record of ours that may not be there.
Result<std::optional<std::string>> ReadRecord(const OpenedRocks& opened, std::string_view path,
                                              std::string_view key) {
  std::string bytes;
  const rocksdb::Status status =
      opened.db->Get(rocksdb::ReadOptions(), opened.records, ToSlice(key), &bytes);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) {
    return Error(FromRocks(status, fmt::format("database {}: reading record '{}'", path, key)));
  }
  return bytes;
}

Result<uint64_t> ReadNumber(const OpenedRocks& opened, std::string_view path,
                            std::string_view key) {
  SLUICE_ASSIGN_OR_RETURN(std::optional<std::string> bytes, ReadRecord(opened, path, key));
  if (!bytes) return 0;
  return records::DecodeNumber(key, *bytes);
}

Status Damaged(std::string_view path, Height height, std::string_view what) {
  return Status(StatusCode::kCorruption,
                fmt::format("database {}: journal record {}: {}; nothing was cut, restore the home "
                            "from a backup",
                            path, height, what));
}

struct JournalEnds {
  Height first;
  Height last;  // first - 1 where the journal is empty
};

Result<JournalEnds> FindEnds(const OpenedRocks& opened, std::string_view path, Height base) {
  // Below the base lie range tombstones that are slow to step over.
  const std::string lower = records::JournalKey(base + 1);
  const rocksdb::Slice lower_slice(lower);
  rocksdb::ReadOptions read;
  read.iterate_lower_bound = &lower_slice;
  std::unique_ptr<rocksdb::Iterator> iterator(opened.db->NewIterator(read, opened.journal));
  JournalEnds ends{base + 1, base};
  iterator->SeekToFirst();
  if (iterator->Valid()) {
    const Height first(ReadBigEndian64(ToView(iterator->key())));
    if (first != ends.first) {
      return Error(Damaged(path, ends.first, fmt::format("missing; the first is {}", first)));
    }
    iterator->SeekToLast();
    if (iterator->Valid()) ends.last = Height(ReadBigEndian64(ToView(iterator->key())));
  }
  SLUICE_RETURN_IF_ERROR(FromRocks(
      iterator->status(), fmt::format("database {}: reading the ends of the journal", path)));
  return ends;
}

// Decodes H+1..J and follows the digests.
Status CheckWaiting(const OpenedRocks& opened, std::string_view path, Standing* standing) {
  standing->journaled_digest = standing->committed.digest;
  for (Height h = standing->committed.height + 1; h <= standing->journaled; ++h) {
    Failpoint("store.open.check", h.value());
    Result<JournalRecord> record = ReadJournalRecord(opened, path, h);
    if (!record) {
      if (record.error().code() != StatusCode::kNotFound) return record.error();
      return Damaged(path, h,
                     fmt::format("missing, between committed height {} and height {}",
                                 standing->committed.height, standing->journaled));
    }
    const ChangeSet& change_set = *record->change_set;
    if (change_set.previous_digest() != standing->journaled_digest) {
      return Damaged(path, h,
                     fmt::format("it continues digest {}, but height {} has {}",
                                 change_set.previous_digest().ToHex(), h - 1,
                                 standing->journaled_digest.ToHex()));
    }
    standing->journaled_digest = change_set.digest();
  }
  return Status::Ok();
}

uint64_t EstimateJournalBytes(const OpenedRocks& opened) {
  uint64_t total = 0;
  for (const std::string* property :
       {&rocksdb::DB::Properties::kLiveSstFilesSize, &rocksdb::DB::Properties::kLiveBlobFileSize,
        &rocksdb::DB::Properties::kSizeAllMemTables}) {
    uint64_t bytes = 0;
    if (opened.db->GetIntProperty(opened.journal, *property, &bytes)) total += bytes;
  }
  return total;
}

}  // namespace

Result<JournalRecord> ReadJournalRecord(const OpenedRocks& opened, std::string_view path,
                                        Height height) {
  rocksdb::PinnableSlice bytes;
  const rocksdb::Status status =
      opened.db->Get(rocksdb::ReadOptions(), opened.journal, records::JournalKey(height), &bytes);
  if (status.IsNotFound()) {
    return Error(StatusCode::kNotFound,
                 fmt::format("database {}: journal record {} is not there", path, height));
  }
  if (!status.ok()) {
    return Error(
        FromRocks(status, fmt::format("database {}: reading journal record {}", path, height)));
  }
  Result<JournalRecord> record = DecodeJournalRecord(height, ToView(bytes));
  if (!record) return Error(record.error().WithContext(fmt::format("database {}", path)));
  return record;
}

Result<Standing> FindStanding(const OpenedRocks& opened, std::string_view path,
                              std::string_view stream_id) {
  Standing standing;
  standing.committed.digest = GenesisDigest(stream_id);
  SLUICE_ASSIGN_OR_RETURN(std::optional<std::string> committed,
                          ReadRecord(opened, path, records::kCommittedKey));
  if (committed) {
    SLUICE_ASSIGN_OR_RETURN(standing.committed, records::DecodeCommitted(*committed));
  }
  SLUICE_ASSIGN_OR_RETURN(const uint64_t epoch, ReadNumber(opened, path, records::kEpochKey));
  standing.epoch = Epoch(epoch);
  SLUICE_ASSIGN_OR_RETURN(const uint64_t base, ReadNumber(opened, path, records::kJournalBaseKey));
  SLUICE_ASSIGN_OR_RETURN(const JournalEnds ends, FindEnds(opened, path, Height(base)));
  if (ends.last < standing.committed.height) {
    return Error(Damaged(path, ends.last + 1,
                         fmt::format("missing, and all after it up to the committed height {}",
                                     standing.committed.height)));
  }
  standing.journal_first = ends.first;
  standing.journaled = ends.last;
  if (ends.last >= ends.first) standing.journal_bytes = EstimateJournalBytes(opened);
  SLUICE_RETURN_IF_ERROR(CheckWaiting(opened, path, &standing));
  return standing;
}

}  // namespace sluice
