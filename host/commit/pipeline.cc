// SPDX-License-Identifier: Apache-2.0
#include "commit/pipeline.h"

#include <fmt/core.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "base/check.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "commit/back_pressure.h"

namespace sluice {
namespace {

constexpr char kComponent[] = "commit";
constexpr Duration kDiskCheckInterval = std::chrono::milliseconds(250);
constexpr Duration kIntakeCheckInterval = std::chrono::milliseconds(100);
// How often a command looks whether the committing thread is between two writes.
constexpr Duration kSeatLook = std::chrono::milliseconds(1);

}  // namespace

Pipeline::Pipeline(PipelineSettings settings, Database* database, AckTracker* tracker,
                   DeliveryPort* delivery, std::vector<UnackedRange> recorded_ranges,
                   std::function<void(const SealedBlock&)> on_committed)
    : settings_(std::move(settings)),
      database_(database),
      tracker_(tracker),
      delivery_(delivery),
      on_committed_(std::move(on_committed)),
      room_({settings_.retain_blocks, settings_.journal_max_bytes, settings_.journal_max_blocks},
            database, tracker),
      writer_(database),
      submitted_(database->journaled_height()),
      committed_(database->committed().height),
      journaled_(database->journaled_height()),
      gate_(settings_.gate, std::move(recorded_ranges),
            [tracker] {
              std::vector<SinkName> names;
              for (AckTracker::Sink& sink : tracker->Snapshot()) names.push_back(sink.name);
              return names;
            }()),
      // Opening made what was found durable.
      durable_(committed_) {
  policy_ = settings_.gate.policy;
  left_out_.resize(tracker_->Snapshot().size());
  degraded_ = gate_.degraded().degraded();
  ranges_ = gate_.degraded().ranges();
  tracker_->SetNotify([this] { OnSinkNews(); });
}

Pipeline::~Pipeline() {
  Stop();
  tracker_->SetNotify(nullptr);
}

void Pipeline::Wake() {
  {
    std::lock_guard lock(mutex_);
    woken_ = true;
  }
  work_.notify_one();
}

// An ack that nothing waits for need not cost a change of threads.
void Pipeline::OnSinkNews() {
  {
    std::lock_guard lock(mutex_);
    if (!sinks_matter_) return;
    woken_ = true;
  }
  work_.notify_one();
}

void Pipeline::WaitForWake(std::optional<TimePoint> until) {
  std::unique_lock lock(mutex_);
  auto ready = [this] { return woken_ || stopping_; };
  if (until && *until != TimePoint::max()) {
    work_.wait_until(lock, *until, ready);
  } else {
    work_.wait(lock, ready);
  }
  woken_ = false;
}

Status Pipeline::WaitForSlot() {
  std::unique_lock lock(mutex_);
  std::optional<TimePoint> slot_since;  // there has been room for a block since then
  for (;;) {
    if (ended_) return result_.ok() ? Status(StatusCode::kCancelled, "stopped") : result_;
    if (stopping_ || intake_stopped_) return Status(StatusCode::kCancelled, "stopped");
    if (submitted_ - committed_ < settings_.window) {
      std::string blocked = room_.Exceeded();
      const bool news = blocked.empty() != intake_blocked_.empty();
      intake_blocked_ = blocked;
      if (blocked.empty()) {
        const Duration delay = BackPressure();
        if (delay == Duration::zero()) return Status::Ok();
        const TimePoint now = Now();
        if (!slot_since) slot_since = now;
        const TimePoint until = *slot_since + delay;
        if (now >= until) return Status::Ok();
        // The delay gets shorter when a sink catches up.
        progress_.wait_until(lock, std::min(until, now + kIntakeCheckInterval));
        continue;
      }
      if (news) LogWarn(kComponent, "no block is taken: {}", blocked);
      // The committing thread may be able to make room, now or after the next ack.
      sinks_matter_ = true;
      woken_ = true;
      work_.notify_one();
      progress_.wait_for(lock, kIntakeCheckInterval);
      continue;
    }
    progress_.wait(lock);
  }
}

// Under mutex_.
Duration Pipeline::BackPressure() const {
  if (policy_.fire_and_forget) return Duration::zero();
  // Mostly nobody is behind, and then this is all.
  bool behind = room_.FillOf(Height()) > kFillWithoutDelay;
  for (size_t i = 0; i < left_out_.size() && !behind; ++i) {
    behind = delivery_->QueueFill(i) > kFillWithoutDelay;
  }
  if (!behind) return Duration::zero();
  const std::vector<AckTracker::Sink> sinks = tracker_->Snapshot();
  std::vector<SinkFill> fills(sinks.size());
  for (size_t i = 0; i < sinks.size(); ++i) {
    fills[i].fill = std::max(delivery_->QueueFill(i), room_.FillOf(sinks[i].pin()));
    fills[i].availability = sinks[i].lost ? SinkAvailability::kGone : sinks[i].availability;
    fills[i].left_out = i < left_out_.size() && left_out_[i];
  }
  return IntakeDelay(NeededFill(policy_, fills), settings_.intake_delay_max);
}

void Pipeline::Submit(SealedBlock block) {
  bool write_here;
  {
    std::lock_guard lock(mutex_);
    SLUICE_CHECK(block.change_set->height() == submitted_ + 1, "heights are submitted in order");
    submitted_ = block.change_set->height();
    sealed_.push_back(std::move(block));
    // Where no ack is waited for and the window is full, whoever submits could only wait for the
    // write. So it does the write itself, which saves two changes of threads a block.
    write_here = policy_.fire_and_forget && submitted_ - committed_ >= settings_.window &&
                 running_ && !intake_stopped_;
    submitter_writes_ = write_here;
  }
  if (write_here && WroteAll()) return;
  Wake();
}

// The submitting thread's turn, where the seat is free; true where that left nothing to do.
bool Pipeline::WroteAll() {
  Turn turn;
  if (std::unique_lock seat(seat_, std::try_to_lock); seat) turn = TakeTurn();
  std::lock_guard lock(mutex_);
  submitter_writes_ = false;
  return turn.kind == Turn::Kind::kWorked && sealed_.empty() && !sinks_matter_;
}

Status Pipeline::WaitUntilIdle(TimePoint deadline) {
  std::unique_lock lock(mutex_);
  auto idle = [this] { return ended_ || committed_ == submitted_; };
  if (deadline == TimePoint::max()) {
    progress_.wait(lock, [&] { return idle() || intake_stopped_; });
  } else if (!progress_.wait_until(lock, deadline, [&] { return idle() || hopeless_; }) ||
             !idle()) {
    return Status(StatusCode::kTimeout, fmt::format("heights {} to {} are not committed yet",
                                                    committed_ + 1, submitted_));
  }
  if (committed_ == submitted_) return Status::Ok();
  return result_.ok() ? Status(StatusCode::kCancelled, "stopped") : result_;
}

void Pipeline::StopIntake() {
  bool waits_for_space;
  {
    std::lock_guard lock(mutex_);
    intake_stopped_ = true;
    woken_ = true;
    // While sinks catch up nothing is under way that a stop would have to wait for; and a thread
    // that submits must get away from a full disk to stop the rest.
    waits_for_space = !running_ || submitter_writes_;
  }
  if (waits_for_space) writer_.Stop();
  work_.notify_all();
  progress_.notify_all();
}

void Pipeline::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  writer_.Stop();
  work_.notify_all();
  progress_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Pipeline::NoteStoreFailure(const Status& failure) {
  writer_.NoteFailure(failure);
  Wake();
}

Status Pipeline::ForgetWatermark(const SinkName& sink, bool removed, Duration patience,
                                 const std::function<Status()>& forget) {
  // Not a timed mutex: the thread sanitizer does not see its waits.
  std::unique_lock seat(seat_, std::try_to_lock);
  for (const TimePoint give_up_at = Now() + patience; !seat && Now() < give_up_at;
       seat.try_lock()) {
    std::this_thread::sleep_for(kSeatLook);
  }
  if (!seat) {
    return Status(StatusCode::kTimeout, "a write to the store is under way or waits for space");
  }
  std::erase_if(watermarks_to_store_, [&](const auto& one) { return one.first == sink; });
  if (removed) {
    WriteGroup group;
    group.epoch = database_->epoch();
    group.unacked = gate_.degraded().Disown(sink);
    group.force_sync = true;
    if (!group.unacked.empty()) SLUICE_RETURN_IF_ERROR(database_->Write(group));
    std::lock_guard lock(mutex_);
    ranges_ = gate_.degraded().ranges();
  }
  return forget();
}

bool Pipeline::ended() const {
  std::lock_guard lock(mutex_);
  return ended_;
}

Status Pipeline::result() const {
  std::lock_guard lock(mutex_);
  return result_;
}

// Under mutex_. A sink that could still come is no reason: the policy waits for it.
std::string Pipeline::WhyNotReady(const PipelineStatus& status) const {
  if (ended_) return result_.ok() ? "stopped" : result_.message();
  if (stopping_ || intake_stopped_) return "stopping";
  if (!running_) return "starting";
  if (!status.blocked.empty()) return status.blocked;
  if (degraded_) return {};  // goes on without the sinks that are missing
  const std::vector<AckTracker::Sink> sinks = tracker_->Snapshot();
  const Decision decision =
      Decide(policy_, Height(1), VotesWithoutAcks(sinks), TimePoint(), TimePoint::max());
  if (decision.verdict != Verdict::kUnsatisfiable) return {};
  std::string who;
  for (size_t sink : decision.waiting_on) {
    who += fmt::format("{}{}", who.empty() ? "" : ", ", sinks[sink].name);
  }
  return fmt::format("policy \"{}\" cannot hold without {}", policy_.text, who);
}

PipelineStatus Pipeline::status() const {
  PipelineStatus status;
  const std::string space_blocked = writer_.blocked();
  std::lock_guard lock(mutex_);
  status.committed = committed_;
  status.journaled = journaled_;
  status.waiting_on = waiting_on_;
  status.degraded = degraded_;
  status.unacked_ranges = ranges_;
  status.blocked = !space_blocked.empty()      ? space_blocked
                   : !reserve_blocked_.empty() ? reserve_blocked_
                                               : intake_blocked_;
  status.not_ready = WhyNotReady(status);
  status.gate_p50_seconds = counters_.gate_wait.QuantileSeconds(0.5);
  status.gate_p99_seconds = counters_.gate_wait.QuantileSeconds(0.99);
  return status;
}

void Pipeline::End(Status result) {
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
    if (result_.ok()) result_ = std::move(result);
  }
  progress_.notify_all();
  if (on_ended_) on_ended_();
}

