// SPDX-License-Identifier: Apache-2.0
#include "commit/pipeline.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/failpoint.h"
#include "base/log.h"

namespace sluice {
namespace {

constexpr char kComponent[] = "commit";
constexpr Duration kDiskCheckInterval = std::chrono::milliseconds(250);
constexpr Duration kIntakeCheckInterval = std::chrono::milliseconds(100);
constexpr Duration kFirstSpaceRetry = std::chrono::milliseconds(200);
constexpr Duration kLastSpaceRetry = std::chrono::seconds(5);
// Reopening writes out memtables; with less than this it would only fail again.
constexpr uint64_t kSpaceToReopen = 8 << 20;

}  // namespace

Pipeline::Pipeline(PipelineSettings settings, Database* database, AckTracker* tracker,
                   DeliveryPort* delivery, std::vector<UnackedRange> recorded_ranges,
                   std::function<void(const SealedBlock&)> on_committed)
    : settings_(std::move(settings)),
      database_(database),
      tracker_(tracker),
      delivery_(delivery),
      on_committed_(std::move(on_committed)),
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
  degraded_ = gate_.degraded().degraded();
  ranges_ = gate_.degraded().ranges();
  tracker_->SetNotify([this] { Wake(); });
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

Status Pipeline::CatchUp() {
  const GateSettings& gate = settings_.gate;
  const Height committed = committed_;
  std::vector<Height> last;
  TimePoint give_up_at = TimePoint::max();
  for (;;) {
    bool mended = false;
    SLUICE_RETURN_IF_ERROR(MendStore(&mended));
    if (mended) last.clear();  // a full disk is no lack of progress of the sinks
    std::vector<AckTracker::Sink> sinks = tracker_->Snapshot();
    // A sink counts once it has said where it stands, and that is at the committed height.
    std::vector<SinkVote> votes(sinks.size());
    std::vector<Height> watermarks;
    for (size_t i = 0; i < sinks.size(); ++i) {
      if (sinks[i].known && sinks[i].highest < gate.level && gate.policy.Involves(i)) {
        return Status(
            StatusCode::kConfiguration,
            fmt::format("sink {}: with its settings it can give '{}' at most, and commit.level "
                        "asks for '{}': change its settings, or lower commit.level",
                        sinks[i].name, AckLevelName(sinks[i].highest), AckLevelName(gate.level)));
      }
      bool caught_up = sinks[i].known && sinks[i].at(gate.level) >= committed &&
                       sinks[i].availability != SinkAvailability::kGone;
      votes[i].watermark = Height(caught_up ? 1 : 0);
      votes[i].availability = sinks[i].availability;
      votes[i].left_out = gate_.degraded().LeftOut(i);
      watermarks.push_back(sinks[i].at(gate.level));
    }
    TimePoint now = Now();
    Decision decision = Decide(gate.policy, Height(1), votes, now, TimePoint::max());
    std::string who;
    {
      std::lock_guard lock(mutex_);
      if (stopping_ || intake_stopped_) {
        return Status(StatusCode::kCancelled, "stopped while sinks were catching up");
      }
      waiting_on_.clear();
      for (size_t sink : decision.waiting_on) {
        waiting_on_.push_back(sinks[sink].name.str());
        who += fmt::format("{}{}{}", who.empty() ? "" : "; ", sinks[sink].name,
                           sinks[sink].reason.empty() ? "" : " (" + sinks[sink].reason + ")");
      }
    }
    if (decision.verdict == Verdict::kSatisfied) return Status::Ok();
    if (decision.verdict == Verdict::kUnsatisfiable) {
      return Status(
          StatusCode::kPlugin,
          fmt::format("policy \"{}\" cannot hold: sink {}: mend the sink, or take it out of "
                      "the policy",
                      gate.policy.text, who));
    }
    if (watermarks != last) {
      last = std::move(watermarks);
      give_up_at = now + gate.recover_timeout;
    }
    if (now >= give_up_at) {
      if (gate.on_failure == OnFailure::kDegrade) {
        gate_.degraded().LeaveOut(decision.waiting_on);
        LogWarn(kComponent, "degraded: going on without {}", who);
        continue;
      }
      if (gate.on_failure != OnFailure::kWait) {
        return Status(
            StatusCode::kHalted,
            fmt::format("height {}: sinks have not caught up: {}: no progress for {} ms", committed,
                        who, gate.recover_timeout / std::chrono::milliseconds(1)));
      }
      give_up_at = TimePoint::max();
      LogWarn(kComponent, "waiting for {} to catch up with height {}", who, committed);
    }
    WaitForWake(give_up_at);
  }
}

Status Pipeline::RollForward() {
  SLUICE_CHECK(!thread_.joinable(), "roll-forward comes before everything else");
  TimePoint now = Now();
  for (Height h = committed_ + 1; h <= journaled_; ++h) {
    Failpoint("commit.roll_forward", h.value());
    SLUICE_ASSIGN_OR_RETURN(JournalRecord record, database_->ReadJournal(h));
    SLUICE_ASSIGN_OR_RETURN(auto overlay,
                            BlockOverlay::FromChangeSet(*record.change_set, database_->stores()));
    SealedBlock block;
    block.change_set = std::move(record.change_set);
    block.overlay = std::move(overlay);
    block.position = std::move(record.position);
    block.transaction_count = block.change_set->transactions().size();
    at_gate_.push_back({std::move(block), now});
  }
  if (!at_gate_.empty()) {
    LogInfo(kComponent, "rolling forward heights {} to {} from the journal", committed_ + 1,
            journaled_);
  }
  {
    std::lock_guard lock(mutex_);
    running_ = true;
  }
  thread_ = std::thread([this] { Run(); });
  return WaitUntilIdle();
}

Status Pipeline::WaitForSlot() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (ended_) return result_.ok() ? Status(StatusCode::kCancelled, "stopped") : result_;
    if (stopping_ || intake_stopped_) return Status(StatusCode::kCancelled, "stopped");
    if (submitted_ - committed_ < settings_.window) {
      std::string blocked = IntakeBlocked();
      const bool news = blocked.empty() != intake_blocked_.empty();
      intake_blocked_ = blocked;
      if (blocked.empty()) return Status::Ok();
      if (news) LogWarn(kComponent, "no block is taken: {}", blocked);
      // The committing thread may be able to make room.
      woken_ = true;
      work_.notify_one();
      progress_.wait_for(lock, kIntakeCheckInterval);
      continue;
    }
    progress_.wait(lock);
  }
}

