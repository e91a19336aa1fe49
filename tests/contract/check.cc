// SPDX-License-Identifier: Apache-2.0
#include "contract/check.h"

#include <fmt/core.h>

#include <iterator>
#include <thread>
#include <utility>

#include "config/settings_schema.h"

namespace sluice::contract {
namespace {

constexpr Duration kStartDeadline = std::chrono::seconds(60);
constexpr Duration kStartAgain = std::chrono::milliseconds(100);
constexpr size_t kSinkNameMax = 63;

std::string Replace(std::string text, std::string_view what, std::string_view with) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) {
    text.replace(at, what.size(), with);
  }
  return text;
}

// Sink names hold lower-case letters, digits, '-' and '_'.
SinkName NameOf(const std::string& prefix, const std::string& check_name) {
  return SinkName(Replace(prefix + "-" + check_name, ".", "-").substr(0, kSinkNameMax));
}

}  // namespace

const std::vector<Check>& AllChecks() {
  static const std::vector<Check> all = [] {
    std::vector<Check> checks;
    for (std::vector<Check> (*part)() :
         {SettingsChecks, LifeChecks, ResumeChecks, AckChecks, ContentChecks, FilterChecks,
          RefusalChecks, FenceChecks, ParallelChecks, RestartChecks, SnapshotChecks}) {
      std::vector<Check> some = part();
      std::move(some.begin(), some.end(), std::back_inserter(checks));
    }
    return checks;
  }();
  return all;
}

CheckContext::CheckContext(const Subject& subject, const std::string& check_name, std::string home,
                           Report* report)
    : subject_(subject), report_(report) {
  place_.sink = NameOf(subject.sink_prefix, check_name);
  place_.stream_id = subject.stream_id;
  place_.home = std::move(home);
  place_.settings_json = Replace(subject.settings, "{sink}", place_.sink.str());
  place_.start_deadline = kStartDeadline;
  place_.ack_limit = subject.ack_limit;
}

Result<PluginLibrary*> CheckContext::Load() {
  if (library_ != nullptr) return library_.get();
  loader_ = std::make_unique<PluginLoader>(subject_.plugin_folders);
  SLUICE_ASSIGN_OR_RETURN(library_, loader_->Load(subject_.plugin, ""));
  SLUICE_ASSIGN_OR_RETURN(const SettingsSchema schema,
                          SettingsSchema::Parse(library_->identity().settings_schema));
  const SettingsCheck checked = schema.Check(place_.settings_json, "settings");
  if (!checked.ok()) {
    return Error(StatusCode::kConfiguration, checked.problems.front().ToString());
  }
  place_.settings_json = checked.completed;
  return library_.get();
}

Result<std::unique_ptr<Incarnation>> CheckContext::StartNew(IncarnationOptions options,
                                                            Duration limit) {
  SLUICE_ASSIGN_OR_RETURN(PluginLibrary * library, Load());
  for (const TimePoint until = Now() + limit;;) {
    options.epoch = report_->NextEpoch();
    SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<Incarnation> made,
                            Incarnation::Create(library, place_, options, report_));
    const Status status = made->Start();
    if (status.ok()) return made;
    if (status.code() != StatusCode::kRetry || Now() >= until) {
      return Error(
          status.WithContext(fmt::format("start answered {}", StatusCodeName(status.code()))));
    }
    made.reset();
    std::this_thread::sleep_for(kStartAgain);
  }
}

Result<std::unique_ptr<Incarnation>> CheckContext::Open(const History& history,
                                                        IncarnationOptions options) {
  for (const TimePoint until = Now() + place_.ack_limit;;) {
    SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<Incarnation> made, StartNew(options, place_.ack_limit));
    Status status = made->ResumeAndAttach(history);
    if (status.ok()) return made;
    // As the node: another instance is begun, but for what that would not change.
    const bool again = status.code() == StatusCode::kRetry || status.code() == StatusCode::kFatal ||
                       status.code() == StatusCode::kCancelled;
    if (!again || Now() >= until) return Error(std::move(status));
    made.reset();
    std::this_thread::sleep_for(kStartAgain);
  }
}

Status CheckContext::Fill(const History& history, Height last, const IncarnationOptions& options) {
  SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink, Open(history, options));
  SLUICE_RETURN_IF_ERROR(sink->DeliverUntil(history, last));
  return sink->Drain().WithContext("drain");
}

Result<bool> CheckContext::Resumes() {
  SLUICE_ASSIGN_OR_RETURN(PluginLibrary * library, Load());
  IncarnationOptions options;
  options.epoch = report_->NextEpoch();
  SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> made,
                          Incarnation::Create(library, place_, options, report_));
  if (made->can_resume()) return true;
  NotChecked("no resume: the sink cannot say where it stands, so a height may be there twice");
  return false;
}

Result<bool> CheckContext::TakesSnapshots() {
  SLUICE_ASSIGN_OR_RETURN(PluginLibrary * library, Load());
  IncarnationOptions options;
  options.epoch = report_->NextEpoch();
  SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> made,
                          Incarnation::Create(library, place_, options, report_));
  if (!made->can_take_snapshot()) {
    NotChecked("no sluice.snapshot/1: the sink takes no snapshot");
    return false;
  }
  if (made->can_resume()) return true;
  return Error(Wrong("it takes snapshots and has no resume: nobody learns that one is whole"));
}

Status ExpectPosition(const SinkPosition& position, const History& history, Height expected,
                      Epoch epoch) {
  const Height said = position.empty ? Height() : position.height;
  if (said != expected) {
    return Wrong("resume says height {}, and height {} is the last that was acked", said, expected);
  }
  if (position.empty) return Status::Ok();
  if (position.stream_id != history.stream_id()) {
    return Wrong("resume names stream '{}', it was given '{}'", position.stream_id,
                 history.stream_id());
  }
  if (position.digest != history.digest(expected)) {
    return Wrong("resume gives digest {} for height {}, the batch had {}", position.digest.ToHex(),
                 expected, history.digest(expected).ToHex());
  }
  if (epoch != Epoch() && position.epoch != epoch) {
    return Wrong("resume gives epoch {}, the last one attached is {}", position.epoch, epoch);
  }
  return Status::Ok();
}

Status ExpectStandsAt(CheckContext* context, const History& history, Height expected, Epoch epoch,
                      const IncarnationOptions& options) {
  SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink,
                          context->StartNew(options, context->place().ack_limit));
  if (!sink->can_resume()) return Status::Ok();
  const Result<SinkPosition> position = sink->Resume();
  if (!position) return position.error().WithContext("resume");
  return ExpectPosition(*position, history, expected, epoch);
}

}  // namespace sluice::contract