void Pipeline::Run() {
  for (;;) {
    Turn turn;
    {
      std::lock_guard seat(seat_);
      turn = TakeTurn();
    }
    if (turn.kind == Turn::Kind::kEnded) return;
    if (turn.kind == Turn::Kind::kNothingToDo) WaitForWake(turn.look_again_at);
  }
}

Pipeline::Turn Pipeline::TakeTurn() {
  turns_.fetch_add(1, std::memory_order_relaxed);
  {
    std::lock_guard lock(mutex_);
    if (ended_) return {Turn::Kind::kEnded, {}};
  }
  Turn turn;
  if (Status status = TryTurn(&turn); !status.ok()) {
    const bool halted = status.code() == StatusCode::kHalted;
    if (status.code() == StatusCode::kCancelled) {
      status = Status::Ok();
    } else {
      LogError(kComponent, "{}{}", halted ? "halt: " : "", status.message());
    }
    End(std::move(status));
    turn.kind = Turn::Kind::kEnded;
  }
  std::lock_guard lock(mutex_);
  sinks_matter_ = !at_gate_.empty() || gate_.waits() || !intake_blocked_.empty();
  return turn;
}

// One batch, where there is something to write. An error ends the pipeline; kCancelled: stopped.
Status Pipeline::TryTurn(Turn* turn) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return Status(StatusCode::kCancelled, "stopped");
  }
  ApplyGate();
  bool mended = false;
  SLUICE_RETURN_IF_ERROR(writer_.Mend(&mended));
  Plan plan = MakePlan(Now());
  if (plan.halt) {
    counters_.CountPolicyFailure(OnFailure::kHalt);
    return Status(StatusCode::kHalted, *plan.halt);
  }
  if (plan.empty() && !MakeRoom(&plan)) {
    *turn = {Turn::Kind::kNothingToDo, plan.look_again_at};
    return Status::Ok();
  }
  SLUICE_RETURN_IF_ERROR(Execute(&plan));
  Finished(&plan);
  turn->kind = Turn::Kind::kWorked;
  return Status::Ok();
}

