// SPDX-License-Identifier: Apache-2.0
#include "store/rocks_database.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/failpoint.h"
#include "base/log.h"
#include "store/rocks_status.h"
#include "store/rocks_view.h"

namespace sluice {

Result<std::unique_ptr<Database>> RocksDatabase::Open(const DatabaseOptions& options,
                                                      std::unique_ptr<HomeLock> lock) {
  std::unique_ptr<RocksDatabase> database(new RocksDatabase(options, std::move(lock)));
  database->handle_->Close();
  if (Status status = database->OpenAndFindStanding(); !status.ok()) {
    database->handle_->Replace(Error(status));
    return Error(std::move(status));
  }
  const RocksHandle::Use use(database->handle_);
  database->stores_ = use->store_names;
  for (size_t i = 0; i < database->stores_.size(); ++i) {
    database->views_.push_back(MakeCommittedView(database->handle_, i, database->stores_[i]));
  }
  return database;
}

RocksDatabase::RocksDatabase(DatabaseOptions options, std::unique_ptr<HomeLock> lock)
    : options_(std::move(options)),
      lock_(std::move(lock)),
      handle_(std::make_shared<RocksHandle>()) {}

// Views may outlive the database; the handle then answers that it is closed. Iterators may not:
// this waits for them.
RocksDatabase::~RocksDatabase() {
  const bool writable = [this] {
    const RocksHandle::Use use(handle_);
    return WriteRefused(use).ok();
  }();
  if (writable) {
    if (Status status = SyncNow(); !status.ok()) LogWarn("store", "{}", status.message());
  }
  handle_->Close();
  handle_->Replace(Error(StatusCode::kFailed, Doing("it is closed")));
}

// Called while the handle is closed; opens it where all is well.
Status RocksDatabase::OpenAndFindStanding() {
  Result<std::unique_ptr<OpenedRocks>> opened = OpenRocks(options_);
  if (!opened) return std::move(opened).error();
  Result<Standing> standing = FindStanding(**opened, options_.path, options_.stream_id);
  if (!standing) return std::move(standing).error();
  {
    std::lock_guard lock(mutex_);
    standing_ = *standing;
    failed_ = Status::Ok();
  }
  pieces_.clear();
  if (standing->journaled >= standing->journal_first) {
    pieces_.push_back({standing->journal_first, standing->journaled, standing->journal_bytes});
  }
  pruned_bytes_since_removal_ = 0;
  durable_sequence_ = (*opened)->db->GetLatestSequenceNumber();  // recovery wrote it all to files
  handle_->Replace(std::move(opened));
  return Status::Ok();
}

// Where it cannot be opened again to write, the stores can mostly still be read; the next Reopen
// tries again.
Status RocksDatabase::Reopen() {
  Failpoint("store.reopen.before");
  std::lock_guard hooks(hooks_mutex_);
  if (before_reopen_) before_reopen_();
  handle_->Close();
  Status status = OpenAndFindStanding();
  if (!status.ok()) {
    (void)Failed(status);
    DatabaseOptions to_read = options_;
    to_read.read_only = true;
    Result<std::unique_ptr<OpenedRocks>> readable = OpenRocks(to_read);
    const bool same_stores = readable && (*readable)->store_names == stores_;
    handle_->Replace(same_stores ? std::move(readable) : Error(status));
  }
  if (after_reopen_) after_reopen_();
  Failpoint("store.reopen.after");
  return status;
}

void RocksDatabase::SetReopenHooks(std::function<void()> before, std::function<void()> after) {
  std::lock_guard lock(hooks_mutex_);
  before_reopen_ = std::move(before);
  after_reopen_ = std::move(after);
}

Status RocksDatabase::SyncNow() {
  const RocksHandle::Use use(handle_);
  SLUICE_RETURN_IF_ERROR(WriteRefused(use));
  const uint64_t written = use->db->GetLatestSequenceNumber();
  SLUICE_RETURN_IF_ERROR(
      Failed(FromRocks(use->db->FlushWAL(/*sync=*/true), Doing("syncing its log"))));
  RaiseDurable(written);
  return Status::Ok();
}

void RocksDatabase::RaiseDurable(uint64_t sequence) {
  uint64_t known = durable_sequence_;
  while (known < sequence && !durable_sequence_.compare_exchange_weak(known, sequence)) {
  }
}

Standing RocksDatabase::standing() const {
  std::lock_guard lock(mutex_);
  return standing_;
}

CommittedState RocksDatabase::committed() const { return standing().committed; }
Height RocksDatabase::journaled_height() const { return standing().journaled; }
Height RocksDatabase::journal_first() const { return standing().journal_first; }
Digest RocksDatabase::journaled_digest() const { return standing().journaled_digest; }
uint64_t RocksDatabase::journal_bytes() const { return standing().journal_bytes; }

Result<std::shared_ptr<const StoreView>> RocksDatabase::CommittedView(
    std::string_view store) const {
  const auto found = std::find(stores_.begin(), stores_.end(), store);
  if (found == stores_.end()) {
    return Error(StatusCode::kNotFound, fmt::format("store {}: there is none", store));
  }
  return views_[static_cast<size_t>(found - stores_.begin())];
}

std::shared_ptr<const StateSnapshot> RocksDatabase::Snapshot() const {
  return MakeSnapshot(handle_, options_.path, options_.stream_id);
}

Result<uint64_t> RocksDatabase::FreeDiskBytes() const {
  std::error_code error;
  const auto space = std::filesystem::space(options_.path, error);
  if (error) return Error(StatusCode::kIo, Doing(error.message()));
  return space.available;
}

std::string RocksDatabase::Doing(std::string_view what) const {
  return fmt::format("database {}: {}", options_.path, what);
}

}  // namespace sluice
