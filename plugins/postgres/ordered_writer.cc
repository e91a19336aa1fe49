// SPDX-License-Identifier: Apache-2.0
#include "postgres/ordered_writer.h"

#include <algorithm>
#include <exception>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace sluice_postgres {

using sluice::sdk::operator==;
using sluice::sdk::Batch;
using sluice::sdk::Status;

namespace {

// Of the largest group, what is worth a transaction where the server waits for one.
constexpr uint64_t kIdleShare = 4;

}  // namespace

OrderedWriter::~OrderedWriter() {
  if (!write_.valid()) return;
  session_->wakeup().Raise();
  write_.wait();
}

void OrderedWriter::Attached(const GuardRow& position, AppliedHeights held) {
  position_ = position;
  held_ = std::move(held);
}

Fault OrderedWriter::FindPosition() {
  if (Fault fault = session_->MakeSure(); !fault.ok()) return fault;
  return ReadGuardRow(setup_->settings, setup_->key, &session_->connection(), &position_);
}

Status OrderedWriter::Deliver(const Batch& batch) {
  if (write_.valid() && !WriteUnderWay()) {
    if (Fault fault = EndWrite(); !fault.ok()) return Dropped(std::move(fault), batch.height());
  }
  // Not what this instance remembers, but what became of its last transaction.
  if (group_.empty() && writing_.empty() && !session_->connection().open()) {
    if (Fault fault = FindPosition(); !fault.ok()) return fault.status();
  }
  const HeightGroup& newest = group_.empty() ? writing_ : group_;
  const uint64_t at = newest.empty() ? position_.height : newest.last().height;
  const sluice_digest digest = newest.empty() ? position_.digest : newest.last().digest;
  if (batch.height() <= at) return DeliverAgain(batch);
  const auto held = held_.find(batch.height());
  const bool diverged = !(batch.previous_digest() == digest) ||
                        (held != held_.end() && !(held->second.digest == batch.digest()));
  if (batch.height() != at + 1 || diverged) return Refuse(batch, at);
  group_.Add(batch, Clock::now(), held != held_.end());
  return EndGroup(batch);
}

Status OrderedWriter::Refuse(const Batch& batch, uint64_t at) {
  if (Fault fault = EndWrite(); !fault.ok()) return Dropped(std::move(fault), batch.height());
  if (batch.height() != at + 1) {
    return Status::Fatal(session_->name() + ": " + HeightText(at + 1) + " comes next, not " +
                         HeightText(batch.height()) +
                         "; ask where the sink stands and deliver from there");
  }
  return Status::Fatal(session_->name() + " has diverged: " + HeightText(batch.height()) +
                       " is not of the history that it holds, which is at " + HeightText(at));
}

// While the group before is being written, this one could only wait. A server that has nothing to
// do gets a part of a group soon, and the others grow while it is busy.
bool OrderedWriter::WaitsForMore(const Batch& batch) const {
  const Settings& settings = setup_->settings;
  const bool busy = WriteUnderWay();
  const uint64_t share = busy ? 1 : kIdleShare;
  const auto age = Clock::now() - group_.opened_at();
  return batch.height() < batch.newest_height() && batch.height() > single_through_ &&
         share * group_.heights().size() < settings.batch_blocks &&
         share * group_.bytes() < settings.batch_bytes &&
         (age < settings.linger || (busy && settings.linger.count() > 0));
}

// The next height is certain to come, and with it the next look at what became of this group. What
// is much larger than a group should be is not kept beside another one.
bool OrderedWriter::WritesBehind(const Batch& batch) const {
  return batch.height() < batch.newest_height() && batch.height() > single_through_ &&
         group_.bytes() < 2 * setup_->settings.batch_bytes;
}

Status OrderedWriter::EndGroup(const Batch& batch) {
  if (WaitsForMore(batch)) return Status::Pending();
  Fault fault = EndWrite();
  if (fault.ok() && WritesBehind(batch) && BeginWrite()) return Status::Pending();
  if (fault.ok()) fault = Write(&group_);
  if (!fault.ok()) return Dropped(std::move(fault), batch.height());
  const bool alone = group_.heights().size() == 1;
  if (!alone) Ack(group_);
  Hold(&group_);
  return alone ? Status::Ok() : Status::Pending();
}

