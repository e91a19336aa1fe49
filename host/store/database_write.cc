// SPDX-License-Identifier: Apache-2.0
//
// The one batch of a WriteGroup: state of all stores, what is committed, journal records,
// positions. Its bytes are what a plain batch of the same changes has, plus a few records a group,
// not a change; the journal's canonical bytes go from the change set straight into the batch.
#include <fmt/core.h>
#include <rocksdb/convenience.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "store/log_tail.h"
#include "store/records.h"
#include "store/rocks_database.h"
#include "store/rocks_status.h"

namespace sluice {
namespace {

// Pruning costs a range tombstone; below this it can wait.
constexpr uint64_t kPruneHeights = 64;
constexpr uint64_t kPruneBytes = uint64_t{8} << 20;
// Looking for files that hold nothing but pruned records takes RocksDB's mutex.
constexpr uint64_t kRemoveFilesBytes = uint64_t{32} << 20;
// Heights a piece of the journal's accounting covers.
constexpr uint64_t kPieceHeights = 64;
// One huge block must not keep its memory for the rest of the process's life.
constexpr size_t kKeepBatchBytes = size_t{64} << 20;

bool HasMoreThanPruning(const WriteGroup& group) {
  return !group.commits.empty() || !group.journal.empty() || !group.unacked.empty() ||
         !group.watermarks.empty();
}

// `entries` must follow what is at `height` with `digest`, one by one.
template <typename Entry>
void CheckChain(const std::vector<Entry>& entries, Height height, Digest digest) {
  for (const Entry& entry : entries) {
    SLUICE_CHECK(entry.change_set->height() == height + 1, "heights are written in order");
    SLUICE_CHECK(entry.change_set->previous_digest() == digest,
                 "a height continues the digest of the one before");
    height = entry.change_set->height();
    digest = entry.change_set->digest();
  }
}

records::Heads HeadsAfter(const WriteGroup& group, const Standing& before) {
  records::Heads heads{before.committed, before.journaled};
  if (!group.commits.empty()) {
    const ChangeSet& last = *group.commits.back().change_set;
    heads.committed = {last.height(), last.digest(), group.epoch};
  }
  if (!group.journal.empty()) heads.journaled = group.journal.back().change_set->height();
  return heads;
}

}  // namespace

Status RocksDatabase::Write(const WriteGroup& group) {
  const RocksHandle::Use use(handle_);
  SLUICE_RETURN_IF_ERROR(WriteRefused(use));
  const Standing before = standing();
  CheckOrder(group, before);
  const Height prune_through = PlanPruning(group, before);
  if (!HasMoreThanPruning(group) && prune_through.value() == 0) return Status::Ok();

  FillBatch(use, group, before);
  if (prune_through.value() != 0) {
    const std::string from = records::JournalKey(before.journal_first);
    const std::string to = records::JournalKey(prune_through + 1);
    batch_.DeleteRange(use->journal, from, to);
    batch_.Put(use->records, ToSlice(records::kJournalBaseKey),
               records::EncodeNumber(prune_through.value()));
  }

  batch_.PutLogData(EncodeDurable(durable_sequence_));

  rocksdb::WriteOptions options;
  options.sync = (group.sync && options_.sync) || group.force_sync;
  const Height height = group.journal.empty() ? HeadsAfter(group, before).committed.height
                                              : group.journal.back().change_set->height();
  Failpoint("store.write.before", height.value());
  const rocksdb::Status written = use->db->Write(options, &batch_);
  if (!written.ok()) {
    return Failed(FromRocks(written, Doing(fmt::format("writing height {}", height))));
  }
  if (options.sync) RaiseDurable(use->db->GetLatestSequenceNumber());
  Failpoint("store.write.after", height.value());
  TakeOver(group, prune_through);
  RemovePrunedFiles(use, options.sync);
  return Status::Ok();
}

void RocksDatabase::CheckOrder(const WriteGroup& group, const Standing& standing) const {
  CheckChain(group.journal, standing.journaled, standing.journaled_digest);
  CheckChain(group.commits, standing.committed.height, standing.committed.digest);
  if (group.commits.empty()) return;
  const Height journaled = standing.journaled + group.journal.size();
  SLUICE_CHECK(group.commits.back().change_set->height() <= journaled,
               "what is committed has been journaled");
}

void RocksDatabase::FillBatch(const RocksHandle::Use& use, const WriteGroup& group,
                              const Standing& before) {
  if (batch_.GetDataSize() > kKeepBatchBytes) {
    batch_ = rocksdb::WriteBatch();
  } else {
    batch_.Clear();
  }
  PutJournal(use, group);
  PutCommits(use, group);
  if (!group.journal.empty() || !group.commits.empty()) {
    batch_.Put(use->records, ToSlice(records::kHeadsKey),
               records::EncodeHeads(HeadsAfter(group, before)));
  }
  for (const UnackedRange& range : group.unacked) {
    std::string key(records::kUnackedPrefix);
    key.append(records::JournalKey(range.first));
    batch_.Put(use->records, key, records::EncodeUnacked(range));
  }
  for (const auto& [sink, height] : group.watermarks) {
    batch_.Put(use->records, records::Key(records::kWatermarkPrefix, sink.str()),
               records::EncodeNumber(height.value()));
  }
}

void RocksDatabase::PutJournal(const RocksHandle::Use& use, const WriteGroup& group) {
  journal_sizes_.clear();
  for (const JournalEntry& entry : group.journal) {
    const EncodedJournalRecord encoded = EncodeJournalRecord({entry.change_set, entry.position});
    const std::string key_bytes = records::JournalKey(entry.change_set->height());
    const rocksdb::Slice key(key_bytes);
    const std::array<rocksdb::Slice, 3> value{ToSlice(encoded.head), ToSlice(encoded.canonical),
                                              ToSlice(encoded.tail)};
    batch_.Put(use->journal, rocksdb::SliceParts(&key, 1),
               rocksdb::SliceParts(value.data(), static_cast<int>(value.size())));
    journal_sizes_.push_back(encoded.size());
  }
}

void RocksDatabase::PutCommits(const RocksHandle::Use& use, const WriteGroup& group) {
  if (group.commits.empty()) return;
  for (const CommitEntry& entry : group.commits) {
    SLUICE_CHECK(entry.overlay->store_count() == use->stores.size(),
                 "an overlay of other stores than the database's");
    for (size_t i = 0; i < use->stores.size(); ++i) {
      for (const auto& [key, value] : entry.overlay->store(i).entries()) {
        if (value) {
          batch_.Put(use->stores[i], key, *value);
        } else {
          batch_.Delete(use->stores[i], key);
        }
      }
    }
  }
  // A source's newest position is all that is ever asked for.
  for (auto entry = group.commits.rbegin(); entry != group.commits.rend(); ++entry) {
    const DriverPosition& position = entry->position;
    const bool newer = std::any_of(group.commits.rbegin(), entry, [&](const CommitEntry& later) {
      return later.position.source == position.source;
    });
    if (position.source.empty() || newer) continue;
    batch_.Put(use->records, records::Key(records::kPositionPrefix, position.source),
               position.state);
  }
}

Height RocksDatabase::PlanPruning(const WriteGroup& group, const Standing& standing) const {
  if (group.prune_through < standing.journal_first) return Height();
  const Height committed = standing.committed.height + group.commits.size();
  SLUICE_CHECK(group.prune_through <= committed, "what is not committed is not pruned");
  // In one batch a record that is pruned may not have been written before.
  const Height through = std::min(group.prune_through, standing.journaled);
  if (through < standing.journal_first) return Height();
  const bool worth_it =
      through - standing.journal_first + 1 >= kPruneHeights || BytesThrough(through) >= kPruneBytes;
  return worth_it || !HasMoreThanPruning(group) ? through : Height();
}

void RocksDatabase::TakeOver(const WriteGroup& group, Height pruned_through) {
  uint64_t added = 0;
  for (size_t i = 0; i < group.journal.size(); ++i) {
    const Height height = group.journal[i].change_set->height();
    const uint64_t bytes = journal_sizes_[i];
    added += bytes;
    if (!pieces_.empty() && height - pieces_.back().first < kPieceHeights) {
      pieces_.back().last = height;
      pieces_.back().bytes += bytes;
    } else {
      pieces_.push_back({height, height, bytes});
    }
  }
  const uint64_t removed = pruned_through.value() == 0 ? 0 : BytesThrough(pruned_through);
  DropPieces(pruned_through);
  pruned_bytes_since_removal_ += removed;

  std::lock_guard lock(mutex_);
  const records::Heads heads = HeadsAfter(group, standing_);
  standing_.committed = heads.committed;
  standing_.journaled = heads.journaled;
  if (!group.journal.empty()) {
    standing_.journaled_digest = group.journal.back().change_set->digest();
  }
  if (pruned_through.value() != 0) standing_.journal_first = pruned_through + 1;
  standing_.journal_bytes += added;
  standing_.journal_bytes -= std::min(removed, standing_.journal_bytes);
}

// Within a piece every height is taken to be as large as the others.
uint64_t RocksDatabase::BytesThrough(Height height) const {
  uint64_t bytes = 0;
  for (const JournalPiece& piece : pieces_) {
    if (piece.first > height) break;
    const uint64_t heights = piece.last - piece.first + 1;
    const uint64_t within = std::min(height, piece.last) - piece.first + 1;
    bytes += within == heights ? piece.bytes : piece.bytes / heights * within;
  }
  return bytes;
}

void RocksDatabase::DropPieces(Height through) {
  while (!pieces_.empty() && pieces_.front().last <= through) pieces_.pop_front();
  if (pieces_.empty() || pieces_.front().first > through) return;
  JournalPiece& piece = pieces_.front();
  const uint64_t heights = piece.last - piece.first + 1;
  piece.bytes -= piece.bytes / heights * (through - piece.first + 1);
  piece.first = through + 1;
}

// Files go at once, with no log; so the pruning that makes them useless has to be durable before,
// or a power cut would leave a journal that lacks its beginning.
void RocksDatabase::RemovePrunedFiles(const RocksHandle::Use& use, bool synced) {
  if (pruned_bytes_since_removal_ < kRemoveFilesBytes) return;
  if (!synced && !SyncNow().ok()) return;  // remembered there; the next write tells
  pruned_bytes_since_removal_ = 0;
  const std::string end = records::JournalKey(journal_first());
  const rocksdb::Slice end_slice(end);
  Failpoint("store.prune.before", journal_first().value());
  const rocksdb::Status status = rocksdb::DeleteFilesInRange(use->db.get(), use->journal, nullptr,
                                                             &end_slice, /*include_end=*/false);
  Failpoint("store.prune.after", journal_first().value());
  if (!status.ok()) {
    LogWarn("store", "{}; they stay until compaction",
            FromRocks(status, Doing("removing pruned journal files")).message());
  }
}

Status RocksDatabase::Failed(Status status) {
  if (status.ok()) return status;
  std::lock_guard lock(mutex_);
  if (failed_.ok()) failed_ = status;
  return status;
}

Status RocksDatabase::WriteRefused(const RocksHandle::Use& use) const {
  SLUICE_RETURN_IF_ERROR(use.status());
  if (options_.read_only) {
    return Status(StatusCode::kInvalid, Doing("it was opened to read"));
  }
  {
    std::lock_guard lock(mutex_);
    if (!failed_.ok()) return failed_.WithContext("no write before it is opened again");
  }
  return use->background_error();
}

}  // namespace sluice
