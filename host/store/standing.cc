// SPDX-License-Identifier: Apache-2.0
#include "store/standing.h"

#include <fmt/core.h>

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

// Decodes H+1..J and follows the digests.
Status CheckWaiting(const OpenedRocks& opened, std::string_view path, Standing* standing) {
  standing->journaled_digest = standing->committed.digest;
  for (Height h = standing->committed.height + 1; h <= standing->journaled; ++h) {
    Failpoint("store.open.check", h.value());
    Result<JournalRecord> record = ReadJournalRecord(opened, path, h);
    if (!record) {
      if (record.error().code() != StatusCode::kNotFound) return record.error();
      return Damaged(path, h,
                     fmt::format("missing; the committed height is {}, the journaled one {}",
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
  SLUICE_ASSIGN_OR_RETURN(std::optional<std::string> heads_bytes,
                          ReadRecord(opened, path, records::kHeadsKey));
  if (heads_bytes) {
    SLUICE_ASSIGN_OR_RETURN(const records::Heads heads, records::DecodeHeads(*heads_bytes));
    standing.committed = heads.committed;
    standing.journaled = heads.journaled;
  }
  SLUICE_ASSIGN_OR_RETURN(const uint64_t epoch, ReadNumber(opened, path, records::kEpochKey));
  standing.epoch = Epoch(epoch);
  SLUICE_ASSIGN_OR_RETURN(const uint64_t base, ReadNumber(opened, path, records::kJournalBaseKey));
  standing.journal_first = Height(base) + 1;
  if (standing.journaled < standing.committed.height || standing.committed.height < Height(base)) {
    return Error(StatusCode::kCorruption,
                 fmt::format("database {}: its records contradict each other: committed height {}, "
                             "journaled {}, pruned through {}; restore the home from a backup",
                             path, standing.committed.height, standing.journaled, base));
  }
  if (standing.journaled > Height(base)) standing.journal_bytes = EstimateJournalBytes(opened);
  SLUICE_RETURN_IF_ERROR(CheckWaiting(opened, path, &standing));
  return standing;
}

}  // namespace sluice