// The journal's caps: they stop intake and never remove what a sink has not acked.
std::string Pipeline::IntakeBlocked() const {
  if (settings_.journal_max_bytes > 0) {
    uint64_t bytes = database_->journal_bytes();
    if (bytes > settings_.journal_max_bytes) {
      return fmt::format(
          "the journal holds {} bytes, more than journal.max_bytes = {}; a sink has "
          "fallen behind",
          bytes, settings_.journal_max_bytes);
    }
  }
  if (settings_.journal_max_blocks > 0) {
    uint64_t blocks = database_->journaled_height() + 1 - database_->journal_first();
    if (blocks > settings_.journal_max_blocks + settings_.retain_blocks) {
      return fmt::format(
          "the journal holds {} blocks, more than journal.max_blocks = {}; a sink has "
          "fallen behind",
          blocks, settings_.journal_max_blocks);
    }
  }
  return "";
}

void Pipeline::Submit(SealedBlock block) {
  {
    std::lock_guard lock(mutex_);
    SLUICE_CHECK(block.change_set->height() == submitted_ + 1, "heights are submitted in order");
    submitted_ = block.change_set->height();
    sealed_.push_back(std::move(block));
    woken_ = true;
  }
  work_.notify_one();
}

Status Pipeline::WaitUntilIdle(TimePoint deadline) {
  std::unique_lock lock(mutex_);
  auto idle = [this] { return ended_ || committed_ == submitted_; };
  if (deadline == TimePoint::max()) {
    progress_.wait(lock, [&] { return idle() || intake_stopped_; });
  } else if (!progress_.wait_until(lock, deadline, idle)) {
    return Status(StatusCode::kTimeout, fmt::format("heights {} to {} are not committed yet",
                                                    committed_ + 1, submitted_));
  }
  if (committed_ == submitted_) return Status::Ok();
  return result_.ok() ? Status(StatusCode::kCancelled, "stopped") : result_;
}

void Pipeline::StopIntake() {
  {
    std::lock_guard lock(mutex_);
    intake_stopped_ = true;
    woken_ = true;
  }
  work_.notify_all();
  progress_.notify_all();
}

void Pipeline::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  progress_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Status Pipeline::result() const {
  std::lock_guard lock(mutex_);
  return result_;
}

PipelineStatus Pipeline::status() const {
  PipelineStatus status;
  std::lock_guard lock(mutex_);
  status.committed = committed_;
  status.journaled = journaled_;
  status.waiting_on = waiting_on_;
  status.degraded = degraded_;
  status.unacked_ranges = ranges_;
  status.blocked = !space_blocked_.empty()     ? space_blocked_
                   : !reserve_blocked_.empty() ? reserve_blocked_
                                               : intake_blocked_;
  status.gate_p50_seconds = gate_wait_.QuantileSeconds(0.5);
  status.gate_p99_seconds = gate_wait_.QuantileSeconds(0.99);
  return status;
}

void Pipeline::End(Status result) {
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
    if (result_.ok()) result_ = std::move(result);
  }
  progress_.notify_all();
}

