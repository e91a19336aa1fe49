// SPDX-License-Identifier: Apache-2.0
#include "delivery/snapshot_copy.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/failpoint.h"
#include "base/log.h"

namespace sluice {
namespace {

// Small enough to be a short call and little memory, large enough to cost nothing each.
constexpr uint64_t kPartRows = 4096;
constexpr uint64_t kPartBytes = uint64_t{1} << 20;
// A rest is never longer: a part that took long has mostly waited for the sink.
constexpr Duration kRestMax = std::chrono::milliseconds(50);

SnapshotCopy::Outcome Failed(SinkFault fault, Status status) {
  return {std::nullopt, {fault, std::move(status)}};
}

SnapshotCopy::Outcome Failed(Status status) {
  const SinkFault fault =
      status.code() == StatusCode::kFenced ? SinkFault::kFenced : SinkFault::kRetryable;
  return Failed(fault, std::move(status));
}

}  // namespace

SnapshotCopy::SnapshotCopy(Settings settings, StateSource* state, const JournalSource* journal,
                           SinkObserver* observer, CallWatch* watch,
                           std::function<bool(Duration)> pause)
    : settings_(std::move(settings)),
      state_(state),
      journal_(journal),
      observer_(observer),
      watch_(watch),
      pause_(std::move(pause)) {}

std::optional<SnapshotProgress> SnapshotCopy::progress() const {
  std::lock_guard lock(mutex_);
  return progress_;
}

template <typename Function>
Status SnapshotCopy::Call(const char* what, Duration timeout, const Function& function) {
  const TimePoint overdue_at = timeout > Duration::zero() ? Now() + timeout : TimePoint::max();
  if (!watch_->Enter(CallWatch::Call::kSnapshot, overdue_at)) {
    return Status(StatusCode::kCancelled, "the instance is being ended");
  }
  Status status = function();
  if (!watch_->Leave()) return Status(StatusCode::kCancelled, "the instance was abandoned");
  return status.ok() ? status : status.WithContext(fmt::format("snapshot: {} failed", what));
}

SnapshotCopy::Outcome SnapshotCopy::Run(SinkInstance* instance) {
  // First at what is committed now, so that nothing above the view's height can be pruned.
  observer_->OnSnapshot(settings_.sink, journal_->committed(), 0);
  Result<std::unique_ptr<StateReader>> reader = state_->OpenState(settings_.filter);
  if (!reader) return Failed(reader.error().WithContext("the state cannot be read"));
  return Take(instance, reader->get());
}

SnapshotCopy::Outcome SnapshotCopy::Take(SinkInstance* instance, StateReader* reader) {
  const Base base = reader->base();
  SnapshotArgs args;
  args.base = base;
  args.epoch = settings_.epoch;
  args.filtered = !settings_.filter.passes_all();
  args.time_unix_nanos = WallNanos();
  args.rows_about = reader->rows_about();
  observer_->OnSnapshot(settings_.sink, base.height, 0);
  {
    std::lock_guard lock(mutex_);
    progress_ = SnapshotProgress{base.height, 0, args.rows_about, 0, args.time_unix_nanos};
  }
  LogInfo(settings_.component, "copying the state at height {}: about {} rows", base.height,
          args.rows_about);
  Failpoint("delivery.snapshot.begin.before", base.height.value());
  Status status =
      Call("begin", settings_.call_timeout, [&] { return instance->BeginSnapshot(args); });
  if (!status.ok()) return Failed(std::move(status));
  Failpoint("delivery.snapshot.begin.after", base.height.value());

  seen_committed_ = journal_->committed();
  StateRows rows;
  for (uint64_t part = 0;; ++part) {
    const TimePoint begun_at = Now();
    if (status = reader->Read(kPartRows, kPartBytes, &rows); !status.ok()) {
      return Failed(status.WithContext("the state cannot be read"));
    }
    if (rows.size() == 0) break;
    Failpoint("delivery.snapshot.part.before", part);
    status = Call("part", settings_.part_timeout,
                  [&] { return instance->TakeSnapshotPart(part, rows.views()); });
    if (!status.ok()) return Failed(std::move(status));
    Failpoint("delivery.snapshot.part.after", part);
    uint64_t taken = 0;
    {
      std::lock_guard lock(mutex_);
      progress_->rows += rows.size();
      progress_->bytes += rows.bytes();
      taken = progress_->rows;
    }
    observer_->OnSnapshot(settings_.sink, base.height, taken);
    if (journal_->first() > base.height + 1) {
      return Failed(SinkFault::kGap,
                    Status(StatusCode::kPlugin,
                           fmt::format("while the state at height {} was copied, the journal's cap "
                                       "was reached, and it begins at {} now: raise "
                                       "journal.max_bytes or journal.max_blocks, then `sluice sink "
                                       "snapshot {}`",
                                       base.height, journal_->first(), settings_.sink)));
    }
    if (!GiveWay(Now() - begun_at)) {
      return Failed(Status(StatusCode::kCancelled, "the instance is being ended"));
    }
  }
  Failpoint("delivery.snapshot.end.before", base.height.value());
  status = Call("end", settings_.call_timeout, [&] { return instance->EndSnapshot(); });
  if (!status.ok()) return Failed(std::move(status));
  Failpoint("delivery.snapshot.end.after", base.height.value());
  LogInfo(settings_.component, "the state at height {} is copied: {} rows", base.height,
          progress()->rows);
  return {base, {}};
}

bool SnapshotCopy::GiveWay(Duration worked) {
  const Height committed = journal_->committed();
  const bool busy = committed != std::exchange(seen_committed_, committed);
  return pause_(busy ? std::min(worked, kRestMax) : Duration::zero());
}

}  // namespace sluice