Pipeline::Plan Pipeline::MakePlan(TimePoint now) {
  Plan plan;
  PlanCommits(now, &plan);
  // On a halt no new S1 begins, also while what was let through before it is committed.
  if (!plan.halting) PlanJournal(now, &plan);
  if (!plan.halt && !plan.empty()) PlanGroup(&plan);
  return plan;
}

Status Pipeline::SetGate(GateSettings settings, TimePoint deadline) {
  std::unique_lock lock(mutex_);
  new_gate_ = std::move(settings);
  woken_ = true;
  work_.notify_one();
  progress_.wait_until(lock, deadline, [this] { return !new_gate_ || ended_ || stopping_; });
  if (!new_gate_) return Status::Ok();
  new_gate_.reset();
  return Status(StatusCode::kTimeout, ended_ || stopping_
                                          ? "the node is stopping"
                                          : "the policy could not be changed in time: a write "
                                            "to the store is under way or waits for space");
}

void Pipeline::ApplyGate() {
  GateSettings settings;
  Height journaled;
  {
    std::lock_guard lock(mutex_);
    if (!new_gate_) return;
    settings = std::move(*new_gate_);
    new_gate_.reset();
    policy_ = settings.policy;
    journaled = journaled_;
  }
  const Height first =
      at_gate_.empty() ? journaled + 1 : at_gate_.front().block.change_set->height();
  LogInfo(kComponent, "policy \"{}\" at level {} decides from height {} on", settings.policy.text,
          AckLevelName(settings.level), first);
  gate_.Reconfigure(std::move(settings), tracker_->Snapshot(), journaled);
  {
    std::lock_guard lock(mutex_);
    degraded_ = gate_.degraded().degraded();
  }
  progress_.notify_all();
}