void Pipeline::Run() {
  for (;;) {
    {
      std::lock_guard lock(mutex_);
      if (stopping_) break;
    }
    bool mended = false;
    if (Status status = MendStore(&mended); !status.ok()) {
      if (status.code() == StatusCode::kCancelled) break;
      LogError(kComponent, "{}", status.message());
      End(std::move(status));
      return;
    }
    Plan plan = MakePlan(Now());
    if (plan.halt) {
      LogError(kComponent, "halt: {}", *plan.halt);
      End(Status(StatusCode::kHalted, *plan.halt));
      return;
    }
    if (plan.empty()) {
      if (!MakeRoom(&plan)) {
        WaitForWake(plan.look_again_at);
        continue;
      }
    }
    if (Status status = Execute(&plan); !status.ok()) {
      if (status.code() == StatusCode::kCancelled) break;
      LogError(kComponent, "{}", status.message());
      End(std::move(status));
      return;
    }
    Finished(&plan);
  }
  End(Status::Ok());
}

Pipeline::Plan Pipeline::MakePlan(TimePoint now) {
  Plan plan;
  PlanCommits(now, &plan);
  // On a halt no new S1 begins, also while what was let through before it is committed.
  if (!plan.halting) PlanJournal(now, &plan);
  if (!plan.halt && !plan.empty()) PlanGroup(&plan);
  return plan;
}

