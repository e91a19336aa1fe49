// SPDX-License-Identifier: Apache-2.0
#include "commit/store_writer.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace sluice {
namespace {

constexpr char kComponent[] = "commit";
constexpr Duration kFirstSpaceRetry = std::chrono::milliseconds(200);
constexpr Duration kLastSpaceRetry = std::chrono::seconds(5);
// Reopening writes out memtables; with less than this it would only fail again.
constexpr uint64_t kSpaceToReopen = 8 << 20;

}  // namespace

Status StoreWriter::Write(WriteGroup* group) {
  Duration delay = kFirstSpaceRetry;
  Status status = database_->Write(*group);
  while (status.code() == StatusCode::kNoSpace) {
    SLUICE_RETURN_IF_ERROR(ReopenWithSpace(std::move(status), &delay));
    status = Status::Ok();
    const Height committed = database_->committed().height;
    const Height journaled = database_->journaled_height();
    std::erase_if(group->commits,
                  [&](const CommitEntry& e) { return e.change_set->height() <= committed; });
    std::erase_if(group->journal,
                  [&](const JournalEntry& e) { return e.change_set->height() <= journaled; });
    if (!group->commits.empty() || !group->journal.empty() || !group->unacked.empty()) {
      status = database_->Write(*group);
    }
    if (status.ok()) SayThereIsSpace();
  }
  return status;
}

void StoreWriter::NoteFailure(const Status& failure) {
  std::lock_guard lock(mutex_);
  // Space can be waited for; what is worse must not be forgotten for it.
  if (noted_.ok() || noted_.code() == StatusCode::kNoSpace) noted_ = failure;
}

Status StoreWriter::Mend(bool* mended) {
  Status failure;
  {
    std::lock_guard lock(mutex_);
    failure = std::exchange(noted_, Status::Ok());
  }
  *mended = !failure.ok();
  if (failure.ok()) return failure;
  Duration delay = kFirstSpaceRetry;
  SLUICE_RETURN_IF_ERROR(ReopenWithSpace(std::move(failure), &delay));
  SayThereIsSpace();
  return Status::Ok();
}

void StoreWriter::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
}

std::string StoreWriter::blocked() const {
  std::lock_guard lock(mutex_);
  return blocked_;
}

// Closes and opens the database until it takes writes; what is no lack of space is returned.
Status StoreWriter::ReopenWithSpace(Status failure, Duration* delay) {
  while (failure.code() == StatusCode::kNoSpace) {
    attempts_.fetch_add(1, std::memory_order_relaxed);
    {
      std::unique_lock lock(mutex_);
      if (blocked_.empty()) {
        LogError(kComponent, "{}; taking no blocks until there is space", failure.message());
      }
      blocked_ = failure.message();
      if (stopped_.wait_for(lock, *delay, [this] { return stopping_; })) {
        return Status(StatusCode::kCancelled, "stopped while the disk was full");
      }
    }
    *delay = std::min(*delay * 2, kLastSpaceRetry);
    Result<uint64_t> free = database_->FreeDiskBytes();
    if (free && *free < kSpaceToReopen) continue;
    {
      // What others have met so far is mended with it.
      std::lock_guard lock(mutex_);
      if (noted_.code() == StatusCode::kNoSpace) noted_ = Status::Ok();
    }
    failure = database_->Reopen();
  }
  return failure;
}

void StoreWriter::SayThereIsSpace() {
  LogInfo(kComponent, "there is space again; going on at height {}", database_->journaled_height());
  std::lock_guard lock(mutex_);
  blocked_.clear();
}

}  // namespace sluice
