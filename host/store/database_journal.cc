// SPDX-License-Identifier: Apache-2.0
//
// Reading the journal. What lies below journal_first is never looked at, pruned or not: range
// tombstones make such reads slow, and their answers may differ from one opening to the next.
#include <fmt/core.h>

#include "store/records.h"
#include "store/rocks_database.h"
#include "store/rocks_status.h"

namespace sluice {
namespace {

Status NotInJournal(const Standing& standing, Height height) {
  return Status(StatusCode::kNotFound,
                fmt::format("journal record {}: the journal holds heights {} to {}", height,
                            standing.journal_first, standing.journaled));
}

}  // namespace

Result<JournalRecord> RocksDatabase::ReadJournal(Height height) const {
  const RocksHandle::Use use(handle_);
  SLUICE_RETURN_IF_ERROR(use.status());
  if (const Standing now = standing(); height < now.journal_first || height > now.journaled) {
    return Error(NotInJournal(now, height));
  }
  Result<JournalRecord> record = ReadJournalRecord(*use.get(), options_.path, height);
  if (record || record.error().code() != StatusCode::kNotFound) return record;
  // Pruned since we looked, or gone although it should be there.
  if (const Standing now = standing(); height < now.journal_first) {
    return Error(NotInJournal(now, height));
  }
  return Error(
      StatusCode::kCorruption,
      Doing(fmt::format("journal record {}: missing; restore the home from a backup", height)));
}

Result<Digest> RocksDatabase::JournalDigest(Height height) const {
  const Standing now = standing();
  if (height == now.journaled) return now.journaled_digest;
  if (height == now.committed.height) return now.committed.digest;
  if (height + 1 == now.journal_first) {
    SLUICE_ASSIGN_OR_RETURN(const JournalRecord next, ReadJournal(height + 1));
    return next.change_set->previous_digest();
  }
  SLUICE_ASSIGN_OR_RETURN(const JournalRecord record, ReadJournal(height));
  return record.change_set->digest();
}

Result<uint64_t> RocksDatabase::JournalRecordBytes(Height height) const {
  const RocksHandle::Use use(handle_);
  SLUICE_RETURN_IF_ERROR(use.status());
  if (const Standing now = standing(); height < now.journal_first || height > now.journaled) {
    return Error(NotInJournal(now, height));
  }
  rocksdb::PinnableSlice bytes;
  const rocksdb::Status status =
      use->db->Get(rocksdb::ReadOptions(), use->journal, records::JournalKey(height), &bytes);
  if (!status.ok()) {
    return Error(FromRocks(status, Doing(fmt::format("reading journal record {}", height))));
  }
  return bytes.size();
}

}  // namespace sluice