// Sinks that were left out count again once they have reached the journaled height.
void Pipeline::LetIn(const std::vector<AckTracker::Sink>& sinks) {
  for (const std::string& name : gate_.degraded().LetIn(sinks, settings_.gate.level, journaled_)) {
    LogInfo(kComponent, "sink {} has caught up and counts again", name);
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
  while (!at_gate_.empty()) {
    Waiting& front = at_gate_.front();
    const Height height = front.block.change_set->height();
    Failpoint("commit.s4.before", height.value());
    GateStep step = gate_.Step(height, front.delivered_at, sinks, now);
    if (!step.reason.empty() && step.kind != GateStep::Kind::kHalt) {
      LogWarn(kComponent, "{}; on_failure decides", step.reason);
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
      break;
    }
    if (!step.missing.empty()) {
      UnackedRange range = degraded.Record(height, step.missing, WallNanos());
      std::vector<UnackedRange>& records = plan->group.unacked;
      if (records.size() > healed_count && records.back().first == range.first) records.pop_back();
      records.push_back(std::move(range));
      plan->group.force_sync = true;  // a decision to degrade is durable before it is answered
    }
    Failpoint("commit.s4.after", height.value());
    gate_wait_.Record(now - front.delivered_at);
    plan->commits.push_back(std::move(front.block));
    at_gate_.pop_front();
  }
  std::lock_guard lock(mutex_);
  waiting_on_.clear();
  for (size_t sink : waiting_on) waiting_on_.push_back(sinks[sink].name.str());
  degraded_ = degraded.degraded();
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
  if (settings_.gate.policy.fire_and_forget) {
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
  const Height pruned = PruneThrough(durable_, settings_.retain_blocks);
  if (pruned > Height()) group.prune_through = pruned;
  auto taken = tracker_->TakeWatermarksToStore();
  watermarks_to_store_.insert(watermarks_to_store_.end(), taken.begin(), taken.end());
  group.watermarks = watermarks_to_store_;
}

// The last height that the journal may forget, where everything up to `committed` is durably
// committed; 0: none.
Height Pipeline::PruneThrough(Height committed, uint64_t retain) const {
  Height prune = std::min(committed, tracker_->LowestPin(database_->journal_first()));
  return prune.value() > retain ? prune - retain : Height();
}

// Intake is stopped by the journal's cap, and no block will come whose batch prunes. What is kept
// besides gives way to the cap; and where only sinks that the policy does without hold the journal,
// they are lost.
bool Pipeline::MakeRoom(Plan* plan) {
  {
    std::lock_guard lock(mutex_);
    if (intake_blocked_.empty()) return false;
  }
  Height through = PruneThrough(committed_, /*retain=*/0);
  if (through < database_->journal_first()) {
    if (!GiveUpSinks()) return false;
    through = PruneThrough(committed_, /*retain=*/0);
    if (through < database_->journal_first()) return false;
  }
  // Synced, this batch makes the commits before it durable, so that they may be forgotten.
  plan->group.epoch = database_->epoch();
  plan->group.prune_through = through;
  plan->group.force_sync = true;
  return true;
}

// True where a sink was given up.
bool Pipeline::GiveUpSinks() {
  const Height lowest = tracker_->LowestPin(database_->journal_first());
  if (lowest >= committed_) return false;
  std::vector<AckTracker::Sink> sinks = tracker_->Snapshot();
  std::vector<SinkName> given_up;
  for (size_t i = 0; i < sinks.size(); ++i) {
    if (sinks[i].lost || sinks[i].pin() != lowest) continue;
    const bool needed = settings_.gate.policy.Involves(i) && !gate_.degraded().LeftOut(i);
    if (needed) return false;
    given_up.push_back(sinks[i].name);
  }
  for (const SinkName& sink : given_up) {
    LogError(
        kComponent,
        "sink {} is lost: it is at {}, and the journal's cap is reached at height {}; it has to "
        "start over",
        sink, lowest, committed_);
    tracker_->SetLost(sink);
  }
  return !given_up.empty();
}

Status Pipeline::Execute(Plan* plan) {
  const uint64_t first_journal =
      plan->journals.empty() ? 0 : plan->journals.front().change_set->height().value();
  const uint64_t first_commit =
      plan->commits.empty() ? 0 : plan->commits.front().change_set->height().value();
  if (first_journal != 0) Failpoint("commit.s1.before", first_journal);
  if (first_commit != 0) Failpoint("commit.s5.before", first_commit);
  SLUICE_RETURN_IF_ERROR(WriteWithSpace(&plan->group));
  if (first_journal != 0) Failpoint("commit.s1.after", first_journal);
  if (first_commit != 0) Failpoint("commit.s5.after", first_commit);
  watermarks_to_store_.clear();
  return Status::Ok();
}

void Pipeline::NoteStoreFailure(const Status& failure) {
  {
    std::lock_guard lock(mutex_);
    store_failure_ = failure;
    woken_ = true;
  }
  work_.notify_one();
}

// Nobody else opens the store again, and there may be no block whose batch would find out.
Status Pipeline::MendStore(bool* mended) {
  Status failure;
  {
    std::lock_guard lock(mutex_);
    failure = std::exchange(store_failure_, Status::Ok());
  }
  if (failure.ok()) return failure;
  Duration delay = kFirstSpaceRetry;
  SLUICE_RETURN_IF_ERROR(ReopenWithSpace(std::move(failure), &delay));
  SayThereIsSpace();
  *mended = true;
  return Status::Ok();
}

// Closes and opens the database until it takes writes; what is no lack of space is returned.
Status Pipeline::ReopenWithSpace(Status failure, Duration* delay) {
  while (failure.code() == StatusCode::kNoSpace) {
    {
      std::unique_lock lock(mutex_);
      if (space_blocked_.empty()) {
        LogError(kComponent, "{}; taking no blocks until there is space", failure.message());
      }
      space_blocked_ = failure.message();
      // While sinks catch up nothing is under way that a stop would have to wait for.
      auto stopped = [this] { return stopping_ || (intake_stopped_ && !running_); };
      work_.wait_for(lock, *delay, stopped);
      if (stopped()) return Status(StatusCode::kCancelled, "stopped while the disk was full");
    }
    *delay = std::min(*delay * 2, kLastSpaceRetry);
    Result<uint64_t> free = database_->FreeDiskBytes();
    if (free && *free < kSpaceToReopen) continue;
    failure = database_->Reopen();
  }
  // What others met meanwhile is mended with it.
  std::lock_guard lock(mutex_);
  store_failure_ = Status::Ok();
  return failure;
}

void Pipeline::SayThereIsSpace() {
  LogInfo(kComponent, "there is space again; going on at height {}", database_->journaled_height());
  std::lock_guard lock(mutex_);
  space_blocked_.clear();
}

// A failed write is undecided until the database has been opened again. Then what is there is
// there, and what is not is written from the same sealed bytes; nothing is executed twice,
// delivered or answered meanwhile.
Status Pipeline::WriteWithSpace(WriteGroup* group) {
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

// S2 and S6: what the batch has made true is told.
void Pipeline::Finished(Plan* plan) {
  TimePoint now = Now();
  Height committed = committed_;
  for (const SealedBlock& block : plan->commits) {
    committed = block.change_set->height();
    Failpoint("commit.s6.before", committed.value());
    on_committed_(block);
    Failpoint("commit.s6.after", committed.value());
  }
  // A synced batch makes all before it in the log durable, itself included.
  if (plan->group.sync || plan->group.force_sync) durable_ = committed;
  // Before the next heights move the mark: under load a sink that keeps up is level only here.
  LetIn(tracker_->Snapshot());
  {
    std::lock_guard lock(mutex_);
    committed_ = committed;
    if (!plan->journals.empty()) journaled_ = plan->journals.back().change_set->height();
  }
  progress_.notify_all();
  for (SealedBlock& block : plan->journals) {
    std::shared_ptr<const ChangeSet> change_set = block.change_set;
    if (!settings_.gate.policy.fire_and_forget) at_gate_.push_back({std::move(block), now});
    Failpoint("commit.s2.before", change_set->height().value());
    delivery_->Enqueue(change_set);
    Failpoint("commit.s2.after", change_set->height().value());
  }
}

}  // namespace sluice
