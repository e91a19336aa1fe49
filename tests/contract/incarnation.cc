// SPDX-License-Identifier: Apache-2.0
#include "contract/incarnation.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <span>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "delivery/attach.h"

namespace sluice::contract {
namespace {

constexpr uint64_t kRetainedBytes = uint64_t{256} << 20;
// How often a height is tried again before it counts as refused, and how long each waits: a server
// that comes and goes is no fault of the sink.
constexpr int kTriesMax = 30;
constexpr Duration kRetryDelay = std::chrono::milliseconds(50);

Status Failed(std::string text) { return {StatusCode::kFailed, std::move(text)}; }

bool TriedAgain(StatusCode code) {
  return code == StatusCode::kRetry || code == StatusCode::kNoMemory ||
         code == StatusCode::kCancelled;
}

uint64_t Milliseconds(Duration duration) {
  return static_cast<uint64_t>(duration / std::chrono::milliseconds(1));
}

}  // namespace

Incarnation::Incarnation(const SinkPlace& place, const IncarnationOptions& options, Report* report)
    : place_(place), options_(options), report_(report), recorder_(options.epoch) {}

Result<std::unique_ptr<Incarnation>> Incarnation::Create(PluginLibrary* library,
                                                         const SinkPlace& place,
                                                         const IncarnationOptions& options,
                                                         Report* report) {
  std::unique_ptr<Incarnation> made(new Incarnation(place, options, report));
  SLUICE_ASSIGN_OR_RETURN(made->instance_,
                          library->CreateInstance({place.sink, kRetainedBytes}, &made->recorder_));
  return made;
}

Incarnation::~Incarnation() {
  if (instance_ == nullptr) return;
  if (!destroyed_) Destroy();
}

void Incarnation::Destroy() {
  destroyed_ = true;
  instance_->Destroy();
  for (const std::string& text : recorder_.violations()) report_->Add(Finding::kFailed, text);
}

Status Incarnation::Start() {
  StartArgs args;
  args.settings_json = place_.settings_json;
  args.stream_id = place_.stream_id;
  args.sink = place_.sink;
  args.home = place_.home;
  args.epoch = options_.epoch;
  args.deadline = place_.start_deadline;
  args.filter = options_.filter;
  SLUICE_ASSIGN_OR_RETURN(started_, instance_->Start(args));
  recorder_.Started(started_);
  return Status::Ok();
}

Status Incarnation::Attach(const Base& base, AttachReason reason) {
  SLUICE_RETURN_IF_ERROR(instance_->Attach(base, reason, options_.epoch));
  base_ = base;
  recorder_.Attached(base.height);
  return Status::Ok();
}

Status Incarnation::BeginSnapshot(const History& copy) {
  SnapshotArgs args;
  args.base = copy.base();
  args.epoch = options_.epoch;
  args.filtered = !options_.filter.passes_all();
  args.time_unix_nanos = WallNanos();
  args.rows_about = copy.snapshot()->size();
  return instance_->BeginSnapshot(args);
}

Status Incarnation::TakePart(uint64_t part, const std::vector<SnapshotRow>& rows) {
  return instance_->TakeSnapshotPart(part, rows);
}

Status Incarnation::ResumeAndAttach(const History& history) {
  AttachQuestion question;
  question.epoch = options_.epoch;
  question.stream_id = place_.stream_id;
  question.first = history.first();
  question.journaled = history.last();
  if (instance_->can_resume()) {
    Result<SinkPosition> position = instance_->Resume();
    if (!position) return position.error().WithContext("resume");
    question.position = *position;
  }
  SLUICE_ASSIGN_OR_RETURN(const AttachDecision decision,
                          DecideAttach(question, [&](Height height) -> Result<Digest> {
                            return history.digest(height);
                          }));
  if (decision.outcome != AttachOutcome::kAttach) {
    return Failed("by what resume answered it cannot be attached: " +
                  (decision.text.empty() ? fmt::format("it says height {}", decision.base.height)
                                         : decision.text));
  }
  return Attach(decision.base, decision.reason)
      .WithContext(fmt::format("attach at height {}", decision.base.height));
}

Status Incarnation::DeliverOnce(const std::shared_ptr<const ChangeSet>& set, Height newest) {
  Delivery delivery;
  delivery.change_set = options_.filter.passes_all() ? set : FilterChangeSet(*set, options_.filter);
  delivery.epoch = options_.epoch;
  delivery.attempt = attempt_;
  delivery.newest_height = newest;
  delivery.with_old_values = options_.with_old_values;
  recorder_.Delivered(set->height(), attempt_);
  Status status = instance_->Deliver(delivery);
  if (status.ok()) recorder_.Answered(set->height(), attempt_);
  return status;
}

void Incarnation::AwaitEarlierOfTheSameKeys(const History& history, Height height) {
  std::set<std::pair<std::string_view, std::string_view>> keys;
  for (const Change& change : history.at(height)->changes()) keys.emplace(change.store, change.key);
  for (Height earlier = history.first(); earlier < height; ++earlier) {
    if (!recorder_.Open(earlier)) continue;
    const std::span<const Change> changes = history.at(earlier)->changes();
    const bool shares = std::any_of(changes.begin(), changes.end(), [&](const Change& change) {
      return keys.count({change.store, change.key}) != 0;
    });
    if (shares) (void)recorder_.AwaitClosed(earlier, place_.ack_limit);
  }
}

Status Incarnation::DeliverOnce(const History& history, Height height, Height newest) {
  if (parallel()) AwaitEarlierOfTheSameKeys(history, height);
  return DeliverOnce(history.at(height), newest);
}

Status Incarnation::Drain() { return instance_->Drain(place_.ack_limit); }

Result<Height> Incarnation::AskAgain(const History& history, Height last_delivered) {
  Height at = recorder_.news().watermark;
  if (instance_->can_resume()) {
    SLUICE_ASSIGN_OR_RETURN(const SinkPosition position, instance_->Resume());
    if (!position.empty && position.height > last_delivered) {
      return Error(Failed(fmt::format("resume says height {}, and nothing above {} was delivered",
                                      position.height, last_delivered)));
    }
    const Height said = position.empty ? Height() : position.height;
    if (said < at) {
      return Error(Failed(
          fmt::format("resume says height {} after heights through {} were acked", said, at)));
    }
    if (said > Height() && position.digest != history.digest(said)) {
      return Error(Failed(fmt::format("resume gives another digest for height {}", said)));
    }
    at = said;
  }
  recorder_.Rewind(at);
  NextAttempt();
  return at;
}

Status Incarnation::Deliver(const History& history, Height first, Height last) {
  recorder_.Expect(first);
  Height next = first;
  int tries = 0;
  Status why;
  for (;;) {
    bool again = false;
    if (next <= last) {
      const uint64_t ready_before = recorder_.news().ready_count;
      why = DeliverOnce(history, next, last);
      if (why.ok() || why.code() == StatusCode::kPending) {
        ++next;
        continue;
      }
      if (why.code() == StatusCode::kBusy) {
        if (recorder_.AwaitReady(ready_before, place_.ack_limit).ready_count > ready_before)
          continue;
        return Failed(fmt::format("height {}: BUSY, and no ready within {} ms", next,
                                  Milliseconds(place_.ack_limit)));
      }
      if (!TriedAgain(why.code())) return why.WithContext(fmt::format("height {}", next));
      again = true;
    } else {
      const AckRecorder::News news = recorder_.Await(last, place_.ack_limit);
      if (news.failed) return news.failed->WithContext("the instance says that it is broken");
      if (news.watermark >= last) return Status::Ok();
      if (!news.nack) {
        return Failed(fmt::format("no ack for height {} within {} ms", news.watermark + 1,
                                  Milliseconds(place_.ack_limit)));
      }
      why = Status(news.nack->code, news.nack->text);
      if (!TriedAgain(why.code())) {
        return why.WithContext(fmt::format("nack of height {}", news.nack->height));
      }
      again = true;
    }
    if (!again) continue;
    if (++tries > kTriesMax)
      return why.WithContext(fmt::format("height {}, tried again and again", next));
    std::this_thread::sleep_for(kRetryDelay);
    SLUICE_ASSIGN_OR_RETURN(const Height at, AskAgain(history, std::min(next, last)));
    next = at + 1;
  }
}

Result<Status> Incarnation::DeliverRefused(const History& history, Height height) {
  recorder_.Expect(height);
  Status status = DeliverOnce(history, height, height);
  for (int tries = 0; status.code() == StatusCode::kBusy && tries < kTriesMax; ++tries) {
    (void)recorder_.AwaitReady(recorder_.news().ready_count, kRetryDelay);
    status = DeliverOnce(history, height, height);
  }
  if (status.code() == StatusCode::kPending) {
    (void)Drain();
    const AckRecorder::News news = recorder_.Await(height, place_.ack_limit);
    if (news.nack) status = Status(news.nack->code, news.nack->text);
    if (news.failed) status = *news.failed;
  }
  if (status.ok() || recorder_.Acked(height)) {
    return Error(Failed(fmt::format("it was taken: deliver of height {} was acked", height)));
  }
  if (status.code() == StatusCode::kPending || status.code() == StatusCode::kBusy) {
    return Error(Failed(fmt::format("deliver of height {} answered {}, and then nothing came",
                                    height, StatusCodeName(status.code()))));
  }
  if (status.message().find("(the plugin gave no reason)") != std::string::npos) {
    return Error(Failed(fmt::format("deliver of height {} answered {} without a reason", height,
                                    StatusCodeName(status.code()))));
  }
  return status;
}

Status Incarnation::AwaitAcked(Height height) {
  const AckRecorder::News news = recorder_.Await(height, place_.ack_limit);
  if (news.watermark >= height) return Status::Ok();
  if (news.failed) return news.failed->WithContext("the instance says that it is broken");
  if (news.nack) {
    return Status(news.nack->code, news.nack->text)
        .WithContext(fmt::format("nack of height {}", news.nack->height));
  }
  return Failed(fmt::format("no ack for height {} within {} ms", news.watermark + 1,
                            Milliseconds(place_.ack_limit)));
}

}  // namespace sluice::contract
