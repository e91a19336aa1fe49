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

int64_t ToWallNanos(TimePoint time, TimePoint now) { return WallNanos() + (time - now).count(); }

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
  Impl(SinkSettings settings, SinkEnvironment environment)
      : settings_(std::move(settings)),
        environment_(std::move(environment)),
        component_(fmt::format("sink {}", settings_.name)),
        step_settings_{settings_.retry, settings_.healthy_after} {}

  ~Impl() {
    if (!thread_.joinable()) return;
    RequestStop(Duration::zero());
    Join(Now() + settings_.stop_timeout);
  }

  void Start() {
    SLUICE_CHECK(!thread_.joinable(), "a sink's loop is started once");
    thread_ = std::thread([this] { Control(); });
  }

  void Enqueue(std::shared_ptr<const ChangeSet> change_set) {
    std::shared_ptr<InstanceRun> run;
    {
      std::lock_guard lock(mutex_);
      run = run_;
    }
    if (run) run->Enqueue(std::move(change_set));
  }

  void RequestStop(Duration drain_timeout) {
    {
      std::lock_guard lock(mutex_);
      desired_ = DesiredState::kStopped;
      drain_timeout_ = drain_timeout;
    }
    signal_->Set();
  }

  bool Join(TimePoint deadline) {
    if (!thread_.joinable()) return !hung_;
    {
      std::unique_lock lock(mutex_);
      if (!finished_changed_.wait_until(lock, deadline, [this] { return finished_; })) {
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
  void Control();
  // One look and one step; returns when to look again. True in `finished_` ends the loop.
  TimePoint Round(TimePoint now);
  ObservedState Observe();
  void Act(LifecycleAction action, TimePoint now);
  void Tell(const SinkState& before, TimePoint now);
  void TellAvailability();
  void LetGo(TimePoint now);
  std::string DescribeAhead(const InstanceRun::Snapshot& run) const;

  // Set in the constructor.
  const SinkSettings settings_;
  const SinkEnvironment environment_;
  const std::string component_;
  const LifecycleSettings step_settings_;
  const std::shared_ptr<SinkCounters> counters_ = std::make_shared<SinkCounters>();
  const std::shared_ptr<Signal> signal_ = std::make_shared<Signal>();
  const std::shared_ptr<PluginMetrics> metrics_ = std::make_shared<PluginMetrics>();

  std::thread thread_;

  // Control thread only.
  std::mt19937_64 random_{std::random_device()()};
  bool attached_once_ = false;
  std::optional<std::pair<SinkAvailability, std::string>> told_;

  mutable std::mutex mutex_;  // guards what follows; written by the control thread but for requests
  std::condition_variable finished_changed_;
  DesiredState desired_ = DesiredState::kRunning;
  Duration drain_timeout_{};
  bool force_ = false;  // the deadline has passed: abandon whatever does not return
  bool finished_ = false;
  bool hung_ = false;
  SinkState state_;
  std::shared_ptr<InstanceRun> run_;
  uint64_t run_count_ = 0;
  SinkStatus::LastError last_error_;
  // Of instances that have ended.
  uint64_t past_retries_ = 0;
  uint64_t past_stale_acks_ = 0;
  Height last_watermark_;
  std::optional<Height> last_sink_height_;
  std::optional<bool> last_at_least_once_;
};

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
  finished_changed_.notify_all();
}

TimePoint SinkLoop::Impl::Round(TimePoint now) {
  TimePoint look_again_at = TimePoint::max();
  if (run_) look_again_at = run_->Supervise(now);
  bool force = false;
  {
    std::lock_guard lock(mutex_);
    force = force_;
  }
  if (force && run_) {
    run_->End(now, now);
    const InstancePhase phase = run_->phase();
    if (phase != InstancePhase::kNone && phase != InstancePhase::kHung && !run_->Abandon()) {
      look_again_at = std::min(look_again_at, now + kForceRetry);
    }
  }
  for (;;) {
    const ObservedState observed = Observe();
    if (observed.instance == InstancePhase::kNone && run_) LetGo(now);
    SinkState before;
    LifecycleStep step;
    {
      std::lock_guard lock(mutex_);
      before = state_;
      if (observed.failure) {
        counters_->CountError(observed.failure->status.code());
        last_error_ = {WallNanos(), std::string(StatusCodeName(observed.failure->status.code())),
                       observed.failure->status.message()};
      }
      step = NextStep(state_, desired_, observed, step_settings_, now);
      state_ = step.next;
      hung_ = hung_ || observed.instance == InstancePhase::kHung;
      if (desired_ == DesiredState::kStopped && state_.state == LifecycleState::kSuspended &&
          (!run_ || hung_)) {
        finished_ = true;
      }
    }
    look_again_at = std::min(look_again_at, step.look_again_at);
    Tell(before, now);
    TellAvailability();
    Act(step.action, now);
    if (step.action != LifecycleAction::kNone) {
      look_again_at = std::min(look_again_at, run_->Supervise(now));
    }
    if (before.state == step.next.state) return look_again_at;
  }
}

ObservedState SinkLoop::Impl::Observe() {
  ObservedState observed;
  observed.random = std::uniform_real_distribution<double>()(random_);
  if (!run_) return observed;
  // The phase first: a failure is noted before the instance has ended.
  observed.instance = run_->phase();
  observed.failure = run_->TakeFailure();
  if (observed.instance == InstancePhase::kAttached) attached_once_ = true;
  return observed;
}

void SinkLoop::Impl::LetGo(TimePoint now) {
  run_->Join();
  const InstanceRun::Snapshot last = run_->snapshot(now);
  std::lock_guard lock(mutex_);
  past_retries_ += last.delivery.retries;
  past_stale_acks_ += last.delivery.refused;
  if (last.delivery.open) last_watermark_ = last.delivery.watermark;
  if (last.delivery.sink_height) last_sink_height_ = last.delivery.sink_height;
  if (last.started) last_at_least_once_ = IsAtLeastOnce(*last.started);
  run_.reset();
}

void SinkLoop::Impl::Act(LifecycleAction action, TimePoint now) {
  switch (action) {
    case LifecycleAction::kNone:
      return;
    case LifecycleAction::kBegin: {
      auto run = std::make_shared<InstanceRun>(settings_, environment_, counters_, metrics_,
                                               [signal = signal_] { signal->Set(); });
      {
        std::lock_guard lock(mutex_);
        run_ = run;
        ++run_count_;
      }
      run->Begin();
      return;
    }
    case LifecycleAction::kEnd:
      run_->End(now, now);
      return;
    case LifecycleAction::kDrain:
      run_->End(now + drain_timeout_, now);
      return;
  }
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
      if (state.reason != SuspendReason::kOperator) {
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
  std::pair<SinkAvailability, std::string> now{
      attached_once_ ? SinkAvailability::kAvailable : SinkAvailability::kJoining, ""};
  switch (state_.state) {
    case LifecycleState::kInitializing:
      now.second = state_.attempt > 0 ? state_.error.message() : "starting";
      if (run_) {
        const InstanceRun::Snapshot run = run_->snapshot(Now());
        if (run.ahead) now = {SinkAvailability::kGone, "ahead: " + DescribeAhead(run)};
      }
      break;
    case LifecycleState::kRunning:
      now.first = SinkAvailability::kAvailable;
      break;
    case LifecycleState::kRepairing:
      now.second = state_.error.message();
      break;
    case LifecycleState::kSuspending:
      now = {SinkAvailability::kGone, "stopping"};
      break;
    case LifecycleState::kSuspended:
      now = {SinkAvailability::kGone, std::string(SuspendReasonName(state_.reason))};
      if (state_.reason != SuspendReason::kOperator && !state_.error.ok()) {
        now.second += ": " + state_.error.message();
      }
      break;
  }
  if (told_ == now) return;
  told_ = now;
  environment_.observer->OnAvailability(settings_.name, now.first, now.second);
}

std::string SinkLoop::Impl::DescribeAhead(const InstanceRun::Snapshot& run) const {
  return fmt::format("the sink is at {}, the node at {}",
                     run.delivery.sink_height.value_or(Height()),
                     environment_.journal->journaled());
}

SinkStatus SinkLoop::Impl::status() const {
  const TimePoint now = Now();
  SinkStatus status;
  status.name = settings_.name.str();
  status.plugin = environment_.library->identity().id;
  status.plugin_version = environment_.library->identity().version;
  status.counted = settings_.counted;
  status.filter = settings_.filter;
  status.settings_json = settings_.masked_settings_json;

  std::shared_ptr<InstanceRun> run;
  SinkState state;
  bool first_run = false;
  {
    std::lock_guard lock(mutex_);
    run = run_;
    state = state_;
    first_run = run_count_ <= 1;
    status.last_error = last_error_;
    status.retries = past_retries_ + (run_count_ > 0 ? run_count_ - 1 : 0);
    status.stale_acks = past_stale_acks_;
    status.watermark = last_watermark_;
    status.sink_height = last_sink_height_;
    status.at_least_once = last_at_least_once_;
  }
  status.metrics = metrics_->values();
  status.lifecycle = LifecycleStateName(state.state);
  if (state.state == LifecycleState::kSuspended) status.reason = SuspendReasonName(state.reason);
  if (state.state == LifecycleState::kRepairing) {
    status.reason = state.error.message();
    status.next_retry_at_unix_nanos = ToWallNanos(state.next_at, now);
  }
  if (!run) {
    const Height journaled = environment_.journal->journaled();
    status.lag_blocks = journaled > status.watermark ? journaled - status.watermark : 0;
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
  if (snapshot.ahead) {
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
    const Height journaled = environment_.journal->journaled();
    status.lag_blocks = journaled > status.watermark ? journaled - status.watermark : 0;
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
      status.mode = delivery.lag_blocks <= kLiveLagHeights ? "live" : "catching_up";
    }
  }
  return status;
}

SinkLoop::SinkLoop(SinkSettings settings, SinkEnvironment environment)
    : impl_(std::make_unique<Impl>(std::move(settings), std::move(environment))) {}
SinkLoop::~SinkLoop() = default;

void SinkLoop::Start() { impl_->Start(); }
void SinkLoop::Enqueue(std::shared_ptr<const ChangeSet> change_set) {
  impl_->Enqueue(std::move(change_set));
}
void SinkLoop::RequestStop(Duration drain_timeout) { impl_->RequestStop(drain_timeout); }
bool SinkLoop::Join(TimePoint deadline) { return impl_->Join(deadline); }
SinkStatus SinkLoop::status() const { return impl_->status(); }
const SinkCounters& SinkLoop::counters() const { return impl_->counters(); }

}  // namespace sluice
