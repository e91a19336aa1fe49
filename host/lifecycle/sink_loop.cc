// SPDX-License-Identifier: Apache-2.0
#include "lifecycle/sink_loop.h"

#include <fmt/core.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include "base/check.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "lifecycle/instance_run.h"
#include "lifecycle/step.h"

namespace sluice {
namespace {

// Lagging by fewer heights a sink is live: what the pipeline has in the air is no backlog.
constexpr uint64_t kLiveLagHeights = 64;
// A call that takes longer is shown in the status.
constexpr Duration kLongCall = std::chrono::seconds(1);
// How often a forced end is tried again where the instance's thread is between two calls.
constexpr Duration kForceRetry = std::chrono::milliseconds(5);
// How often a record is written again that could not be.
constexpr Duration kRecordRetry = std::chrono::seconds(1);
// Heights of the journal that are looked through in one round for a change that a lazy sink wants.
constexpr uint64_t kScanHeights = 256;

std::string WithThousands(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

int64_t ToWallNanos(TimePoint time, TimePoint now) { return WallNanos() + (time - now).count(); }

// "copying the state at height 1234: 45,000 of about 120,000 rows"
std::string DescribeCopy(const SnapshotProgress& copy) {
  std::string text =
      fmt::format("copying the state at height {}: {} ", copy.height, WithThousands(copy.rows));
  // An estimate that is overtaken says nothing.
  if (copy.rows_about > copy.rows) {
    text += fmt::format("of about {} ", WithThousands(copy.rows_about));
  }
  return text + "rows";
}

bool IsAtLeastOnce(const StartResult& started) {
  return (started.capabilities & kCapabilityAtLeastOnce) != 0;
}

// Wakes the control thread; outlives the loop where an abandoned thread still knows it.
class Signal {
 public:
  void Set() {
    {
      std::lock_guard lock(mutex_);
      set_ = true;
    }
    changed_.notify_one();
  }
  void WaitUntil(TimePoint until) {
    std::unique_lock lock(mutex_);
    if (until == TimePoint::max()) {
      changed_.wait(lock, [this] { return set_; });
    } else {
      changed_.wait_until(lock, until, [this] { return set_; });
    }
    set_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
};

}  // namespace

class SinkLoop::Impl {
 public:
  Impl(SinkSettings settings, std::shared_ptr<PluginLibrary> library, SinkEnvironment environment)
      : name_(settings.name),
        environment_(std::move(environment)),
        component_(fmt::format("sink {}", name_)),
        setup_(MakeSetup(std::move(settings), std::move(library))) {}

  ~Impl() {
    if (!thread_.joinable()) return;
    const Duration stop_timeout = setup()->settings.stop_timeout;
    RequestStop(Duration::zero());
    Join(Now() + stop_timeout);
  }

  void Start(const std::optional<SinkRecord>& record, RecoverOnStart recover);
  void Enqueue(std::shared_ptr<const ChangeSet> change_set);
  void Use();
  Status Command(SinkCommand command, TimePoint deadline);
  CommandedSink commanded() const {
    std::lock_guard lock(mutex_);
    return CommandedLocked();
  }
  void Reconfigure(SinkSettings settings, std::shared_ptr<PluginLibrary> library);

  void RequestStop(Duration drain_timeout) {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      drain_timeout_ = drain_timeout;
    }
    signal_->Set();
  }

  bool Join(TimePoint deadline) {
    if (!thread_.joinable()) return !hung_;
    {
      std::unique_lock lock(mutex_);
      if (!news_.wait_until(lock, deadline, [this] { return finished_; })) {
        force_ = true;
        lock.unlock();
        signal_->Set();
      }
    }
    // The control thread never enters the plugin, so it ends.
    thread_.join();
    return !hung_;
  }

  SinkStatus status() const;
  const SinkCounters& counters() const { return *counters_; }

 private:
  // What instances are made with, from now on. Immutable; replaced as a whole.
  struct Setup {
    SinkSettings settings;
    std::shared_ptr<PluginLibrary> library;
    LifecycleSettings lifecycle;
  };
  static std::shared_ptr<const Setup> MakeSetup(SinkSettings settings,
                                                std::shared_ptr<PluginLibrary> library) {
    LifecycleSettings lifecycle{settings.retry, settings.healthy_after};
    return std::make_shared<const Setup>(Setup{std::move(settings), std::move(library), lifecycle});
  }
  std::shared_ptr<const Setup> setup() const {
    std::lock_guard lock(mutex_);
    return setup_;
  }

  void Control();
  // One look and one step; returns when to look again. True in `finished_` ends the loop.
  TimePoint Round(TimePoint now);
  void ForceEnd(TimePoint now, TimePoint* look_again_at);
  // One step; false where there is nothing more to do before `look_again_at`.
  bool TakeStep(TimePoint now, TimePoint* look_again_at);
  DesiredState DesiredLocked() const;
  CommandedSink CommandedLocked() const {
    CommandedSink sink;
    sink.name = name_.str();
    sink.state = state_.state;
    sink.reason = state_.reason;
    sink.enabled = setup_->settings.enabled;
    sink.orphaned = setup_->settings.orphaned;
    sink.suspended_by_operator = suspended_by_operator_;
    sink.deleted = deleted_;
    const std::optional<bool> newest = run_ ? run_->can_reset() : std::nullopt;
    sink.can_reset = newest ? *newest : can_reset_.value_or(true);
    return sink;
  }
  ObservedState Observe();
  void TakeOverLocked(ObservedState* observed);
  void ScanForUse();
  // Writes the record where it differs from the one that is there. False: it could not be written.
  bool Record();
  SinkRecord MakeRecordLocked() const;
  void Answer(uint64_t command);
  void Act(LifecycleAction action, TimePoint now);
  void Begin();
  void Forget();
  void Tell(const SinkState& before, TimePoint now);
  void TellAvailability();
  bool IsStopping() const {
    std::lock_guard lock(mutex_);
    return stopping_;
  }
  bool IsWanted() const {
    std::lock_guard lock(mutex_);
    return DesiredLocked().run && !deleted_;
  }
  // What the instance's thread waits for to be on record; its number, 0 where there is none.
  // Nothing: not yet.
  std::optional<uint64_t> TakeNews();
  void NoteRefusedLocked(const SinkFailure& failure);
  void LetGo(TimePoint now);
  void FillLag(std::optional<TimePoint> behind_since, TimePoint now, SinkStatus* status) const;
  std::string DescribeAhead(const InstanceRun::Snapshot& run) const;

  // Set in the constructor.
  const SinkName name_;
  const SinkEnvironment environment_;
  const std::string component_;
  const std::shared_ptr<SinkCounters> counters_ = std::make_shared<SinkCounters>();
  const std::shared_ptr<Signal> signal_ = std::make_shared<Signal>();
  const std::shared_ptr<PluginMetrics> metrics_ = std::make_shared<PluginMetrics>();

  std::thread thread_;

  // Control thread only.
  std::mt19937_64 random_{std::random_device()()};
  bool attached_once_ = false;
  std::optional<std::pair<SinkAvailability, std::string>> told_;
  std::optional<SinkRecord> written_;
  // An action that waits until the record that announces it is written.
  LifecycleAction unwritten_ = LifecycleAction::kNone;
  Height scanned_;                      // of the journal, for a lazy sink
  std::optional<Epoch> foreign_epoch_;  // of the last failure, where that is what it was
  Epoch failed_epoch_;                  // of the instance of the last failure
  bool failed_attached_ = false;        // it had been attached
  uint64_t news_taken_ = 0;             // of the instance at work
  Epoch least_epoch_;                   // of the next instance
  bool forgotten_ = false;
  bool keeps_record_ = true;

  mutable std::mutex mutex_;  // guards what follows; written by the control thread but for requests
  std::condition_variable news_;  // a command has been answered; the loop has finished
  std::shared_ptr<const Setup> setup_;
  uint64_t configuration_ = 0;  // counts the setups that an instance must be made anew for
  bool stopping_ = false;       // the node ends
  Duration drain_timeout_{};
  bool force_ = false;  // the deadline has passed: abandon whatever does not return
  bool finished_ = false;
  bool hung_ = false;
  bool suspended_by_operator_ = false;
  bool deleted_ = false;
  bool used_ = false;
  bool take_over_ = false;
  SinkRequest request_ = SinkRequest::kNone;
  uint64_t commands_ = 0;  // given
  uint64_t answered_ = 0;  // of them, on record
  Status record_error_;    // of the last record that could not be written
  SinkState state_;
  std::shared_ptr<InstanceRun> run_;
  uint64_t run_count_ = 0;
  Epoch newest_epoch_;
  SinkStatus::LastError last_error_;
  // Of instances that have ended.
  uint64_t past_retries_ = 0;
  uint64_t past_stale_acks_ = 0;
  Height last_watermark_;
  std::optional<TimePoint> behind_since_;  // the oldest height that it misses, as far as is known
  std::optional<Height> last_sink_height_;
  std::optional<bool> last_at_least_once_;
  Height partial_after_;
  std::optional<bool> can_reset_;  // nothing before there was an instance
  ProvisionTask task_;
  bool reset_wanted_ = false;
  Epoch refused_epoch_;            // as AttachQuestion's
  Height acked_;                   // by instances of this process
  bool snapshot_ = false;          // a copy of the state is wanted, or under way
  uint64_t snapshot_command_ = 0;  // the last command that asked for one
  uint64_t begun_commands_ = 0;    // given before the newest instance was begun
};

// --- from any thread ---------------------------------------------------------------------------

void SinkLoop::Impl::Start(const std::optional<SinkRecord>& record, RecoverOnStart recover) {
  SLUICE_CHECK(!thread_.joinable(), "a sink's loop is started once");
  const Height journaled = environment_.journal->journaled();
  const Result<Height> stored = environment_.journal->StoredWatermark(name_);
  if (record) environment_.observer->OnPartial(name_, record->partial_after);
  // Heights may come already.
  std::lock_guard lock(mutex_);
  if (record) {
    state_ = RestoreState(*record, recover, Now(), WallNanos());
    suspended_by_operator_ = record->suspended_by_operator;
    deleted_ = record->deleted;
    last_watermark_ = record->watermark;
    partial_after_ = record->partial_after;
    if (record->configuration == setup_->settings.configuration) task_ = record->task;
    reset_wanted_ = record->reset;
    refused_epoch_ = record->refused_epoch;
    snapshot_ = record->snapshot;
    written_ = record;
    // What begins afresh has no error to show.
    if (!state_.error.ok()) {
      last_error_ = {record->error_at_unix_nanos, std::string(StatusCodeName(state_.error.code())),
                     state_.error.message()};
    }
  }
  if (journaled > (stored ? *stored : last_watermark_)) behind_since_ = Now();
  if (stored && last_watermark_ < *stored) last_watermark_ = *stored;
  // What was journaled before is no use of a sink that was found broken; of a lazy one it is.
  scanned_ = journaled;
  if (setup_->settings.lazy && state_.state == LifecycleState::kInitializing) {
    state_.until_used = true;
    if (stored) scanned_ = *stored;
  }
  thread_ = std::thread([this] { Control(); });
}

void SinkLoop::Impl::Enqueue(std::shared_ptr<const ChangeSet> change_set) {
  std::shared_ptr<InstanceRun> run;
  bool put_off = false;
  {
    std::lock_guard lock(mutex_);
    run = run_;
    put_off = state_.until_used && !used_;
    if (!run && !behind_since_) behind_since_ = Now();
  }
  if (run) return run->Enqueue(std::move(change_set));
  // What it is to get is in the journal; that it wants it is all there is to know.
  if (put_off) signal_->Set();
}

void SinkLoop::Impl::Use() {
  {
    std::lock_guard lock(mutex_);
    used_ = true;
  }
  signal_->Set();
}

Status SinkLoop::Impl::Command(SinkCommand command, TimePoint deadline) {
  std::unique_lock lock(mutex_);
  SLUICE_RETURN_IF_ERROR(CheckCommand(command, CommandedLocked()));
  if (stopping_) {
    return Status(StatusCode::kInvalid, fmt::format("sink {}: the node is stopping", name_));
  }
  switch (command) {
    case SinkCommand::kSuspend:
      suspended_by_operator_ = true;
      break;
    case SinkCommand::kResume:
      suspended_by_operator_ = false;
      break;
    case SinkCommand::kTakeOver:
      take_over_ = true;
      [[fallthrough]];
    case SinkCommand::kRepair:
      request_ = SinkRequest::kRepair;
      break;
    case SinkCommand::kReset:
      reset_wanted_ = true;
      [[fallthrough]];
    case SinkCommand::kRestart:
      request_ = state_.state == LifecycleState::kRepairing || IsFault(state_.reason)
                     ? SinkRequest::kRepair
                     : SinkRequest::kRestart;
      break;
    case SinkCommand::kSnapshot:
      snapshot_ = true;
      snapshot_command_ = commands_ + 1;
      request_ =
          state_.state == LifecycleState::kRepairing || state_.state == LifecycleState::kSuspended
              ? SinkRequest::kRepair
              : SinkRequest::kRestart;
      break;
    case SinkCommand::kRemove:
      deleted_ = true;
      break;
  }
  const uint64_t number = ++commands_;
  LogInfo(component_, "command: {}", SinkCommandName(command));
  signal_->Set();
  const bool answered = news_.wait_until(
      lock, deadline, [&] { return answered_ >= number || finished_ || !record_error_.ok(); });
  if (answered_ >= number) return Status::Ok();
  if (!record_error_.ok()) {
    return record_error_.WithContext(fmt::format(
        "sink {}: {} is not on record yet, and is tried again", name_, SinkCommandName(command)));
  }
  return Status(StatusCode::kTimeout,
                fmt::format("sink {}: {}: {}; look at its status", name_, SinkCommandName(command),
                            answered ? "the node is stopping" : "not yet known"));
}

void SinkLoop::Impl::Reconfigure(SinkSettings settings, std::shared_ptr<PluginLibrary> library) {
  {
    std::lock_guard lock(mutex_);
    const bool same = settings.configuration == setup_->settings.configuration &&
                      library->identity().sha256 == setup_->library->identity().sha256;
    setup_ = MakeSetup(std::move(settings), std::move(library));
    if (!same) {
      ++configuration_;
      task_ = {};
    }
    if (run_) run_->SetAckTimeout(setup_->settings.ack_timeout);
  }
  signal_->Set();
}

// --- the control thread ------------------------------------------------------------------------

void SinkLoop::Impl::Control() {
  for (;;) {
    const TimePoint begun_at = Now();
    const TimePoint look_again_at = Round(begun_at);
    counters_->loop_time.Record(Now() - begun_at);
    {
      std::lock_guard lock(mutex_);
      if (finished_) break;
    }
    signal_->WaitUntil(look_again_at);
  }
  news_.notify_all();
}

TimePoint SinkLoop::Impl::Round(TimePoint now) {
  TimePoint look_again_at = TimePoint::max();
  if (run_) look_again_at = run_->Supervise(now);
  ForceEnd(now, &look_again_at);
  if (unwritten_ != LifecycleAction::kNone) {
    const LifecycleAction action = std::exchange(unwritten_, LifecycleAction::kNone);
    // Nothing is begun for a node that ends, and what is to be forgotten is at the next start.
    if (!IsStopping()) {
      if (!Record()) {
        unwritten_ = action;
        return std::min(look_again_at, now + kRecordRetry);
      }
      Act(action, now);
    }
  }
  while (TakeStep(now, &look_again_at)) {
  }
  return look_again_at;
}

void SinkLoop::Impl::ForceEnd(TimePoint now, TimePoint* look_again_at) {
  {
    std::lock_guard lock(mutex_);
    if (!force_ || !run_) return;
  }
  run_->End(now, now);
  const InstancePhase phase = run_->phase();
  if (phase != InstancePhase::kNone && phase != InstancePhase::kHung && !run_->Abandon()) {
    *look_again_at = std::min(*look_again_at, now + kForceRetry);
  }
}

bool SinkLoop::Impl::TakeStep(TimePoint now, TimePoint* look_again_at) {
  ScanForUse();
  ObservedState observed = Observe();
  const std::optional<uint64_t> news = TakeNews();
  if (observed.instance == InstancePhase::kNone && run_) LetGo(now);
  SinkState before;
  LifecycleStep step;
  uint64_t command = 0;
  {
    std::lock_guard lock(mutex_);
    before = state_;
    command = commands_;
    if (run_ && run_->asks_for_snapshot()) snapshot_ = true;
    // How a node ends is nothing that its sinks are to remember.
    keeps_record_ = !stopping_ && !forgotten_;
    if (observed.failure) {
      counters_->CountError(observed.failure->status.code());
      last_error_ = {WallNanos(), std::string(StatusCodeName(observed.failure->status.code())),
                     observed.failure->status.message()};
      NoteRefusedLocked(*observed.failure);
      TakeOverLocked(&observed);
    }
    const DesiredState desired = DesiredLocked();
    step = NextStep(state_, desired, observed, setup_->lifecycle, now);
    state_ = step.next;
    if (state_.state == LifecycleState::kRunning) {
      take_over_ = false;
      refused_epoch_ = Epoch();
      request_ = SinkRequest::kNone;  // there is nothing to repair
      // Whole, or there was no state to copy; unless another one has been asked for since.
      if (snapshot_command_ <= begun_commands_) snapshot_ = false;
    }
    // What is asked of an instance that still ends is asked again once it has.
    if (request_ == SinkRequest::kRestart || observed.instance == InstancePhase::kNone) {
      request_ = SinkRequest::kNone;
    }
    hung_ = hung_ || observed.instance == InstancePhase::kHung;
    const bool at_rest =
        state_.state == LifecycleState::kSuspended || state_.state == LifecycleState::kDeleting;
    finished_ =
        state_.state == LifecycleState::kDeleted || (stopping_ && at_rest && (!run_ || hung_));
  }
  *look_again_at = std::min(*look_again_at, step.look_again_at);
  // Ahead of what it announces; an instance ends all the same where nothing can be written.
  const bool recorded = Record();
  Tell(before, now);
  TellAvailability();
  if (recorded && keeps_record_ && run_ && written_->snapshot) run_->AllowSnapshot();
  // What was said to a node that ends is not on record.
  if (recorded && keeps_record_) Answer(command);
  if (recorded && keeps_record_ && news && run_) run_->OnRecord(*news);
  if (!news) *look_again_at = std::min(*look_again_at, now + kRecordRetry);
  if (!recorded) *look_again_at = std::min(*look_again_at, now + kRecordRetry);
  const bool must_be_recorded =
      step.action == LifecycleAction::kBegin || step.action == LifecycleAction::kForget;
  if (!recorded && must_be_recorded) {
    unwritten_ = step.action;
    return false;
  }
  Act(step.action, now);
  if (step.action == LifecycleAction::kForget) {
    if (!forgotten_) *look_again_at = std::min(*look_again_at, now + kRecordRetry);
    return forgotten_;
  }
  if (step.action != LifecycleAction::kNone) {
    *look_again_at = std::min(*look_again_at, run_->Supervise(now));
  }
  return before.state != step.next.state;
}

DesiredState SinkLoop::Impl::DesiredLocked() const {
  DesiredState desired;
  const SinkSettings& settings = setup_->settings;
  desired.run = settings.enabled && !settings.orphaned && !suspended_by_operator_ && !stopping_;
  desired.why_not = settings.orphaned  ? SuspendReason::kOrphaned
                    : settings.enabled ? SuspendReason::kOperator
                                       : SuspendReason::kDisabled;
  desired.deleted = deleted_;
  desired.configuration = configuration_;
  desired.request = request_;
  return desired;
}

// The failures that a command turns into another attempt: the sink has seen a larger epoch. Where
// it does not say which, doubling ours finds a larger one within a few tries.
void SinkLoop::Impl::TakeOverLocked(ObservedState* observed) {
  const SinkFault fault = observed->failure->fault;
  if (!take_over_ || (fault != SinkFault::kFenced && !foreign_epoch_)) return;
  least_epoch_ = foreign_epoch_ ? *foreign_epoch_ + 1 : Epoch(2 * newest_epoch_.value());
  observed->failure->fault = SinkFault::kRetryable;
  LogWarn(component_, "taking over with epoch {} at least: whoever had it is refused from then on",
          least_epoch_);
}

// A lazy sink begins with the first change that it would get, one that is journaled already
// included.
void SinkLoop::Impl::ScanForUse() {
  std::shared_ptr<const Setup> setup;
  {
    std::lock_guard lock(mutex_);
    if (!state_.until_used || used_ || run_) return;
    setup = setup_;
  }
  const Height journaled = environment_.journal->journaled();
  scanned_ = std::max(scanned_ + 1, environment_.journal->first()) - 1;
  const ChangeFilter& filter = setup->settings.filter;
  for (uint64_t i = 0; i < kScanHeights && scanned_ < journaled; ++i) {
    Result<std::shared_ptr<const ChangeSet>> change_set = environment_.journal->Read(scanned_ + 1);
    // It says better itself what is wrong with the journal than nobody does.
    const bool used =
        !change_set || std::any_of((*change_set)->changes().begin(), (*change_set)->changes().end(),
                                   [&](const Change& change) { return filter.Passes(change); });
    if (used) return Use();
    ++scanned_;
  }
  if (scanned_ < journaled) signal_->Set();
}

SinkRecord SinkLoop::Impl::MakeRecordLocked() const {
  SinkRecord record;
  record.name = name_.str();
  record.state = state_.state;
  record.reason = state_.reason;
  if (state_.attempt > 0 || !state_.error.ok()) {
    record.origin = state_.origin;
    record.error = state_.error;
    record.error_at_unix_nanos = last_error_.time_unix_nanos;
    record.attempt = state_.attempt;
    if (state_.state == LifecycleState::kRepairing) {
      record.next_at_unix_nanos = ToWallNanos(state_.next_at, Now());
    }
  }
  record.suspended_by_operator = suspended_by_operator_;
  record.deleted = deleted_;
  const PluginIdentity& identity = setup_->library->identity();
  record.plugin = identity.id;
  record.library_sha256 = identity.sha256;
  record.abi_minor = identity.abi_minor;
  record.configuration = setup_->settings.configuration;
  record.epoch = newest_epoch_;
  record.watermark = last_watermark_;
  record.partial_after = partial_after_;
  record.task = task_;
  record.reset = reset_wanted_;
  record.refused_epoch = refused_epoch_;
  record.snapshot = snapshot_;
  if (run_) {
    const InstanceRun::Snapshot run = run_->snapshot(Now());
    record.epoch = std::max(record.epoch, run.epoch);
    if (run.delivery.open) record.watermark = run.delivery.watermark;
  }
  return record;
}

bool SinkLoop::Impl::Record() {
  if (!keeps_record_) return true;
  SinkRecord record;
  {
    std::lock_guard lock(mutex_);
    record = MakeRecordLocked();
  }
  if (written_) {
    // Hints go along with what is written for another reason; the same time of day is no news.
    SinkRecord same = record;
    same.epoch = written_->epoch;
    same.watermark = written_->watermark;
    if (same.next_at_unix_nanos != 0 && same.attempt == written_->attempt) {
      same.next_at_unix_nanos = written_->next_at_unix_nanos;
    }
    if (same == *written_) return true;
  }
  Failpoint("lifecycle.record.before");
  Status put = environment_.records->PutSinkRecord(name_, EncodeSinkRecord(record));
  Failpoint("lifecycle.record.after");
  const bool ok = put.ok();
  if (ok) written_ = std::move(record);
  std::lock_guard lock(mutex_);
  if (!ok && record_error_.ok()) {
    LogWarn(component_, "its record cannot be written, so nothing new is begun: {}", put.message());
  }
  record_error_ = std::move(put);
  if (!ok) news_.notify_all();
  return ok;
}

void SinkLoop::Impl::Answer(uint64_t command) {
  std::lock_guard lock(mutex_);
  if (command == answered_) return;
  answered_ = command;
  news_.notify_all();
}

ObservedState SinkLoop::Impl::Observe() {
  ObservedState observed;
  observed.random = std::uniform_real_distribution<double>()(random_);
  observed.forgotten = forgotten_;
  {
    std::lock_guard lock(mutex_);
    observed.used = used_;
  }
  if (!run_) return observed;
  // The phase first: a failure is noted before the instance has ended.
  observed.instance = run_->phase();
  observed.failure = run_->TakeFailure();
  if (observed.failure) {
    foreign_epoch_ = run_->foreign_epoch();
    const InstanceRun::Snapshot run = run_->snapshot(Now());
    failed_epoch_ = run.epoch;
    failed_attached_ = run.delivery.open;
    std::lock_guard lock(mutex_);
    newest_epoch_ = std::max(newest_epoch_, run.epoch);
  }
  if (observed.instance == InstancePhase::kAttached) attached_once_ = true;
  return observed;
}

// Nothing: what has to be done first could not be done yet.
std::optional<uint64_t> SinkLoop::Impl::TakeNews() {
  if (!run_) return 0;
  uint64_t number = 0;
  const InstanceRun::News news = run_->news(&number);
  if (number == news_taken_) return number;
  bool emptied = false;
  {
    std::lock_guard lock(mutex_);
    emptied = news.emptied && reset_wanted_;
  }
  if (emptied) {
    Status forgotten = environment_.records->ForgetWatermark(name_);
    if (!forgotten.ok()) {
      LogWarn(component_, "its watermark cannot be forgotten yet: {}", forgotten.message());
      return std::nullopt;
    }
  }
  if (news.cannot_reset) LogError(component_, "it is not reset: its plugin does not know how");
  Height partial_after;
  {
    std::lock_guard lock(mutex_);
    if (emptied) last_watermark_ = acked_ = Height();
    if (news.emptied || news.cannot_reset) reset_wanted_ = false;
    if (news.cannot_copy && snapshot_command_ <= begun_commands_) snapshot_ = false;
    // A task that was begun with other settings is nobody's.
    if (state_.configuration == configuration_) task_ = news.task;
    // What was once left out stays left out, until the sink begins from the beginning again.
    partial_after_ = partial_after = news.partial_after;
  }
  environment_.observer->OnPartial(name_, partial_after);
  news_taken_ = number;
  return number;
}

// The sink has seen a newer epoch than this instance's. Other instances raise ours; that must not
// make this node the sink's owner one day, without anybody having said so.
void SinkLoop::Impl::NoteRefusedLocked(const SinkFailure& failure) {
  if (failure.fault != SinkFault::kFenced && !foreign_epoch_) return;
  if (refused_epoch_ > Epoch()) return;
  // Its own epoch is at the sink where it had been attached.
  refused_epoch_ = failed_attached_ ? failed_epoch_ + 1 : failed_epoch_;
}

void SinkLoop::Impl::LetGo(TimePoint now) {
  run_->Join();
  const InstanceRun::Snapshot last = run_->snapshot(now);
  std::lock_guard lock(mutex_);
  past_retries_ += last.delivery.retries;
  past_stale_acks_ += last.delivery.refused;
  if (last.delivery.open) {
    last_watermark_ = acked_ = last.delivery.watermark;
    behind_since_.reset();
    if (last.delivery.lag_blocks > 0) {
      behind_since_ = now - std::chrono::duration_cast<Duration>(
                                std::chrono::duration<double>(last.delivery.lag_seconds));
    }
  }
  if (last.delivery.sink_height) last_sink_height_ = last.delivery.sink_height;
  if (const std::optional<bool> can_reset = run_->can_reset()) can_reset_ = can_reset;
  if (last.started) last_at_least_once_ = IsAtLeastOnce(*last.started);
  newest_epoch_ = std::max(newest_epoch_, last.epoch);
  run_.reset();
}

void SinkLoop::Impl::Act(LifecycleAction action, TimePoint now) {
  switch (action) {
    case LifecycleAction::kNone:
      return;
    case LifecycleAction::kBegin:
      return Begin();
    case LifecycleAction::kEnd:
      return run_->End(now, now);
    case LifecycleAction::kDrain: {
      Duration drain_timeout{};
      {
        std::lock_guard lock(mutex_);
        drain_timeout = stopping_ ? drain_timeout_ : setup_->settings.drain_timeout;
      }
      return run_->End(now + drain_timeout, now);
    }
    case LifecycleAction::kForget:
      return Forget();
  }
}

void SinkLoop::Impl::Begin() {
  const std::shared_ptr<const Setup> setup = this->setup();
  InstanceRun::Inherited inherited;
  {
    std::lock_guard lock(mutex_);
    inherited.task = task_;
    inherited.reset = reset_wanted_ && (!keeps_record_ || (written_ && written_->reset));
    if (!take_over_) inherited.refused_epoch = refused_epoch_;
    inherited.partial_after = partial_after_;
  }
  auto run = std::make_shared<InstanceRun>(setup->settings, setup->library, environment_,
                                           least_epoch_, std::move(inherited), counters_, metrics_,
                                           [signal = signal_] { signal->Set(); });
  news_taken_ = 0;
  {
    std::lock_guard lock(mutex_);
    // Begun for what is on record: whoever asks for more, asks again.
    run->WantSnapshot(snapshot_ && written_ && written_->snapshot, acked_);
    begun_commands_ = commands_;
    run_ = run;
    ++run_count_;
  }
  run->Begin();
}

void SinkLoop::Impl::Forget() {
  Failpoint("lifecycle.forget.before");
  Status gone = environment_.records->ForgetSink(name_);
  Failpoint("lifecycle.forget.after");
  forgotten_ = gone.ok();
  if (!gone.ok()) LogWarn(component_, "it cannot be forgotten yet: {}", gone.message());
}

void SinkLoop::Impl::Tell(const SinkState& before, TimePoint now) {
  const SinkState& state = state_;
  if (state.state == before.state && state.reason == before.reason) return;
  switch (state.state) {
    case LifecycleState::kRepairing:
      LogAt(LogLevel::kInfo, component_, "{} -> repairing", LifecycleStateName(before.state));
      // The first and every fifth: a sink that is down for a day does not fill the log.
      if (state.attempt % 5 == 1) {
        LogWarn(component_, "{}; retrying in {} ms (attempt {})", state.error.message(),
                (state.next_at - now) / std::chrono::milliseconds(1), state.attempt);
      }
      return;
    case LifecycleState::kSuspended:
      if (IsFault(state.reason)) {
        LogError(component_, "{} -> suspended as {}: {}", LifecycleStateName(before.state),
                 SuspendReasonName(state.reason), state.error.message());
        return;
      }
      [[fallthrough]];
    default:
      LogInfo(component_, "{} -> {}", LifecycleStateName(before.state),
              LifecycleStateName(state.state));
  }
}

void SinkLoop::Impl::TellAvailability() {
  bool joins = !attached_once_;
  {
    // One that is filled anew joins anew.
    std::lock_guard lock(mutex_);
    joins = joins || snapshot_;
  }
  std::pair<SinkAvailability, std::string> now{
      joins ? SinkAvailability::kJoining : SinkAvailability::kAvailable, ""};
  switch (state_.state) {
    case LifecycleState::kInitializing:
      now.second = state_.until_used    ? "begins with its first change"
                   : state_.attempt > 0 ? state_.error.message()
                                        : "starting";
      if (run_) {
        const InstanceRun::Snapshot run = run_->snapshot(Now());
        if (run.ahead) now = {SinkAvailability::kGone, "ahead: " + DescribeAhead(run)};
        if (run.copying) {
          now.second = fmt::format("copying the state at height {}", run.copying->height);
        }
      }
      break;
    case LifecycleState::kRunning:
      now.first = SinkAvailability::kAvailable;
      break;
    case LifecycleState::kRepairing:
      now.second = state_.error.message();
      break;
    case LifecycleState::kSuspending:
      // A restart is no way to be gone.
      if (IsWanted()) {
        now.second = "restarting";
      } else {
        now = {SinkAvailability::kGone, "stopping"};
      }
      break;
    case LifecycleState::kDeleting:
    case LifecycleState::kDeleted:
      now = {SinkAvailability::kGone, "removed"};
      break;
    case LifecycleState::kSuspended:
      now = {SinkAvailability::kGone, std::string(SuspendReasonName(state_.reason))};
      if (IsFault(state_.reason) && !state_.error.ok()) {
        now.second += ": " + state_.error.message();
      }
      break;
  }
  if (told_ == now) return;
  told_ = now;
  environment_.observer->OnAvailability(name_, now.first, now.second);
}

// Of a sink that is not attached: by what the journal holds above its watermark.
void SinkLoop::Impl::FillLag(std::optional<TimePoint> behind_since, TimePoint now,
                             SinkStatus* status) const {
  const JournalSource& journal = *environment_.journal;
  const JournalLag lag =
      LagBehind(status->watermark, journal.first(), journal.journaled(), journal.bytes());
  status->lag_blocks = lag.blocks;
  status->lag_bytes = lag.bytes;
  if (lag.blocks > 0 && behind_since) {
    status->lag_seconds = std::chrono::duration<double>(now - *behind_since).count();
  }
}

std::string SinkLoop::Impl::DescribeAhead(const InstanceRun::Snapshot& run) const {
  return fmt::format("the sink is at {}, the node at {}",
                     run.delivery.sink_height.value_or(Height()),
                     environment_.journal->journaled());
}

SinkStatus SinkLoop::Impl::status() const {
  const TimePoint now = Now();
  const std::shared_ptr<const Setup> setup = this->setup();
  SinkStatus status;
  status.name = name_.str();
  status.plugin = setup->library->identity().id;
  status.plugin_version = setup->library->identity().version;
  status.counted = setup->settings.counted;
  status.filter = setup->settings.filter;
  status.settings_json = setup->settings.masked_settings_json;

  std::shared_ptr<InstanceRun> run;
  SinkState state;
  bool first_run = false;
  bool partial = false;
  std::optional<TimePoint> behind_since;
  {
    std::lock_guard lock(mutex_);
    run = run_;
    behind_since = behind_since_;
    state = state_;
    first_run = run_count_ <= 1;
    partial = partial_after_ > Height();
    status.last_error = last_error_;
    if (!record_error_.ok()) {
      status.reason = "its record cannot be written: " + record_error_.message();
    }
    status.retries = past_retries_ + (run_count_ > 0 ? run_count_ - 1 : 0);
    status.stale_acks = past_stale_acks_;
    status.watermark = last_watermark_;
    status.sink_height = last_sink_height_;
    status.at_least_once = last_at_least_once_;
  }
  status.metrics = metrics_->values();
  status.lifecycle = LifecycleStateName(state.state);
  if (state.state == LifecycleState::kSuspended) status.reason = SuspendReasonName(state.reason);
  status.attempt = state.attempt;
  if (state.state == LifecycleState::kInitializing && state.until_used) {
    status.reason = "begins with its first change";
  }
  if (state.state == LifecycleState::kRepairing) {
    status.reason = state.error.message();
    status.next_retry_at_unix_nanos = ToWallNanos(state.next_at, now);
  }
  if (!run) {
    FillLag(behind_since, now, &status);
    return status;
  }
  const InstanceRun::Snapshot snapshot = run->snapshot(now);
  const SinkDelivery::Snapshot& delivery = snapshot.delivery;
  if (snapshot.started) {
    status.level = AckLevelName(snapshot.started->level);
    status.at_least_once = IsAtLeastOnce(*snapshot.started);
  }
  status.retries += delivery.retries;
  status.stale_acks += delivery.refused;
  if (delivery.sink_height) status.sink_height = delivery.sink_height;
  if (delivery.last_error &&
      delivery.last_error->time_unix_nanos > status.last_error.time_unix_nanos) {
    status.last_error = {delivery.last_error->time_unix_nanos,
                         std::string(StatusCodeName(delivery.last_error->status.code())),
                         delivery.last_error->status.message()};
  }
  if (state.state == LifecycleState::kInitializing && !snapshot.provisioning.empty()) {
    status.reason = snapshot.provisioning;
  }
  if (snapshot.copying && state.state == LifecycleState::kInitializing) {
    status.mode = "snapshot";
    status.snapshot = snapshot.copying;
    status.reason = DescribeCopy(*snapshot.copying);
  }
  if (snapshot.ahead && state.state == LifecycleState::kInitializing) {
    status.mode = "ahead";
    status.reason = DescribeAhead(snapshot);
  }
  const bool in_call = snapshot.call.call != CallWatch::Call::kNone &&
                       snapshot.call.call != CallWatch::Call::kDeliver;
  if (in_call && status.reason.empty() && now - snapshot.call.since > kLongCall) {
    status.reason = fmt::format("{} has been running for {} ms", CallName(snapshot.call.call),
                                (now - snapshot.call.since) / std::chrono::milliseconds(1));
  }
  if (!delivery.open) {
    FillLag(behind_since, now, &status);
    return status;
  }
  status.watermark = delivery.watermark;
  status.lag_blocks = delivery.lag_blocks;
  status.lag_bytes = delivery.lag_bytes;
  status.lag_seconds = delivery.lag_seconds;
  status.in_flight = delivery.in_flight;
  status.queue_bytes = delivery.held_bytes;
  if (delivery.parked_until > now && status.next_retry_at_unix_nanos == 0) {
    status.next_retry_at_unix_nanos = ToWallNanos(delivery.parked_until, now);
  }
  if (state.state == LifecycleState::kRunning) {
    if (delivery.watermark < snapshot.caught_up_at) {
      status.mode = first_run ? "catching_up" : "joining";
    } else {
      status.mode = delivery.lag_blocks > kLiveLagHeights ? "catching_up"
                    : partial                             ? "partial"
                                                          : "live";
    }
  }
  return status;
}

SinkLoop::SinkLoop(SinkSettings settings, std::shared_ptr<PluginLibrary> library,
                   SinkEnvironment environment)
    : impl_(std::make_unique<Impl>(std::move(settings), std::move(library),
                                   std::move(environment))) {}
SinkLoop::~SinkLoop() = default;

void SinkLoop::Start(const std::optional<SinkRecord>& record, RecoverOnStart recover) {
  impl_->Start(record, recover);
}
void SinkLoop::Enqueue(std::shared_ptr<const ChangeSet> change_set) {
  impl_->Enqueue(std::move(change_set));
}
void SinkLoop::Use() { impl_->Use(); }
Status SinkLoop::Command(SinkCommand command, TimePoint deadline) {
  return impl_->Command(command, deadline);
}
CommandedSink SinkLoop::commanded() const { return impl_->commanded(); }
void SinkLoop::Reconfigure(SinkSettings settings, std::shared_ptr<PluginLibrary> library) {
  impl_->Reconfigure(std::move(settings), std::move(library));
}
void SinkLoop::RequestStop(Duration drain_timeout) { impl_->RequestStop(drain_timeout); }
bool SinkLoop::Join(TimePoint deadline) { return impl_->Join(deadline); }
SinkStatus SinkLoop::status() const { return impl_->status(); }
const SinkCounters& SinkLoop::counters() const { return impl_->counters(); }

}  // namespace sluice
