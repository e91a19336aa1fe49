// SPDX-License-Identifier: Apache-2.0
#include "store/database.h"

#include <fmt/core.h>

#include <filesystem>

#include "base/failpoint.h"
#include "base/file_system.h"
#include "store/rocks_database.h"

namespace sluice {

namespace fs = std::filesystem;

Result<std::unique_ptr<Database>> Database::Open(const DatabaseOptions& options) {
  if (options.read_only) return RocksDatabase::Open(options, nullptr);
  const fs::path path(options.path);
  // Its two folders, data/db, belong to it: their names are durable before anything is in them.
  Status created = CreateFoldersDurably(path, path.parent_path().parent_path());
  if (!created.ok()) return Error(created.WithContext(fmt::format("database {}", options.path)));
  // Before anything is read: what another process has open may change at any moment.
  SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<HomeLock> lock,
                          HomeLock::Acquire(path.parent_path() / "LOCK"));
  Failpoint("store.open.locked");
  return RocksDatabase::Open(options, std::move(lock));
}

Status Database::VerifyJournal(const std::function<void(Height)>& progress) const {
  const Height first = journal_first();
  const Height last = journaled_height();
  const CommittedState now = committed();
  SLUICE_ASSIGN_OR_RETURN(Digest previous, JournalDigest(first - 1));
  for (Height h = first; h <= last; ++h) {
    Result<JournalRecord> record = ReadJournal(h);
    if (!record) return std::move(record).error();
    if (record->change_set->previous_digest() != previous) {
      return Status(
          StatusCode::kCorruption,
          fmt::format("journal record {}: it continues digest {}, but height {} has {}", h,
                      record->change_set->previous_digest().ToHex(), h - 1, previous.ToHex()));
    }
    previous = record->change_set->digest();
    if (h == now.height && previous != now.digest) {
      return Status(StatusCode::kCorruption,
                    fmt::format("journal record {}: its digest is {}, but what is committed at "
                                "this height has {}",
                                h, previous.ToHex(), now.digest.ToHex()));
    }
    if (progress) progress(h);
  }
  return Status::Ok();
}

}  // namespace sluice