// Sinks that were left out count again once they have reached the journaled height.
void Pipeline::LetIn(const std::vector<AckTracker::Sink>& sinks) {
  for (const std::string& name : gate_.LetIn(sinks, journaled_)) {
    LogInfo(kComponent, "sink {} has caught up and counts from now on", name);
  }
}

// S4: from the front, in order, as far as the gate lets heights through.
void Pipeline::PlanCommits(TimePoint now, Plan* plan) {
  std::vector<AckTracker::Sink> sinks = tracker_->Snapshot();
  DegradedRanges& degraded = gate_.degraded();
  LetIn(sinks);
  for (UnackedRange& healed : degraded.TakeHealed()) {
    LogInfo(kComponent, "unacked heights {} to {} are healed", healed.first, healed.last);
    plan->group.unacked.push_back(std::move(healed));
  }
  const size_t healed_count = plan->group.unacked.size();
  std::vector<size_t> waiting_on;
  bool hopeless = false;
  while (!at_gate_.empty()) {
    Waiting& front = at_gate_.front();
    const Height height = front.block.change_set->height();
    Failpoint("commit.s4.before", height.value());
    GateStep step = gate_.Step(height, front.delivered_at, sinks, now);
    if (!step.reason.empty() && step.kind != GateStep::Kind::kHalt) {
      LogWarn(kComponent, "{}; on_failure decides", step.reason);
      counters_.CountPolicyFailure(gate_.settings().on_failure);
    }
    if (step.kind == GateStep::Kind::kHalt) {
      // What the gate has let through before is committed first; the halt comes again at once.
      plan->halting = true;
      if (plan->commits.empty()) plan->halt = std::move(step.reason);
      break;
    }
    if (step.kind == GateStep::Kind::kWait) {
      plan->look_again_at = step.look_again_at;
      waiting_on = std::move(step.waiting_on);
      hopeless = step.hopeless;
      break;
    }
    if (!step.missing.empty()) {
      counters_.unacked_commits.fetch_add(1, std::memory_order_relaxed);
      UnackedRange range = degraded.Record(height, step.missing, WallNanos());
      std::vector<UnackedRange>& records = plan->group.unacked;
      if (records.size() > healed_count && records.back().first == range.first) records.pop_back();
      records.push_back(std::move(range));
      plan->group.force_sync = true;  // a decision to degrade is durable before it is answered
    }
    Failpoint("commit.s4.after", height.value());
    counters_.gate_wait.Record(now - front.delivered_at);
    plan->commits.push_back(std::move(front.block));
    at_gate_.pop_front();
  }
  std::lock_guard lock(mutex_);
  if (hopeless && !hopeless_) progress_.notify_all();
  hopeless_ = hopeless;
  waiting_on_.clear();
  for (size_t sink : waiting_on) waiting_on_.push_back(sinks[sink].name.str());
  degraded_ = degraded.degraded();
  left_out_.resize(sinks.size());
  for (size_t i = 0; i < left_out_.size(); ++i) left_out_[i] = degraded.LeftOut(i);
  if (!plan->group.unacked.empty()) ranges_ = degraded.ranges();
}

