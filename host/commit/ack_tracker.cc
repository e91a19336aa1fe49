// SPDX-License-Identifier: Apache-2.0
#include "commit/ack_tracker.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/failpoint.h"

namespace sluice {

AckTracker::AckTracker(std::vector<SinkName> sinks) {
  sinks_.reserve(sinks.size());
  for (SinkName& name : sinks) {
    Sink sink;
    sink.name = std::move(name);
    sinks_.push_back(std::move(sink));
  }
}

void AckTracker::SetNotify(std::function<void()> notify) {
  std::lock_guard lock(notify_mutex_);
  notify_ = std::move(notify);
}

const AckTracker::Sink* AckTracker::Find(const SinkName& sink) const {
  auto found = std::find_if(sinks_.begin(), sinks_.end(),
                            [&](const Sink& candidate) { return candidate.name == sink; });
  SLUICE_CHECK(found != sinks_.end(), "the tracker knows every sink");
  return &*found;
}

AckTracker::Sink* AckTracker::Find(const SinkName& sink) {
  return const_cast<Sink*>(std::as_const(*this).Find(sink));
}

void AckTracker::Changed(std::unique_lock<std::mutex> lock) {
  lock.unlock();
  std::lock_guard notifying(notify_mutex_);
  if (notify_) notify_();
}

void AckTracker::SetWatermark(const SinkName& sink, AckLevel level, Height watermark,
                              AckLevel highest) {
  Failpoint("commit.s3.before", watermark.value());
  std::unique_lock lock(mutex_);
  Sink* found = Find(sink);
  found->known = true;
  found->highest = highest;
  // A level implies those below it.
  for (int32_t i = 1; i <= static_cast<int32_t>(level); ++i) {
    found->watermark[static_cast<size_t>(i)] = watermark;
  }
  Changed(std::move(lock));
  Failpoint("commit.s3.after", watermark.value());
}

void AckTracker::SetAvailability(const SinkName& sink, SinkAvailability availability,
                                 std::string reason) {
  std::unique_lock lock(mutex_);
  Sink* found = Find(sink);
  if (found->lost || found->removed) return;  // only a command or a restart asks a lost one again
  // Told once it runs, and not again before it has stopped to run.
  if (availability == SinkAvailability::kAvailable && reason.empty()) found->expected = false;
  if (found->availability == availability && found->reason == reason) return;
  found->availability = availability;
  found->reason = std::move(reason);
  Changed(std::move(lock));
}

void AckTracker::SetStored(const SinkName& sink, Height stored) {
  std::lock_guard lock(mutex_);
  Find(sink)->stored = stored;
}

void AckTracker::SetPartial(const SinkName& sink, Height after) {
  std::unique_lock lock(mutex_);
  Sink* found = Find(sink);
  if (found->partial_after == after) return;
  found->partial_after = after;
  Changed(std::move(lock));
}

void AckTracker::ForgetWatermark(const SinkName& sink) {
  std::unique_lock lock(mutex_);
  Sink* found = Find(sink);
  found->watermark = {};
  found->stored = Height();
  found->known = false;
  Changed(std::move(lock));
}

void AckTracker::SetCopying(const SinkName& sink, std::optional<Height> height, uint64_t rows) {
  std::unique_lock lock(mutex_);
  Sink* found = Find(sink);
  if (height && rows == 0) {
    found->lost = false;
    found->availability = SinkAvailability::kJoining;
    found->reason = CopyingReason(*height);
  }
  // Given up since it began: the copy learns it from the journal.
  if (found->lost) height.reset();
  found->copying = height;
  found->copied_rows = rows;
  Changed(std::move(lock));
}

void AckTracker::SetLost(const SinkName& sink) {
  std::unique_lock lock(mutex_);
  Sink* found = Find(sink);
  found->lost = true;
  found->copying.reset();
  found->availability = SinkAvailability::kGone;
  found->reason = "lost: it fell behind the journal's cap";
  Changed(std::move(lock));
}

bool AckTracker::IsLost(const SinkName& sink) const {
  std::lock_guard lock(mutex_);
  return Find(sink)->lost;
}

void AckTracker::Add(const SinkName& sink) {
  Sink fresh;
  fresh.name = sink;
  std::unique_lock lock(mutex_);
  auto found = std::find_if(sinks_.begin(), sinks_.end(),
                            [&](const Sink& known) { return known.name == sink; });
  if (found == sinks_.end()) {
    sinks_.push_back(std::move(fresh));
  } else {
    SLUICE_CHECK(found->removed, "a sink is added once");
    *found = std::move(fresh);
  }
  Changed(std::move(lock));
}

void AckTracker::Remove(const SinkName& sink) {
  std::unique_lock lock(mutex_);
  Sink* found = Find(sink);
  found->removed = true;
  found->availability = SinkAvailability::kGone;
  found->reason = "removed";
  Changed(std::move(lock));
}

void AckTracker::Restore(const SinkName& sink) {
  std::unique_lock lock(mutex_);
  Find(sink)->removed = false;
  Changed(std::move(lock));
}

void AckTracker::Expect(const SinkName& sink) {
  std::unique_lock lock(mutex_);
  Sink* found = Find(sink);
  found->expected = true;
  found->availability = SinkAvailability::kJoining;
  found->reason = "starting";
  Changed(std::move(lock));
}

void AckTracker::ClearLost(const SinkName& sink) {
  std::unique_lock lock(mutex_);
  Sink* found = Find(sink);
  if (!found->lost) return;
  found->lost = false;
  found->reason = "starting";
  Changed(std::move(lock));
}

std::vector<AckTracker::Sink> AckTracker::Snapshot() const {
  std::lock_guard lock(mutex_);
  return sinks_;
}

std::vector<std::pair<SinkName, Height>> AckTracker::TakeWatermarksToStore() {
  std::vector<std::pair<SinkName, Height>> result;
  std::lock_guard lock(mutex_);
  for (Sink& sink : sinks_) {
    Height pin = sink.pin();
    if (sink.removed || sink.copying || pin == Height() || pin == sink.stored) continue;
    sink.stored = pin;
    result.emplace_back(sink.name, pin);
  }
  return result;
}

Height AckTracker::LowestPin(Height journal_first) const {
  std::lock_guard lock(mutex_);
  Height lowest(std::numeric_limits<int64_t>::max());
  for (const Sink& sink : sinks_) {
    if (sink.lost || sink.removed) continue;
    if (sink.pin() + 1 >= journal_first) lowest = std::min(lowest, sink.pin());
  }
  return lowest;
}

}  // namespace sluice
