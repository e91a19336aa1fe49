// SPDX-License-Identifier: Apache-2.0
#include "postgres/parallel_writer.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <system_error>
#include <utility>

namespace sluice_postgres {

using sluice::sdk::operator==;
using sluice::sdk::Batch;
using sluice::sdk::Status;

namespace {

// Heights that the guard row may be behind while there is other work: what a reader of it sees
// late, and what a start has to read.
constexpr uint64_t kBehindMax = 64;

}  // namespace

// --- beginning and ending ----------------------------------------------------------------------

Fault ParallelWriter::Begin(const GuardRow& position, AppliedHeights applied) {
  End();
  position_ = position;
  guard_height_ = position.height;
  applied_ = std::move(applied);
  open_ = std::make_unique<HeightGroup>(setup_->settings, setup_->key);
  stopping_ = false;
  last_fault_ = Fault::None();
  try {
    for (uint64_t i = 0; i < setup_->settings.connections; ++i) {
      sessions_.push_back(std::make_unique<Session>(setup_, host_));
      threads_.emplace_back([this, session = sessions_.back().get()] { Work(session); });
    }
  } catch (const std::system_error& error) {
    End();
    return Fault::Retry(std::string("the system has no thread left for a connection: ") +
                        error.what());
  }
  return {};
}

void ParallelWriter::End() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  freed_.notify_all();
  for (const auto& session : sessions_) session->wakeup().Raise();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  sessions_.clear();
  open_.reset();
  singles_.clear();
  taken_.clear();
  again_.clear();
}

void ParallelWriter::Cancel() {
  {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
  }
  freed_.notify_all();
}

// --- delivery threads --------------------------------------------------------------------------

bool ParallelWriter::Full() const {
  const Settings& settings = setup_->settings;
  return open_->heights().size() >= settings.batch_blocks || open_->bytes() >= settings.batch_bytes;
}

Status ParallelWriter::Deliver(const Batch& batch) {
  const uint64_t height = batch.height();
  Lock lock(mutex_);
  freed_.wait(lock, [&] { return stopping_ || cancelled_ || !Full(); });
  if (stopping_ || Full()) return Status::Cancelled("cancelled while the connections are busy");
  if (Status status = Check(batch); !status.ok()) return status;
  if (height <= position_.height || applied_.count(height) != 0) return Status::Ok();
  const bool is_new = taken_.insert_or_assign(height, batch.attempt()).second;
  if (!is_new) return Status::Pending();
  if (again_.count(height) != 0) {
    singles_.push_back(std::make_unique<HeightGroup>(setup_->settings, setup_->key));
    singles_.back()->Add(batch, Clock::now());
  } else {
    open_->Add(batch, Clock::now());
  }
  work_.notify_one();
  return Status::Pending();
}

// Neighbours that are known must be of the same history; those that are not are compared when the
// run comes to them.
Status ParallelWriter::Check(const Batch& batch) const {
  const uint64_t height = batch.height();
  const auto diverged = [&](const char* how) {
    return Status::Fatal("the sink has diverged: " + HeightText(height) + how);
  };
  if (height < position_.height) return Status::Ok();
  if (height == position_.height) {
    return batch.digest() == position_.digest ? Status::Ok()
                                              : diverged(" is held with another digest");
  }
  if (const auto held = applied_.find(height);
      held != applied_.end() && !(held->second.digest == batch.digest())) {
    return diverged(" is held with another digest");
  }
  const auto before = applied_.find(height - 1);
  const bool follows_run = height == position_.height + 1;
  if ((follows_run && !(batch.previous_digest() == position_.digest)) ||
      (before != applied_.end() && !(batch.previous_digest() == before->second.digest))) {
    return diverged(" is not chained to the digest that is held for the height before it");
  }
  if (const auto after = applied_.find(height + 1);
      after != applied_.end() && !(after->second.previous_digest == batch.digest())) {
    return diverged(" is not what the height behind it, which is held, is chained to");
  }
  return Status::Ok();
}

Status ParallelWriter::Drain(std::chrono::nanoseconds deadline) {
  const auto until = Clock::now() + deadline;
  Lock lock(mutex_);
  last_fault_ = Fault::None();
  const auto done = [&] {
    return stopping_ || cancelled_ || (taken_.empty() && writing_ == 0 && !moving_ && !MoveIsDue());
  };
  if (!freed_.wait_until(lock, until, done)) {
    return Status::Retry("heights were still being written at the deadline of the drain");
  }
  if (cancelled_ && !taken_.empty())
    return Status::Cancelled("cancelled while heights are written");
  return last_fault_.status();
}

// --- writing threads ---------------------------------------------------------------------------

void ParallelWriter::Work(Session* session) {
  Lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [&] { return stopping_ || HasWork() || MoveIsDue(); });
    if (stopping_) return;
    if (MoveIsDue()) MoveGuard(&lock, session);
    if (stopping_ || !HasWork()) continue;
    const Group group = TakeGroup();
    const bool asked = again_.count(group->first().height) != 0;
    ++writing_;
    lock.unlock();
    freed_.notify_all();
    Fault fault;
    try {
      fault = Write(session, group.get(), asked);
    } catch (const std::exception& error) {
      fault = Fault::Broken(std::string("writing a group: ") + error.what());
    }
    lock.lock();
    --writing_;
    if (!stopping_) Finish(*group, fault);
    freed_.notify_all();
  }
}