// S1: everything that is sealed, in one batch, unless the disk is about to be full.
void Pipeline::PlanJournal(TimePoint now, Plan* plan) {
  bool waiting;
  {
    std::lock_guard lock(mutex_);
    waiting = !sealed_.empty();
  }
  if (!waiting) return;
  if (settings_.disk_reserve_bytes > 0 && now >= next_disk_check_) {
    next_disk_check_ = now + kDiskCheckInterval;
    Result<uint64_t> free = database_->FreeDiskBytes();
    bool low = free && *free < settings_.disk_reserve_bytes;
    if (low != disk_low_) {
      disk_low_ = low;
      std::lock_guard lock(mutex_);
      reserve_blocked_ =
          low ? fmt::format(
                    "{} bytes are free on the disk, less than journal.disk_reserve = {}; "
                    "make space",
                    *free, settings_.disk_reserve_bytes)
              : "";
      if (low) {
        LogWarn(kComponent, "no block is taken: {}", reserve_blocked_);
      } else {
        LogInfo(kComponent, "there is space again; going on");
      }
    }
  }
  if (disk_low_) {
    plan->look_again_at =
        std::min(plan->look_again_at.value_or(TimePoint::max()), next_disk_check_);
    return;
  }
  std::lock_guard lock(mutex_);
  while (!sealed_.empty()) {
    plan->journals.push_back(std::move(sealed_.front()));
    sealed_.pop_front();
  }
}

