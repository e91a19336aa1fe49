// SPDX-License-Identifier: Apache-2.0
//
// What an instance's thread does before start: it has the external system provisioned, as a task
// that goes on there and is only watched from here, and makes the sink empty where that was asked
// for. And how it has its news put on record by the control thread, ahead of what follows from
// them.
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/failpoint.h"
#include "base/log.h"
#include "lifecycle/instance_run.h"

namespace sluice {
namespace {

// How often a task is asked for; longer each time.
constexpr Duration kFirstPoll = std::chrono::milliseconds(20);
constexpr Duration kLastPoll = std::chrono::seconds(1);

TimePoint After(Duration timeout) {
  return timeout > Duration::zero() ? Now() + timeout : TimePoint::max();
}

uint64_t Milliseconds(Duration duration) {
  return static_cast<uint64_t>(duration / std::chrono::milliseconds(1));
}

SinkFault FaultOf(StatusCode code) {
  return code == StatusCode::kFenced ? SinkFault::kFenced : SinkFault::kRetryable;
}

}  // namespace

bool InstanceRun::Prepare() { return Provision() && (!inherited_.reset || Reset()); }

bool InstanceRun::Provision() {
  if (news_.task.id.empty() && !BeginTask()) return false;
  if (news_.task.id.empty()) return true;  // there is nothing to wait for
  // A clock that was set does not make it wait longer than it was going to.
  const Duration age =
      std::chrono::nanoseconds(std::max<int64_t>(WallNanos() - news_.task.begun_at_unix_nanos, 0));
  task_deadline_ = Now() + std::max(settings_.provision_timeout - age, Duration::zero());
  Duration pause = kFirstPoll;
  for (;;) {
    if (std::optional<bool> ended = PollTask()) return *ended;
    const Duration left = std::max(task_deadline_ - Now(), Duration::zero());
    if (!delivery_->Pause(std::min(pause, left))) return false;
    pause = std::min(2 * pause, kLastPoll);
  }
}

bool InstanceRun::BeginTask() {
  if (!watch_.Enter(CallWatch::Call::kProvision, After(settings_.start_timeout))) return false;
  Failpoint("lifecycle.provision.before");
  Result<std::string> task = called_->BeginProvision(MakeStartArgs());
  if (!watch_.Leave()) return false;
  Failpoint("lifecycle.provision.after");
  if (!task) {
    if (task.error().code() == StatusCode::kUnsupported) return true;
    Fail(FaultOf(task.error().code()), task.error().WithContext("provisioning could not be begun"));
    return false;
  }
  if (task->empty()) return true;
  LogInfo(component_, "provisioning: task {}", *task);
  {
    std::lock_guard lock(mutex_);
    news_.task = {*std::move(task), WallNanos()};
  }
  return Announce();
}

std::optional<bool> InstanceRun::PollTask() {
  const std::string id = news_.task.id;
  if (!watch_.Enter(CallWatch::Call::kProvision, After(settings_.start_timeout))) return false;
  Result<ProvisionReport> report = called_->PollProvision(MakeStartArgs(), id);
  if (!watch_.Leave()) return false;
  if (!report && report.error().code() != StatusCode::kRetry) {
    // The task is still what it was; the next instance asks for it again.
    Fail(FaultOf(report.error().code()),
         report.error().WithContext(fmt::format("provisioning task {} cannot be watched", id)));
    return false;
  }
  const auto state = report ? report->state : ProvisionReport::State::kRunning;
  if (state == ProvisionReport::State::kDone) {
    LogInfo(component_, "provisioned by task {}", id);
    SetProvisioning("");
    {
      std::lock_guard lock(mutex_);
      news_.task = {};
    }
    return Announce();
  }
  if (state == ProvisionReport::State::kFailed) {
    return FailTask(
        FaultOf(report->error.code()),
        report->error.WithContext(report->by_user ? "provisioning failed, for the operator to mend"
                                                  : "provisioning failed in the external system"));
  }
  if (state == ProvisionReport::State::kUnknown) {
    return FailTask(SinkFault::kRetryable,
                    Status(StatusCode::kFailed,
                           fmt::format("provisioning task {} is not known any more; it is begun "
                                       "anew",
                                       id)));
  }
  if (Now() >= task_deadline_) {
    return FailTask(
        SinkFault::kRetryable,
        Status(StatusCode::kTimeout, fmt::format("provisioning task {} has not ended within {} ms",
                                                 id, Milliseconds(settings_.provision_timeout))));
  }
  const std::string text = report ? report->text : report.error().message();
  SetProvisioning(text.empty() ? "provisioning" : "provisioning: " + text);
  return std::nullopt;
}

// The record that says so is the one with the failure: who sees that sees this.
bool InstanceRun::FailTask(SinkFault fault, Status why) {
  SetProvisioning("");
  {
    std::lock_guard lock(mutex_);
    news_.task = {};
    ++announced_;
  }
  Fail(fault, std::move(why));
  return false;
}

bool InstanceRun::Reset() {
  // The plugin sees this instance's epoch only, which grows with each try.
  if (inherited_.refused_epoch > Epoch()) {
    Fail(SinkFault::kForeign,
         Status(StatusCode::kFenced,
                fmt::format("it is not reset: the sink has refused this node, since another node "
                            "or a copy of this home writes to it: stop that one, and make this "
                            "node its owner by `sluice sink repair --take-over {}`",
                            settings_.name)));
    return false;
  }
  StartArgs args = MakeStartArgs();
  args.deadline = settings_.provision_timeout;
  if (!watch_.Enter(CallWatch::Call::kReset, After(settings_.provision_timeout))) return false;
  Failpoint("lifecycle.reset.before");
  Status status = called_->Reset(args);
  if (!watch_.Leave()) return false;
  Failpoint("lifecycle.reset.after");
  const bool cannot = status.code() == StatusCode::kUnsupported;
  if (status.ok() || cannot) {
    std::lock_guard lock(mutex_);
    news_.emptied = status.ok();
    news_.cannot_reset = cannot;
    news_.partial_after = Height();
    if (cannot) {
      news_.partial_after = inherited_.partial_after;
      ++announced_;
    }
  }
  if (!status.ok()) {
    Fail(FaultOf(status.code()), status.WithContext("reset failed"));
    return false;
  }
  LogWarn(component_, "made empty, as it was told");
  acked_ = Height();
  return Announce();
}

bool InstanceRun::AnnounceBase(const AttachDecision& decision) {
  if (decision.reason == AttachReason::kResumed) return true;
  const bool partial =
      decision.reason == AttachReason::kLatest || decision.reason == AttachReason::kGapSkipped;
  const Height after = partial ? decision.base.height : Height();
  {
    std::lock_guard lock(mutex_);
    if (news_.partial_after == after) return true;
    news_.partial_after = after;
  }
  return Announce();
}

bool InstanceRun::Announce() {
  std::unique_lock lock(mutex_);
  const uint64_t number = ++announced_;
  lock.unlock();
  wake_();
  lock.lock();
  on_record_.wait(lock, [&] { return recorded_ >= number || ending_; });
  return !ending_;
}

void InstanceRun::SetProvisioning(std::string text) {
  std::lock_guard lock(mutex_);
  provisioning_ = std::move(text);
}

InstanceRun::News InstanceRun::news(uint64_t* number) const {
  std::lock_guard lock(mutex_);
  *number = announced_;
  return news_;
}

void InstanceRun::OnRecord(uint64_t number) {
  std::lock_guard lock(mutex_);
  recorded_ = std::max(recorded_, number);
  on_record_.notify_all();
}

}  // namespace sluice