ParallelWriter::Group ParallelWriter::TakeGroup() {
  if (!singles_.empty()) {
    Group group = std::move(singles_.front());
    singles_.pop_front();
    return group;
  }
  return std::exchange(open_, std::make_unique<HeightGroup>(setup_->settings, setup_->key));
}

Fault ParallelWriter::Write(Session* session, HeightGroup* group, bool asked) {
  if (Fault fault = session->Connect(); !fault.ok()) return fault;
  if (asked) {
    bool held = false;
    if (Fault fault = TakeOver(session, group->first(), &held); !fault.ok() || held) return fault;
  }
  return session->Write(group, [&] { return WriteOnce(session, *group); });
}

Fault ParallelWriter::WriteOnce(Session* session, const HeightGroup& group) {
  const auto& [settings, key, epoch, level, started] = *setup_;
  std::vector<Step> guards = {
      Guard(ShareGuardSql(settings, key, epoch)),
      Guard(InsertAppliedSql(settings, key, epoch, group), group.heights().size())};
  WriteOutcome outcome = WriteOutcome::kCommitted;
  Fault fault = WriteGroup(settings, key, epoch, group, std::move(guards), session->state_columns(),
                           &session->connection(), &outcome);
  if (!fault.ok() || outcome == WriteOutcome::kCommitted) return fault;
  return session->AskAfterMiss("none of the group to be held");
}

// Like a group: under the guard, and committed as safely, before it counts.
Fault ParallelWriter::TakeOver(Session* session, const GroupHeight& height, bool* held) {
  const auto& [settings, key, epoch, level, started] = *setup_;
  Connection& connection = session->connection();
  PgResult guard;
  PgResult row;
  Fault fault = connection.Execute("BEGIN");
  if (fault.ok()) fault = connection.Execute(ShareGuardSql(settings, key, epoch), &guard);
  if (fault.ok() && PQntuples(guard.get()) != 1) {
    connection.Rollback();
    return session->AskAfterMiss("its own epoch");
  }
  if (fault.ok()) {
    fault = connection.Execute(TakeOverAppliedSql(settings, key, epoch, height.height), &row);
  }
  if (fault.ok()) fault = connection.Commit();
  if (!fault.ok()) {
    connection.Rollback();
    return fault.WithContext("asking whether " + HeightText(height.height) + " is held");
  }
  *held = PQntuples(row.get()) == 1;
  if (!*held) return {};
  const std::optional<sluice_digest> digest = sluice::sdk::DigestFromHex(Field(row, 0, 0));
  if (digest && *digest == height.digest) return {};
  return Fault::Broken(session->name() + " has diverged: it holds " + HeightText(height.height) +
                       " with another digest");
}

// Under the lock: the host's functions neither block nor come back.
void ParallelWriter::Finish(const HeightGroup& group, const Fault& fault) {
  Fault told = fault;
  if (fault.code() == SLUICE_REJECT && group.heights().size() > 1) {
    told = Fault::Retry(fault.text() + "; the heights of the group are written one by one");
  } else if (fault.code() == SLUICE_CANCELLED) {
    told = Fault::Retry(fault.text());
  }
  if (!told.ok()) last_fault_ = told;
  for (const GroupHeight& height : group.heights()) {
    const auto taken = taken_.find(height.height);
    const uint64_t attempt = taken->second;
    taken_.erase(taken);
    if (!told.ok()) {
      again_.insert(height.height);
      host_.Nack(setup_->epoch, attempt, height.height, told.status());
      continue;
    }
    again_.erase(height.height);
    applied_.insert_or_assign(
        height.height, AppliedHeight{height.digest, height.previous_digest, height.filtered});
    host_.Ack(setup_->epoch, attempt, height.height, height.height, setup_->level);
  }
  AdvanceOver(applied_, &position_);
  applied_.erase(applied_.begin(), applied_.upper_bound(position_.height));
}

// --- the guard row -----------------------------------------------------------------------------

bool ParallelWriter::MoveIsDue() const {
  if (moving_ || position_.height <= guard_height_) return false;
  return position_.height - guard_height_ >= kBehindMax || (writing_ == 0 && !HasWork());
}

// What a move that fails was to tell is in sluice_applied, and the next one makes up for it. So it
// need not wait for the server's disk either.
void ParallelWriter::MoveGuard(Lock* lock, Session* session) {
  moving_ = true;
  const GuardRow to = position_;
  lock->unlock();
  Fault fault = MoveOnce(session, to);
  // An idle connection may have been lost long ago.
  if (fault.code() == SLUICE_RETRY) fault = MoveOnce(session, to);
  if (!fault.ok() && fault.code() != SLUICE_CANCELLED) {
    host_.Log(SLUICE_LOG_WARN, fault.text() + "; the position is moved later");
  }
  lock->lock();
  guard_height_ = to.height;
  moving_ = false;
  freed_.notify_all();
}

Fault ParallelWriter::MoveOnce(Session* session, const GuardRow& to) {
  if (Fault fault = session->Connect(); !fault.ok()) return fault;
  const auto& [settings, key, epoch, level, started] = *setup_;
  std::vector<Step> steps = BeginTransaction();
  steps.push_back(Plain("SET LOCAL synchronous_commit = off"));
  steps.push_back(Guard(MoveGuardSql(settings, key, epoch, to)));
  steps.push_back(Plain(DeleteAppliedSql(settings, key, to.height)));
  // A guard that is missed is another epoch's, which the next height is told.
  WriteOutcome outcome = WriteOutcome::kCommitted;
  return RunTransaction(std::move(steps), &session->connection(), &outcome);
}

}  // namespace sluice_postgres
