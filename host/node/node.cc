// SPDX-License-Identifier: Apache-2.0
#include "node/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <thread>

#include "base/failpoint.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/version.h"
#include "commit/decision.h"
#include "node/halt_record.h"
#include "node/reload_keys.h"
#include "node/sink_notes.h"

namespace sluice {
namespace {

constexpr char kComponent[] = "node";
// How often waiting for sinks looks at them; nobody is woken by their last ack.
// How long a reload waits for the write under way.
constexpr Duration kReloadPatience = std::chrono::seconds(5);
constexpr Duration kSinkCheckInterval = std::chrono::milliseconds(10);

}  // namespace

Node::Node(NodeOptions options) : options_(std::move(options)), started_at_(Now()) {}

Node::~Node() {
  if (Status status = Stop(); !status.ok()) LogError(kComponent, "{}", status.message());
}

Status Node::OpenDatabase() {
  DatabaseOptions options = MakeDatabaseOptions(options_.config, options_.home);
  if (Status status = CreateFoldersDurably(options.path, options_.home); !status.ok()) {
    return status.WithContext(fmt::format("home {}", options_.home));
  }
  SLUICE_ASSIGN_OR_RETURN(database_, Database::Open(options));
  return Status::Ok();
}

Status Node::Open() {
  const Config& config = options_.config;
  std::vector<std::filesystem::path> folders(options_.plugin_folders.begin(),
                                             options_.plugin_folders.end());
  loader_ = std::make_unique<PluginLoader>(std::move(folders));
  // Before the home is touched: a wrong setting leaves no trace in it.
  PreparedNode prepared = PrepareNode(config, loader_.get());
  if (!prepared.problems.empty()) {
    return Status(StatusCode::kConfiguration, FormatProblems(prepared.problems));
  }
  {
    std::lock_guard lock(mutex_);
    commit_ = config.commit;
    lifecycle_ = config.lifecycle;
    policy_text_ = DescribePolicy(prepared.policy, prepared.policy_sinks, config.commit.level);
  }
  effective_ = options_.effective;

  SLUICE_RETURN_IF_ERROR(OpenDatabase());
  Failpoint("node.epoch.before");
  // Durable before any sink is started, asked or fenced, so that an instance of before is fenced.
  SLUICE_ASSIGN_OR_RETURN(Epoch epoch, database_->RaiseEpoch());
  Failpoint("node.epoch.after");
  CommittedState committed = database_->committed();
  LogInfo(kComponent, "stream {} at height {}, journaled {}, epoch {}", config.node.stream_id,
          committed.height, database_->journaled_height(), epoch);
  if (!config.commit.sync) {
    LogWarn(kComponent, "commit.sync is off: a power cut may lose committed heights");
  }

  journal_ = std::make_unique<DatabaseJournal>(database_.get(), config.node.stream_id);
  state_ = std::make_unique<DatabaseState>(database_.get());
  SinkSet::Options sinks;
  sinks.state = state_.get();
  sinks.home = options_.home;
  sinks.stream_id = config.node.stream_id;
  sinks.restore = config.lifecycle.restore;
  sinks.recover_on_start = config.lifecycle.recover_on_start;
  // No fault of the sink's, and nothing that trying the sink again would mend.
  sinks.on_store_failure = [this](const Status& failure) { pipeline_->NoteStoreFailure(failure); };
  sinks.forget_watermark = [this](const SinkName& sink, bool removed, Duration patience,
                                  const std::function<Status()>& forget) {
    return pipeline_->ForgetWatermark(sink, removed, patience, forget);
  };
  sinks_ = std::make_unique<SinkSet>(std::move(sinks), database_.get(), journal_.get());
  SLUICE_RETURN_IF_ERROR(sinks_->Load(std::move(prepared.sinks)));
  tracker_ = std::make_unique<AckTracker>(sinks_->names());
  sinks_->SetTracker(tracker_.get());
  SLUICE_RETURN_IF_ERROR(SetStoredWatermarks());
  SLUICE_ASSIGN_OR_RETURN(std::vector<UnackedRange> ranges, database_->UnackedRanges());
  policy_ = std::move(prepared.policy);
  pipeline_ = std::make_unique<Pipeline>(MakePipelineSettings(config, policy_), database_.get(),
                                         tracker_.get(), sinks_.get(), std::move(ranges),
                                         [this](const SealedBlock& block) { OnCommitted(block); });
  pipeline_->SetOnEnded([this] { StopDriver(); });
  std::lock_guard lock(mutex_);
  summary_.height = committed.height;
  summary_.digest = committed.digest;
  opened_ = true;
  // A stop that was asked for earlier found no pipeline to tell.
  if (stop_requested_.load()) pipeline_->StopIntake();
  return Status::Ok();
}

Status Node::SetStoredWatermarks() {
  for (const SinkName& name : sinks_->names()) {
    SLUICE_ASSIGN_OR_RETURN(std::optional<Height> stored, database_->SinkWatermark(name));
    tracker_->SetStored(name, stored.value_or(Height()));
  }
  return Status::Ok();
}

Status Node::Start() {
  if (!pipeline_) SLUICE_RETURN_IF_ERROR(Open());
  sinks_->Start(policy_);
  sinks_started_ = true;
  if (Status status = pipeline_->CatchUp(); !status.ok()) return Finish(std::move(status));
  if (Status status = pipeline_->RollForward(); !status.ok()) return Finish(std::move(status));

  executor_ = std::make_unique<Executor>(database_.get(), options_.config.node.stream_id,
                                         options_.config.stores.old_values);
  executor_->StartAfter(database_->committed().height, database_->committed().digest);
  ForgetSinkNotes();
  return Status::Ok();
}

void Node::OnCommitted(const SealedBlock& block) {
  if (executor_) executor_->Committed(block.change_set->height());
  std::lock_guard lock(mutex_);
  summary_.height = block.change_set->height();
  summary_.digest = block.change_set->digest();
  if (!executor_) return;  // rolled forward: counted by the run that took it
  ++summary_.blocks;
  summary_.transactions += block.transaction_count;
  summary_.failed_transactions += block.failed_transaction_count;
  summary_.changes += block.change_set->changes().size();
}

Status Node::Run(Driver* driver) {
  {
    std::lock_guard lock(mutex_);
    driver_ = driver;
  }
  // Either may have come before there was a driver to tell.
  if (stop_requested_.load() || pipeline_->ended()) driver->Stop();
  Status taken = TakeBlocks(driver);
  {
    std::lock_guard lock(mutex_);
    driver_ = nullptr;
  }
  // What was taken before bad input or a stop is committed all the same; a stop does not wait for
  // ever.
  Status idle = pipeline_->WaitUntilIdle();
  if (idle.code() == StatusCode::kCancelled && stop_requested_.load()) {
    idle = pipeline_->WaitUntilIdle(StopDeadline() - limits().stop_timeout);
  }
  if (idle.code() == StatusCode::kTimeout) {
    LogWarn(kComponent, "{}; what is journaled is committed at the next start", idle.message());
    idle = Status::Ok();
  }
  return Finish(!taken.ok() ? std::move(taken) : std::move(idle));
}

Status Node::TakeBlocks(Driver* driver) {
  DriverStart start;
  const CommittedState committed = database_->committed();
  start.height = committed.height;
  start.digest = committed.digest;
  start.stream_id = options_.config.node.stream_id;
  start.find_position = [this](std::string_view source) { return database_->ReadPosition(source); };
  start.stores = database_->stores();
  SLUICE_RETURN_IF_ERROR(driver->Begin(start));
  while (!stop_requested_.load()) {
    SLUICE_ASSIGN_OR_RETURN(std::optional<Block> block, driver->Next());
    if (!block) break;
    if (Status status = pipeline_->WaitForSlot(); !status.ok()) {
      return status.code() == StatusCode::kCancelled ? Status::Ok() : status;
    }
    Failpoint("node.s0.before");
    SLUICE_ASSIGN_OR_RETURN(SealedBlock sealed, executor_->Execute(std::move(*block)));
    Failpoint("node.s0.after", sealed.change_set->height().value());
    pipeline_->Submit(std::move(sealed));
  }
  return Status::Ok();
}

// The pipeline's own end is the cause; what others say of it is its consequence.
Status Node::Finish(Status status) {
  if (Status ended = pipeline_->result(); !ended.ok()) status = std::move(ended);
  const bool halted = status.code() == StatusCode::kHalted || status.code() == StatusCode::kPlugin;
  if (halted) RecordHalt(status);
  return status;
}

void Node::RecordHalt(const Status& status) {
  std::string record =
      EncodeHaltRecord(WallNanos(), database_->committed().height, status.message());
  // The halt itself is what matters; a record that cannot be written is only said.
  if (Status put = database_->PutRecord(kHaltRecordName, record); !put.ok()) {
    LogWarn(kComponent, "the halt could not be recorded: {}", put.message());
  }
}

// For whoever looks at the stopped home, as the sinks are before they are stopped.
void Node::NoteSinks() {
  const std::string notes = EncodeSinkNotes(sinks_->Statuses());
  if (notes.empty()) return ForgetSinkNotes();
  if (Status put = database_->PutRecord(kSinkNotesName, notes); !put.ok()) {
    LogWarn(kComponent, "what became of the sinks could not be recorded: {}", put.message());
  }
}

void Node::ForgetSinkNotes() {
  Result<std::optional<std::string>> notes = database_->GetRecord(kSinkNotesName);
  if (notes && !*notes) return;
  if (Status gone = database_->DeleteRecord(kSinkNotesName); !gone.ok()) {
    LogWarn(kComponent, "an older record of the sinks could not be deleted: {}", gone.message());
  }
}

bool Node::InputFailed() const { return pipeline_->result().ok(); }

Status Node::WaitForSinks(Duration patience, TimePoint deadline) {
  std::vector<Height> last;
  TimePoint give_up_at = Now() + patience;
  while (!stop_requested_.load()) {
    const Height target = database_->committed().height;
    std::vector<Height> watermarks;
    std::string behind;
    std::vector<AckTracker::Sink> tracked = tracker_->Snapshot();
    for (size_t i = 0; i < tracked.size(); ++i) {
      const AckTracker::Sink& sink = tracked[i];
      watermarks.push_back(sink.pin());
      watermarks.emplace_back(sink.copied_rows);
      // Who is suspended is named below. A sink that is ahead comes back by itself.
      const bool level = sink.known && !sink.copying && sink.pin() >= target;
      if (level || sinks_->IsSuspended(i)) continue;
      behind += fmt::format("{}sink {} is at {}{}", behind.empty() ? "" : "; ", sink.name,
                            sink.pin(), sink.reason.empty() ? "" : " (" + sink.reason + ")");
    }
    if (behind.empty()) break;
    TimePoint now = Now();
    if (watermarks != last) {
      last = std::move(watermarks);
      give_up_at = now + patience;
    }
    if (now >= give_up_at || now >= deadline) {
      const std::string waited =
          now < give_up_at
              ? "time is up"
              : fmt::format("no progress for {} ms", patience / std::chrono::milliseconds(1));
      return Status(StatusCode::kTimeout,
                    fmt::format("height {} is committed, but {}: {}; the journal keeps what is "
                                "missing, start the node again to deliver it",
                                target, behind, waited));
    }
    std::this_thread::sleep_for(kSinkCheckInterval);
  }
  // Not waited for, and not passed over in silence.
  for (const AckTracker::Sink& sink : tracker_->Snapshot()) {
    if (sink.availability != SinkAvailability::kGone ||
        sink.reason == SuspendReasonName(SuspendReason::kDisabled))
      continue;
    if (sink.pin() < database_->committed().height) {
      LogWarn(kComponent, "sink {} is left behind at height {}: {}", sink.name, sink.pin(),
              sink.reason);
    }
  }
  return Status::Ok();
}

TimePoint Node::StopDeadline() {
  std::lock_guard lock(mutex_);
  if (!stop_by_) stop_by_ = Now() + lifecycle_.drain_timeout + lifecycle_.stop_timeout;
  return *stop_by_;
}

LifecycleConfig Node::limits() const {
  std::lock_guard lock(mutex_);
  return lifecycle_;
}

Duration Node::stop_patience() const {
  const LifecycleConfig lifecycle = limits();
  return lifecycle.drain_timeout + lifecycle.stop_timeout;
}

// It may be waiting for input that does not come.
void Node::StopDriver() {
  std::lock_guard lock(mutex_);
  if (driver_ != nullptr) driver_->Stop();
}

void Node::RequestStop() {
  stop_requested_.store(true);
  StopDeadline();
  std::lock_guard lock(mutex_);
  if (driver_ != nullptr) driver_->Stop();
  if (opened_) pipeline_->StopIntake();
}

Status Node::Stop() {
  if (stopped_) return Status::Ok();
  stopped_ = true;
  {
    // One that is under way ends first: what it begins is stopped with the rest.
    std::lock_guard lock(reload_mutex_);
    stopping_ = true;
  }
  const TimePoint deadline = StopDeadline();
  if (pipeline_) pipeline_->Stop();
  if (sinks_started_) NoteSinks();
  const LifecycleConfig lifecycle = limits();
  const Duration drain_timeout =
      std::max(deadline - lifecycle.stop_timeout - Now(), Duration::zero());
  std::string hung;
  if (sinks_started_) {
    sinks_->RequestStop(drain_timeout);
    hung = fmt::format("{}", fmt::join(sinks_->Join(deadline), ", "));
  }
  // A thread that hangs in a plugin keeps nothing open.
  if (state_) state_->CloseForGood();
  if (database_ && tracker_) {
    // Where the sinks stood in the end, for whoever looks at the stopped home.
    WriteGroup group;
    group.epoch = database_->epoch();
    group.watermarks = tracker_->TakeWatermarksToStore();
    group.sync = true;
    if (Status status = database_->Write(group); !status.ok()) {
      LogWarn(kComponent, "at the end: {}", status.message());
    }
  }
  if (!hung.empty()) {
    return Status(StatusCode::kTimeout,
                  fmt::format("sink {} did not stop within {} ms and was abandoned", hung,
                              (lifecycle.drain_timeout + lifecycle.stop_timeout) /
                                  std::chrono::milliseconds(1)));
  }
  if (database_) LogInfo(kComponent, "stopped at height {}", database_->committed().height);
  return Status::Ok();
}

Status Node::CheckPolicyAllows(SinkCommand command, const SinkName& sink) const {
  const bool removes = command == SinkCommand::kRemove;
  const bool leaves = command == SinkCommand::kSuspend || command == SinkCommand::kReset ||
                      command == SinkCommand::kSnapshot;
  if (!removes && !leaves) return Status::Ok();
  const std::vector<AckTracker::Sink> sinks = tracker_->Snapshot();
  const auto found = std::find_if(sinks.begin(), sinks.end(),
                                  [&](const AckTracker::Sink& one) { return one.name == sink; });
  const auto place = static_cast<size_t>(found - sinks.begin());
  if (!policy_.Involves(place)) return Status::Ok();
  if (removes) {
    return Status(StatusCode::kInvalid,
                  fmt::format("sink {}: commit.policy needs it: take it out of the policy, or out "
                              "of the configuration, first",
                              sink));
  }
  OnFailure on_failure{};
  {
    std::lock_guard lock(mutex_);
    on_failure = commit_.on_failure;
  }
  const bool would_halt = on_failure == OnFailure::kHalt || on_failure == OnFailure::kRecover;
  if (!would_halt || CanHoldWithout(policy_, VotesWithoutAcks(sinks), std::array{place})) {
    return Status::Ok();
  }
  return Status(StatusCode::kInvalid,
                fmt::format("sink {}: policy \"{}\" cannot hold without it, and the node would "
                            "halt{}: change the policy, or on_failure, and reload first",
                            sink, policy_.text,
                            command == SinkCommand::kSnapshot ? " while it is filled" : ""));
}

Status Node::CommandSink(const SinkName& sink, SinkCommand command) {
  std::lock_guard lock(reload_mutex_);
  if (stopping_ || !sinks_started_) {
    return Status(StatusCode::kInvalid,
                  fmt::format("sink {}: the node is starting or stopping: try again", sink));
  }
  SLUICE_RETURN_IF_ERROR(CheckPolicyAllows(command, sink));
  if (command == SinkCommand::kSnapshot) {
    SLUICE_RETURN_IF_ERROR(sinks_->CheckTakesSnapshots(sink));
    if (database_->committed().height == Height()) {
      return Status(
          StatusCode::kInvalid,
          fmt::format("sink {}: nothing is committed, so there is no state to copy", sink));
    }
  }
  return sinks_->Command(sink, command);
}

std::vector<std::pair<std::string, Status>> Node::RepairSinks() {
  std::lock_guard lock(reload_mutex_);
  if (stopping_ || !sinks_started_) return {};
  return sinks_->RepairAll();
}

Result<ReloadReport> Node::Reload(const Config& config,
                                  const std::vector<EffectiveValue>& effective) {
  std::lock_guard reloading(reload_mutex_);
  if (stopping_ || !sinks_started_) {
    return Error(StatusCode::kInvalid, "the node is starting or stopping: reload it later");
  }
  PreparedNode prepared = PrepareNode(config, loader_.get());
  if (!prepared.problems.empty()) {
    return Error(StatusCode::kConfiguration, FormatProblems(prepared.problems));
  }
  for (const PreparedSink& sink : prepared.sinks) {
    if (!sink.load_error.ok()) return Error(sink.load_error);
  }
  SLUICE_RETURN_IF_ERROR(sinks_->CheckPlaces(prepared.sinks));
  ReloadReport report;
  const std::vector<std::string> keys = DifferingKeys(effective_, effective);
  // Against what the node was started with: what an earlier reload could not do is still to come.
  const std::vector<std::string> since_start = DifferingKeys(options_.effective, effective);
  std::copy_if(since_start.begin(), since_start.end(), std::back_inserter(report.needs_restart),
               NeedsRestart);
  // The policy first: what goes must not be waited for any more, and what comes has a place.
  const std::vector<PolicySink> places = sinks_->MakePlaces(prepared.sinks);
  SLUICE_ASSIGN_OR_RETURN(Policy policy, ResolvePolicy(config.commit.policy, places));
  if (policy != policy_ || std::any_of(keys.begin(), keys.end(), IsOfThePolicy)) {
    const PipelineSettings pipeline = MakePipelineSettings(config, policy);
    if (Status set = pipeline_->SetGate(pipeline.gate, Now() + kReloadPatience); !set.ok()) {
      sinks_->DropPlaces();
      return Error(set);
    }
    policy_ = policy;
    report.changes.push_back(
        fmt::format("policy \"{}\" at level {}", policy.text, AckLevelName(config.commit.level)));
  }
  for (std::string& change : sinks_->Apply(std::move(prepared.sinks), policy)) {
    report.changes.push_back(std::move(change));
  }
  {
    std::lock_guard lock(mutex_);
    commit_ = config.commit;
    if (!stop_by_) lifecycle_ = config.lifecycle;
    policy_text_ = DescribePolicy(policy, places, config.commit.level);
  }
  effective_ = effective;
  for (const std::string& change : report.changes) LogInfo(kComponent, "reload: {}", change);
  for (const std::string& key : report.needs_restart) {
    LogWarn(kComponent, "reload: {} takes effect with the next start", key);
  }
  if (report.changes.empty()) LogInfo(kComponent, "reload: nothing to change");
  return report;
}

RunSummary Node::summary() const {
  std::lock_guard lock(mutex_);
  return summary_;
}

void Node::SetMetricsAddress(std::string address) {
  std::lock_guard lock(mutex_);
  metrics_address_ = std::move(address);
}

NodeStatus Node::status() const {
  const Config& config = options_.config;
  NodeStatus status;
  PipelineStatus pipeline = pipeline_->status();
  status.stream_id = config.node.stream_id;
  status.version = SluiceVersion();
  status.running = true;
  status.epoch = database_->epoch();
  const CommittedState committed = database_->committed();
  status.height = committed.height;
  status.digest = committed.digest;
  status.journaled_height = database_->journaled_height();
  status.uptime_seconds = std::chrono::duration<double>(Now() - started_at_).count();
  status.degraded = pipeline.degraded;
  status.sync = config.commit.sync;
  status.unacked_ranges = std::move(pipeline.unacked_ranges);
  if (auto halt = database_->GetRecord(kHaltRecordName); halt && *halt) status.last_halt = **halt;
  status.blocked = std::move(pipeline.blocked);
  status.not_ready = std::move(pipeline.not_ready);
  {
    std::lock_guard lock(mutex_);
    status.metrics_address = metrics_address_;
    status.policy = commit_.policy;
    status.policy_text = policy_text_;
    status.level = std::string(AckLevelName(commit_.level));
  }
  status.window = config.commit.window;
  status.waiting_on = std::move(pipeline.waiting_on);
  status.gate_p50_seconds = pipeline.gate_p50_seconds;
  status.gate_p99_seconds = pipeline.gate_p99_seconds;
  status.journal_first = database_->journal_first();
  status.journal_last = database_->journaled_height();
  status.journal_bytes = database_->journal_bytes();
  status.journal_max_bytes = config.journal.max_bytes;
  status.sinks = sinks_->Statuses();
  return status;
}

}  // namespace sluice
