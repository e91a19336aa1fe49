// SPDX-License-Identifier: Apache-2.0
#include "lifecycle/instance_run.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/failpoint.h"
#include "base/log.h"

namespace sluice {
namespace {

// How often an abandonment is tried again where the thread is between two calls.
constexpr Duration kAbandonRetry = std::chrono::milliseconds(5);

uint64_t Milliseconds(Duration duration) {
  return static_cast<uint64_t>(duration / std::chrono::milliseconds(1));
}

TimePoint After(Duration timeout) {
  return timeout > Duration::zero() ? Now() + timeout : TimePoint::max();
}

// How long a call may take.
Duration LimitOf(const CallWatch::Current& call, const SinkSettings& settings) {
  if (call.call == CallWatch::Call::kReset) return settings.provision_timeout;
  // A part has another limit than the begin and the end.
  if (call.call == CallWatch::Call::kSnapshot) return call.overdue_at - call.since;
  return settings.start_timeout;
}

SinkFault FaultOf(StatusCode code) {
  return code == StatusCode::kFenced ? SinkFault::kFenced : SinkFault::kRetryable;
}

SinkFault FaultOf(AttachOutcome outcome) {
  switch (outcome) {
    case AttachOutcome::kGap:
      return SinkFault::kGap;
    case AttachOutcome::kDiverged:
      return SinkFault::kDiverged;
    case AttachOutcome::kForeign:
      return SinkFault::kForeign;
    case AttachOutcome::kFenced:
      return SinkFault::kFenced;
    case AttachOutcome::kAttach:
    case AttachOutcome::kSnapshot:
    case AttachOutcome::kAhead:
      break;
  }
  return SinkFault::kRetryable;
}

}  // namespace

InstanceRun::InstanceRun(const SinkSettings& settings, std::shared_ptr<PluginLibrary> library,
                         const SinkEnvironment& environment, Epoch least_epoch, Inherited inherited,
                         std::shared_ptr<SinkCounters> counters,
                         std::shared_ptr<PluginMetrics> metrics, std::function<void()> wake)
    : settings_(settings),
      library_(std::move(library)),
      environment_(environment),
      least_epoch_(least_epoch),
      inherited_(std::move(inherited)),
      counters_(std::move(counters)),
      component_(fmt::format("sink {}", settings.name)),
      metrics_(std::move(metrics)),
      wake_(std::move(wake)),
      watch_(wake_) {
  news_.task = inherited_.task;
  news_.partial_after = inherited_.partial_after;
}

InstanceRun::~InstanceRun() {
  SLUICE_CHECK(!thread_.joinable(), "a run is joined or abandoned before it is let go");
}

void InstanceRun::WantSnapshot(bool wanted, Height acked) {
  snapshot_wanted_ = snapshot_allowed_ = wanted;
  acked_ = acked;
}

void InstanceRun::Begin() {
  thread_ = std::thread([self = shared_from_this()] { self->Main(); });
}

void InstanceRun::Join() {
  if (thread_.joinable()) thread_.join();
  // Destroy has waited for it.
  if (canceller_.joinable()) canceller_.join();
}

// --- the instance's thread ---------------------------------------------------------------------

void InstanceRun::Main() {
  const bool attached = Create() && Prepare() && Start() && Attach();
  if (attached) {
    SetPhase(InstancePhase::kAttached);
    delivery_->Run(called_);
  }
  // From an abandoned call on nothing is touched that is not the run's own.
  if (watch_.abandoned()) return;
  EndCopy();
  SetPhase(InstancePhase::kEnding);
  if (attached) Drain();
  if (watch_.abandoned()) return;
  if (called_ != nullptr && !Destroy()) return;
  SetPhase(InstancePhase::kNone);
}

bool InstanceRun::Create() {
  if (Ending()) return false;
  // The number is durable before the instance exists, so that an instance of before is fenced by
  // it.
  Result<Epoch> epoch = environment_.raise_epoch(least_epoch_);
  if (!epoch) {
    Fail(SinkFault::kRetryable, epoch.error().WithContext("the epoch could not be raised"));
    return false;
  }
  SinkDelivery::Settings delivery;
  delivery.sink = settings_.name;
  delivery.component = component_;
  delivery.stream_id = environment_.stream_id;
  delivery.epoch = *epoch;
  delivery.refused_epoch = inherited_.refused_epoch;
  delivery.filter = settings_.filter;
  delivery.with_old_values = settings_.with_old_values;
  delivery.start = settings_.start;
  delivery.on_gap = settings_.on_gap;
  delivery.ack_timeout = settings_.ack_timeout;
  delivery.call_timeout = settings_.start_timeout;
  delivery.stalled_after = settings_.stalled_after;
  delivery.max_in_flight = settings_.max_in_flight;
  delivery.workers = settings_.workers;
  delivery.queue_bytes = settings_.queue_bytes;
  delivery.retry = settings_.retry;
  delivery.counters = counters_;
  auto made = std::make_unique<SinkDelivery>(std::move(delivery), environment_.journal,
                                             environment_.observer, &watch_, wake_);
  {
    std::lock_guard lock(mutex_);
    delivery_ = std::move(made);
    epoch_ = *epoch;
    if (ending_) return false;
  }
  InstanceOptions options;
  options.sink = settings_.name;
  options.retained_bytes_max = settings_.queue_bytes;
  options.metrics = metrics_;
  if (!watch_.Enter(CallWatch::Call::kCreate, After(settings_.start_timeout))) return false;
  Result<std::unique_ptr<SinkInstance>> instance =
      library_->CreateInstance(options, delivery_->listener());
  const bool can_reset = instance && (*instance)->can_reset();
  if (!watch_.Leave()) {
    // Nobody is left to destroy it.
    if (instance) (void)instance->release();
    return false;
  }
  if (!instance) {
    Fail(FaultOf(instance.error().code()), instance.error().WithContext("create failed"));
    return false;
  }
  std::lock_guard lock(mutex_);
  called_ = instance->get();
  instance_ = std::move(*instance);
  can_reset_ = can_reset;
  return true;
}

StartArgs InstanceRun::MakeStartArgs() const {
  StartArgs args;
  args.settings_json = settings_.settings_json;
  args.stream_id = environment_.stream_id;
  args.sink = settings_.name;
  args.home = environment_.home;
  args.epoch = epoch_;
  args.deadline = settings_.start_timeout;
  args.filter = settings_.filter;
  return args;
}

bool InstanceRun::Start() {
  const StartArgs args = MakeStartArgs();
  if (!watch_.Enter(CallWatch::Call::kStart, After(settings_.start_timeout))) return false;
  Failpoint("lifecycle.start.before");
  Result<StartResult> result = called_->Start(args);
  if (!watch_.Leave()) return false;
  Failpoint("lifecycle.start.after");
  if (!result) {
    Fail(FaultOf(result.error().code()), result.error().WithContext("start failed"));
    return false;
  }
  std::lock_guard lock(mutex_);
  started_ = *result;
  return true;
}

bool InstanceRun::Attach() {
  while (!Ending()) {
    SinkDelivery::Asked asked;
    asked.first_answer = !copied_;
    asked.snapshot = snapshot_wanted_;
    asked.copied = copied_;
    std::optional<AttachDecision> decision = delivery_->AskPosition(called_, asked);
    if (!decision) return false;
    if (decision->outcome == AttachOutcome::kSnapshot) {
      if (!CopyState()) return false;
      continue;
    }
    if (decision->outcome == AttachOutcome::kAttach) {
      {
        std::lock_guard lock(mutex_);
        ahead_ = false;
        caught_up_at_ = environment_.journal->journaled();
        attached_as_ = decision->reason;
        base_ = decision->base.height;
      }
      if (decision->reason == AttachReason::kGapSkipped) {
        LogWarn(component_, "heights {} to {} are skipped, by on_gap: what it holds is partial",
                decision->skipped_from, decision->base.height);
      } else if (decision->reason == AttachReason::kLatest) {
        LogInfo(component_, "begins behind height {}, by start: what it holds is partial",
                decision->base.height);
      }
      if (!AnnounceBase(*decision)) return false;
      LogInfo(component_, "attached at height {}, epoch {}, level {}", decision->base.height,
              epoch_, AckLevelName(started_->level));
      const bool open = delivery_->Open(called_, *started_, decision->base, decision->reason);
      // From here on its watermark says what the journal is kept for.
      if (open) EndCopy();
      return open;
    }
    if (decision->outcome != AttachOutcome::kAhead) {
      {
        std::lock_guard lock(mutex_);
        foreign_epoch_ = decision->foreign_epoch;
      }
      Fail(FaultOf(decision->outcome), Status(StatusCode::kPlugin, std::move(decision->text)));
      return false;
    }
    LogWarn(component_, "{}", decision->text);
    {
      std::lock_guard lock(mutex_);
      ahead_ = true;
    }
    wake_();
    if (!delivery_->WaitUntilJournaled(decision->base.height)) return false;
  }
  return false;
}

bool InstanceRun::CopyState() {
  // Without an answer where it stands nobody would know that a copy is whole.
  if (!called_->can_take_snapshot() || !called_->can_resume()) {
    {
      // Who has asked for it has to ask again, where another plugin can.
      std::lock_guard lock(mutex_);
      news_.cannot_copy = true;
      ++announced_;
    }
    Fail(
        SinkFault::kGap,
        Status(StatusCode::kUnsupported,
               fmt::format("the sink is to take a copy of the state, and plugin {} takes none (no "
                           "sluice.snapshot/1): use start = \"resume\" or \"latest\", and on_gap = "
                           "\"refuse\" or \"skip\"",
                           library_->identity().id)));
    return false;
  }
  if (!AskForSnapshot()) return false;
  // Acks are never taken back: what this sink has acked, the copy holds.
  if (!delivery_->WaitUntilCommitted(acked_)) return false;
  SnapshotCopy::Settings settings;
  settings.sink = settings_.name;
  settings.component = component_;
  settings.epoch = epoch_;
  settings.filter = settings_.filter;
  settings.part_timeout = settings_.start_timeout;
  settings.call_timeout = settings_.stalled_after;
  auto made = std::make_unique<SnapshotCopy>(
      std::move(settings), environment_.state, environment_.journal, environment_.observer, &watch_,
      [this](Duration duration) { return delivery_->Pause(duration); });
  SnapshotCopy* copy = made.get();
  {
    std::lock_guard lock(mutex_);
    copy_ = std::move(made);
  }
  SnapshotCopy::Outcome outcome = copy->Run(called_);
  if (watch_.abandoned()) return false;
  if (!outcome.base) {
    // What ended it has been noted, or is no failure.
    if (!Ending()) Fail(outcome.failure.fault, std::move(outcome.failure.status));
    return false;
  }
  copied_ = outcome.base;
  return true;
}

bool InstanceRun::AskForSnapshot() {
  std::unique_lock lock(mutex_);
  if (!snapshot_allowed_) {
    asks_for_snapshot_ = true;
    lock.unlock();
    wake_();
    lock.lock();
    allowed_.wait(lock, [this] { return snapshot_allowed_ || ending_; });
    asks_for_snapshot_ = false;
  }
  return !ending_;
}

void InstanceRun::EndCopy() {
  {
    std::lock_guard lock(mutex_);
    if (copy_ == nullptr) return;
    copy_.reset();
  }
  environment_.observer->OnSnapshot(settings_.name, std::nullopt, 0);
}

void InstanceRun::Drain() {
  TimePoint until;
  {
    std::lock_guard lock(mutex_);
    if (!ending_) return;
    until = drain_until_;
  }
  const TimePoint now = Now();
  if (until <= now || delivery_->failure()) return;
  // First the call, then the acks: a sink that groups heights waits for more until it is drained.
  if (!watch_.Enter(CallWatch::Call::kDrain, TimePoint::max())) return;
  Failpoint("lifecycle.drain.before");
  Status status = called_->Drain(until - now);
  if (!watch_.Leave()) return;
  Failpoint("lifecycle.drain.after");
  if (!status.ok()) {
    LogWarn(component_, "drain failed: {}", status.message());
  } else if (!delivery_->WaitUntilAcked(until)) {
    LogWarn(component_,
            "stopping with {} heights in flight; they are delivered again at the next start",
            delivery_->snapshot(now).in_flight);
  }
}

bool InstanceRun::Destroy() {
  if (!watch_.Enter(CallWatch::Call::kDestroy, After(settings_.stop_timeout))) return false;
  Failpoint("lifecycle.destroy.before");
  called_->Destroy();
  if (!watch_.Leave()) return false;
  Failpoint("lifecycle.destroy.after");
  // Freed here, on its own thread; who looks for it from outside finds none.
  std::unique_ptr<SinkInstance> destroyed;
  std::lock_guard lock(mutex_);
  destroyed = std::move(instance_);
  return true;
}

void InstanceRun::SetPhase(InstancePhase phase) {
  {
    std::lock_guard lock(mutex_);
    phase_ = phase;
  }
  wake_();
}

bool InstanceRun::Ending() const {
  std::lock_guard lock(mutex_);
  return ending_;
}

std::optional<Epoch> InstanceRun::foreign_epoch() const {
  std::lock_guard lock(mutex_);
  return foreign_epoch_;
}

std::optional<bool> InstanceRun::can_reset() const {
  std::lock_guard lock(mutex_);
  return can_reset_;
}

void InstanceRun::Fail(SinkFault fault, Status status) {
  {
    std::lock_guard lock(mutex_);
    if (delivery_ == nullptr) {
      early_failure_ = SinkFailure{fault, std::move(status)};
      return;
    }
  }
  delivery_->NoteFailure(fault, std::move(status));
}

// --- the control thread ------------------------------------------------------------------------

void InstanceRun::Enqueue(std::shared_ptr<const ChangeSet> change_set) {
  SinkDelivery* delivery = nullptr;
  {
    std::lock_guard lock(mutex_);
    delivery = delivery_.get();
  }
  // Before there is one nothing is lost: the queue begins at what is journaled when it opens.
  if (delivery != nullptr) delivery->Enqueue(std::move(change_set));
}

bool InstanceRun::asks_for_snapshot() const {
  std::lock_guard lock(mutex_);
  return asks_for_snapshot_ && !snapshot_allowed_;
}

void InstanceRun::AllowSnapshot() {
  {
    std::lock_guard lock(mutex_);
    snapshot_allowed_ = true;
  }
  allowed_.notify_all();
}

void InstanceRun::End(TimePoint drain_until, TimePoint now) {
  SinkDelivery* delivery = nullptr;
  SinkInstance* instance = nullptr;
  {
    std::lock_guard lock(mutex_);
    drain_until_ = ending_ ? std::min(drain_until_, drain_until) : drain_until;
    // Never later than said before, or a request repeated again and again would never end.
    kill_at_ = std::min(kill_at_, std::max(drain_until_, now) + settings_.stop_timeout);
    ending_ = true;
    on_record_.notify_all();
    delivery = delivery_.get();
    instance = instance_.get();
  }
  allowed_.notify_all();
  const bool at_once = drain_until <= now;
  if (delivery != nullptr) delivery->Stop(at_once);
  if (at_once && instance != nullptr) Cancel(instance);
}

void InstanceRun::SetAckTimeout(Duration ack_timeout) {
  std::lock_guard lock(mutex_);
  if (delivery_ != nullptr) delivery_->SetAckTimeout(ack_timeout);
}

void InstanceRun::Cancel(SinkInstance* instance) {
  if (!watch_.BeginCancel()) return;
  if (canceller_.joinable()) canceller_.join();  // the one before has ended
  canceller_ = std::thread([self = shared_from_this(), instance] {
    instance->Cancel();
    self->watch_.EndCancel();
  });
}

TimePoint InstanceRun::Supervise(TimePoint now) {
  SinkDelivery* delivery = nullptr;
  SinkInstance* instance = nullptr;
  bool ending = false;
  TimePoint drain_until;
  TimePoint kill_at;
  {
    std::lock_guard lock(mutex_);
    if (phase_ == InstancePhase::kNone || phase_ == InstancePhase::kHung) return TimePoint::max();
    delivery = delivery_.get();
    instance = instance_.get();
    ending = ending_;
    drain_until = drain_until_;
    kill_at = kill_at_;
  }
  const CallWatch::Current call = watch_.current();
  const bool overdue = now >= call.overdue_at;
  const bool last_call =
      call.call == CallWatch::Call::kCancel || call.call == CallWatch::Call::kDestroy;
  if ((ending && now >= kill_at) || (overdue && last_call)) {
    return Abandon() ? TimePoint::max() : now + kAbandonRetry;
  }
  if (ending) {
    if (now < drain_until) return std::min(drain_until, call.overdue_at);
    if (delivery != nullptr) delivery->Stop(/*at_once=*/true);
    if (instance != nullptr) Cancel(instance);
    return std::min(kill_at, call.overdue_at);
  }
  if (overdue) {
    Fail(SinkFault::kRetryable,
         Status(StatusCode::kTimeout,
                fmt::format("{} has not returned within {} ms", CallName(call.call),
                            Milliseconds(LimitOf(call, settings_)))));
    return TimePoint::max();
  }
  TimePoint look_again = call.overdue_at;
  if (delivery != nullptr) look_again = std::min(look_again, delivery->CheckOverdue(now));
  return look_again;
}

bool InstanceRun::Abandon() {
  const CallWatch::Call call = watch_.current().call;
  if (!watch_.Abandon()) return false;
  LogError(component_, "{} does not return; the instance is abandoned", CallName(call));
  SinkInstance* instance = nullptr;
  {
    std::lock_guard lock(mutex_);
    // Leaked on purpose: its call is still running in it.
    instance = instance_.release();
    phase_ = InstancePhase::kHung;
  }
  if (delivery_ != nullptr) delivery_->Close();
  environment_.observer->OnSnapshot(settings_.name, std::nullopt, 0);
  if (instance != nullptr) instance->Abandon();
  thread_.detach();
  if (canceller_.joinable()) canceller_.detach();
  return true;
}

InstancePhase InstanceRun::phase() const {
  std::lock_guard lock(mutex_);
  return phase_;
}

std::optional<SinkFailure> InstanceRun::TakeFailure() {
  if (failure_taken_) return std::nullopt;
  std::optional<SinkFailure> failure;
  {
    std::lock_guard lock(mutex_);
    failure = early_failure_;
    if (!failure && delivery_ != nullptr) failure = delivery_->failure();
  }
  failure_taken_ = failure.has_value();
  return failure;
}

InstanceRun::Snapshot InstanceRun::snapshot(TimePoint now) const {
  Snapshot result;
  result.call = watch_.current();
  std::lock_guard lock(mutex_);
  result.phase = phase_;
  result.epoch = epoch_;
  result.started = started_;
  result.provisioning = provisioning_;
  result.ahead = ahead_;
  result.attached_as = attached_as_;
  result.base = base_;
  result.caught_up_at = caught_up_at_;
  if (copy_ != nullptr) result.copying = copy_->progress();
  if (delivery_ != nullptr) result.delivery = delivery_->snapshot(now);
  return result;
}

}  // namespace sluice