void Pipeline::PlanGroup(Plan* plan) {
  WriteGroup& group = plan->group;
  // Under fire-and-forget, S1 and S5 of a height are one batch.
  if (gate_.settings().policy.fire_and_forget) {
    plan->commits.insert(plan->commits.end(), plan->journals.begin(), plan->journals.end());
  }
  for (const SealedBlock& block : plan->commits) {
    group.commits.push_back({block.change_set, block.overlay, block.position});
  }
  for (const SealedBlock& block : plan->journals) {
    group.journal.push_back({block.change_set, block.position});
  }
  group.epoch = database_->epoch();
  group.sync = !plan->journals.empty();
  // The pins first: what is pruned must not be above what the same batch stores as watermarks.
  const Height pruned = room_.PruneThrough(durable_);
  if (pruned > Height()) group.prune_through = pruned;
  auto taken = tracker_->TakeWatermarksToStore();
  watermarks_to_store_.insert(watermarks_to_store_.end(), taken.begin(), taken.end());
  group.watermarks = watermarks_to_store_;
}

bool Pipeline::MakeRoom(Plan* plan) {
  {
    std::lock_guard lock(mutex_);
    if (intake_blocked_.empty()) return false;
  }
  // The intake thread may not have heard yet that there is room again.
  if (room_.Exceeded().empty()) return false;
  const std::optional<Height> through = room_.MakeRoom(committed_, gate_);
  if (!through) return false;
  // Synced, this batch makes the commits before it durable, so that they may be forgotten.
  plan->group.epoch = database_->epoch();
  plan->group.prune_through = *through;
  plan->group.force_sync = true;
  return true;
}

Status Pipeline::Execute(Plan* plan) {
  const uint64_t first_journal =
      plan->journals.empty() ? 0 : plan->journals.front().change_set->height().value();
  const uint64_t first_commit =
      plan->commits.empty() ? 0 : plan->commits.front().change_set->height().value();
  if (first_journal != 0) Failpoint("commit.s1.before", first_journal);
  if (first_commit != 0) Failpoint("commit.s5.before", first_commit);
  const TimePoint begun_at = Now();
  SLUICE_RETURN_IF_ERROR(writer_.Write(&plan->group));
  if (plan->group.sync || plan->group.force_sync) counters_.sync_time.Record(Now() - begun_at);
  if (first_journal != 0) Failpoint("commit.s1.after", first_journal);
  if (first_commit != 0) Failpoint("commit.s5.after", first_commit);
  watermarks_to_store_.clear();
  return Status::Ok();
}

// S2 and S6: what the batch has made true is told.
void Pipeline::Finished(Plan* plan) {
  const TimePoint now = Now();
  Height committed = committed_;
  for (const SealedBlock& block : plan->commits) {
    committed = block.change_set->height();
    Failpoint("commit.s6.before", committed.value());
    on_committed_(block);
    if (block.sealed_at != TimePoint()) counters_.commit_time.Record(now - block.sealed_at);
    Failpoint("commit.s6.after", committed.value());
  }
  // A synced batch makes all before it in the log durable, itself included.
  if (plan->group.sync || plan->group.force_sync) durable_ = committed;
  // Before the next heights move the mark: under load a sink that keeps up is level only here.
  if (gate_.waits()) LetIn(tracker_->Snapshot());
  {
    std::lock_guard lock(mutex_);
    committed_ = committed;
    if (!plan->journals.empty()) journaled_ = plan->journals.back().change_set->height();
  }
  for (SealedBlock& block : plan->journals) {
    std::shared_ptr<const ChangeSet> change_set = block.change_set;
    if (!gate_.settings().policy.fire_and_forget) at_gate_.push_back({std::move(block), Now()});
    Failpoint("commit.s2.before", change_set->height().value());
    delivery_->Enqueue(change_set);
    Failpoint("commit.s2.after", change_set->height().value());
  }
  // Where nothing was committed, nobody who waits has got further: the intake thread, woken for
  // nothing, would only take a core from the sinks.
  if (!plan->commits.empty() || plan->journals.empty()) progress_.notify_all();
}

}  // namespace sluice