Status OrderedWriter::DeliverAgain(const Batch& batch) {
  if (Fault fault = EndWrite(); !fault.ok()) return Dropped(std::move(fault), batch.height());
  const bool same_height = batch.height() == position_.height;
  if (same_height && !(batch.digest() == position_.digest)) {
    return Status::Fatal(session_->name() + " has diverged: it holds " +
                         HeightText(batch.height()) + " with another digest");
  }
  // Below it, the chain of digests vouches for what is held.
  if (batch.height() <= position_.height) return Status::Ok();
  for (GroupHeight& height : group_.heights()) {
    if (height.height == batch.height()) height.attempt = batch.attempt();
  }
  return EndGroup(batch);
}

// --- writing -----------------------------------------------------------------------------------

bool OrderedWriter::BeginWrite() {
  std::swap(group_, writing_);
  try {
    write_ = std::async(std::launch::async, [this] {
      try {
        Fault fault = Write(&writing_);
        if (fault.ok()) Ack(writing_);
        return fault;
      } catch (const std::exception& error) {
        return Fault::Broken(std::string("writing a group: ") + error.what());
      }
    });
  } catch (const std::system_error&) {
    std::swap(group_, writing_);
    return false;
  }
  return true;
}

bool OrderedWriter::WriteUnderWay() const {
  return write_.valid() && write_.wait_for(std::chrono::seconds(0)) != std::future_status::ready;
}

Fault OrderedWriter::EndWrite() {
  if (!write_.valid()) return {};
  Fault fault = write_.get();
  if (fault.ok()) Hold(&writing_);
  return fault;
}

void OrderedWriter::Hold(HeightGroup* group) {
  position_.found = true;
  position_.epoch = setup_->epoch;
  position_.height = group->last().height;
  position_.digest = group->last().digest;
  held_.erase(held_.begin(), held_.upper_bound(position_.height));
  group->Clear();
}

void OrderedWriter::Ack(const HeightGroup& group) const {
  host_.Ack(setup_->epoch, group.last().attempt, 0, group.last().height, setup_->level);
}

void OrderedWriter::Clear() {
  (void)EndWrite();
  writing_.Clear();
  group_.Clear();
}

Fault OrderedWriter::Write(HeightGroup* group) {
  return session_->Write(group, [&] { return WriteOnce(*group); });
}

Fault OrderedWriter::WriteOnce(const HeightGroup& group) {
  const auto& [settings, key, epoch, level, started] = *setup_;
  std::vector<Step> guards = {
      Guard(AdvanceGuardSql(settings, key, epoch, group.first().height, group.previous_digest(),
                            group.last().height, group.last().digest, group.filtered()))};
  if (group.any_held())
    guards.push_back(Plain(DeleteAppliedSql(settings, key, group.last().height)));
  WriteOutcome outcome = WriteOutcome::kCommitted;
  Fault fault = WriteGroup(settings, key, epoch, group, std::move(guards),
                           session_->state_columns(), &session_->connection(), &outcome);
  if (!fault.ok() || outcome == WriteOutcome::kCommitted) return fault;
  return session_->AskAfterMiss(HeightText(group.first().height - 1));
}

Status OrderedWriter::Dropped(Fault fault, uint64_t height) {
  const HeightGroup& failed = writing_.empty() ? group_ : writing_;
  // Which height of the group it is shows when each comes alone.
  if (fault.code() == SLUICE_REJECT && failed.heights().size() > 1) {
    single_through_ = failed.last().height;
    fault = Fault::Retry(fault.text() + "; the heights of the group are written one by one");
  }
  const Status status = fault.status();
  const bool others = !failed.empty() && failed.first().height < height;
  const GroupHeight first = others ? failed.first() : GroupHeight();
  Clear();
  // For the host, a height that is nacked has no call that could have been cancelled.
  const bool cancelled = status.code() == SLUICE_CANCELLED;
  if (others) {
    host_.Nack(setup_->epoch, first.attempt, first.height,
               cancelled ? Status::Retry(status.text()) : status);
  }
  return status;
}

Status OrderedWriter::Drain(std::chrono::nanoseconds deadline) {
  const Clock::time_point until = Clock::now() + deadline;
  if (write_.valid() && write_.wait_until(until) != std::future_status::ready) {
    session_->wakeup().Raise();
  }
  if (Fault fault = EndWrite(); !fault.ok()) return Dropped(std::move(fault), UINT64_MAX);
  if (group_.empty()) return Status::Ok();
  session_->connection().set_deadline(until);
  Fault fault = Write(&group_);
  session_->connection().set_deadline(Clock::time_point::max());
  if (!fault.ok()) return Dropped(std::move(fault), UINT64_MAX);
  Ack(group_);
  Hold(&group_);
  return Status::Ok();
}

}  // namespace sluice_postgres
