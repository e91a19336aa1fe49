// SPDX-License-Identifier: Apache-2.0
#include "node/sink_set.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "base/log.h"
#include "commit/degraded.h"

namespace sluice {
namespace {

constexpr char kComponent[] = "node";
// How long a command may take to be put on record; a disk that takes longer is full or broken.
constexpr Duration kCommandPatience = std::chrono::seconds(5);
// How long what a sink had acked may wait for a batch under way before it can be forgotten; asked
// again by the sink's loop.
constexpr Duration kBatchPatience = std::chrono::seconds(1);
// Where a record goes that cannot be read.
constexpr std::string_view kUnreadablePrefix = "unreadable_sink/";

const PreparedSink* Find(const std::vector<PreparedSink>& prepared, const SinkName& name) {
  const auto found = std::find_if(prepared.begin(), prepared.end(), [&](const PreparedSink& one) {
    return one.settings.name == name;
  });
  return found == prepared.end() ? nullptr : &*found;
}

}  // namespace

SinkSet::SinkSet(Options options, Database* database, DatabaseJournal* journal)
    : options_(std::move(options)), database_(database), journal_(journal) {}

SinkSet::~SinkSet() = default;

// --- put together ------------------------------------------------------------------------------

Status SinkSet::Load(std::vector<PreparedSink> prepared) {
  SLUICE_ASSIGN_OR_RETURN(std::vector<SinkRecord> records, ReadRecords());
  std::map<std::string, SinkRecord> by_name;
  for (SinkRecord& record : records) by_name.emplace(record.name, std::move(record));
  for (PreparedSink& one : prepared) {
    std::optional<SinkRecord> record;
    if (auto found = by_name.extract(one.settings.name.str())) record = std::move(found.mapped());
    // Removed and still configured: new to this node, as after any start.
    if (record && record->deleted) {
      SLUICE_RETURN_IF_ERROR(ForgetAtStart(one.settings.name));
      record.reset();
    }
    entries_.push_back(MakeEntry(std::move(one), std::move(record)));
  }
  // Of a sink that is gone from the configuration the name says enough: the journal keeps it in
  // mind.
  for (const std::string& name : unreadable_) {
    const bool configured = std::any_of(entries_.begin(), entries_.end(), [&](const auto& entry) {
      return entry->name.str() == name;
    });
    if (!configured) by_name[name].name = name;
  }
  for (auto& [name, record] : by_name) {
    PreparedSink orphan;
    orphan.settings.name = SinkName(name);
    orphan.plugin = record.plugin;
    if (record.deleted) {
      SLUICE_RETURN_IF_ERROR(ForgetAtStart(orphan.settings.name));
      LogInfo(kComponent, "sink {} is removed, as it was told before", name);
      continue;
    }
    LogWarn(kComponent,
            "sink {} is gone from the configuration: suspended as orphaned; the journal keeps what "
            "it has not acked; `sluice sink remove {}` forgets it",
            name, name);
    entries_.push_back(MakeEntry(std::move(orphan), std::move(record)));
    entries_.back()->orphaned.store(true);
  }
  return Status::Ok();
}

Result<std::vector<SinkRecord>> SinkSet::ReadRecords() {
  SLUICE_ASSIGN_OR_RETURN(auto found, database_->ListRecords(kSinkRecordPrefix));
  std::vector<SinkRecord> records;
  for (const auto& [key, bytes] : found) {
    const std::string name = key.substr(kSinkRecordPrefix.size());
    Result<SinkRecord> record = DecodeSinkRecord(bytes);
    if (record && record->name != name) {
      record = Error(StatusCode::kCorruption, fmt::format("it is of sink '{}'", record->name));
    }
    if (record) {
      records.push_back(std::move(*record));
      continue;
    }
    SLUICE_RETURN_IF_ERROR(SetAside(name, bytes, record.error()));
    unreadable_.insert(name);
  }
  return records;
}

Status SinkSet::ForgetAtStart(const SinkName& sink) {
  WriteGroup group;
  group.epoch = database_->epoch();
  group.force_sync = true;
  SLUICE_ASSIGN_OR_RETURN(std::vector<UnackedRange> ranges, database_->UnackedRanges());
  for (UnackedRange& range : ranges) {
    if (!range.healed && DisownRange(sink, &range)) group.unacked.push_back(std::move(range));
  }
  if (!group.unacked.empty()) SLUICE_RETURN_IF_ERROR(database_->Write(group));
  return database_->ForgetSink(sink, SinkRecordName(sink));
}

Status SinkSet::SetAside(const std::string& name, const std::string& bytes, const Status& why) {
  if (options_.restore == Restore::kStrict) {
    return why.WithContext(fmt::format(
        "the record of sink {} cannot be read, and lifecycle.restore is \"strict\" (\"lenient\" "
        "sets it aside and goes on)",
        name));
  }
  const std::string aside = std::string(kUnreadablePrefix) + name;
  SLUICE_RETURN_IF_ERROR(database_->PutRecord(aside, bytes));
  SLUICE_RETURN_IF_ERROR(database_->DeleteRecord(SinkRecordName(SinkName(name))));
  LogError(kComponent,
           "the record of sink {} cannot be read: {}: it is set aside as '{}'; what was told the "
           "sink is forgotten, and it is asked where it stands",
           name, why.message(), aside);
  return Status::Ok();
}

std::shared_ptr<SinkSet::Entry> SinkSet::MakeEntry(PreparedSink prepared,
                                                   std::optional<SinkRecord> record) {
  auto entry = std::make_shared<Entry>();
  entry->name = prepared.settings.name;
  entry->record = std::move(record);
  if (prepared.library) {
    SinkEnvironment environment;
    environment.journal = journal_;
    environment.state = options_.state;
    environment.observer = this;
    environment.records = this;
    environment.raise_epoch = [this](Epoch at_least) {
      Result<Epoch> epoch = database_->RaiseEpoch(at_least);
      if (!epoch) options_.on_store_failure(epoch.error());
      return epoch;
    };
    environment.stream_id = options_.stream_id;
    environment.home = options_.home;
    entry->loop =
        std::make_unique<SinkLoop>(prepared.settings, prepared.library, std::move(environment));
  }
  entry->prepared = std::move(prepared);
  return entry;
}

std::vector<SinkName> SinkSet::names() const {
  std::vector<SinkName> names;
  for (const auto& entry : Entries()) names.push_back(entry->name);
  return names;
}

void SinkSet::Start(const Policy& policy) {
  started_ = true;
  const auto entries = Entries();
  for (size_t i = 0; i < entries.size(); ++i) StartEntry(entries[i].get(), policy.Involves(i));
}

std::string SinkSet::WhyNoLoop(const Entry& entry) {
  if (entry.orphaned.load()) return std::string(SuspendReasonName(SuspendReason::kOrphaned));
  if (!entry.prepared.enabled) return std::string(SuspendReasonName(SuspendReason::kDisabled));
  return entry.prepared.load_error.message();
}

void SinkSet::StartEntry(Entry* entry, bool needed) {
  const std::string component = fmt::format("sink {}", entry->name);
  if (entry->loop) {
    entry->loop->Start(entry->record, options_.recover_on_start);
    if (needed) entry->loop->Use();
    return;
  }
  const std::string reason = WhyNoLoop(*entry);
  if (!entry->orphaned.load() && entry->prepared.enabled) LogError(component, "{}", reason);
  tracker_->SetAvailability(entry->name, SinkAvailability::kGone, reason);
}

// --- from any thread ---------------------------------------------------------------------------

std::vector<std::shared_ptr<SinkSet::Entry>> SinkSet::Entries() const {
  std::shared_lock lock(mutex_);
  return entries_;
}

void SinkSet::Enqueue(const std::shared_ptr<const ChangeSet>& change_set) {
  std::shared_lock lock(mutex_);
  for (const auto& entry : entries_) {
    if (entry->loop) entry->loop->Enqueue(change_set);
  }
}

double SinkSet::QueueFill(size_t sink) const {
  std::shared_lock lock(mutex_);
  if (sink >= entries_.size()) return 0;
  const std::unique_ptr<SinkLoop>& loop = entries_[sink]->loop;
  return loop ? loop->counters().queue_fill.load(std::memory_order_relaxed) : 0;
}

Status SinkSet::Command(const SinkName& sink, SinkCommand command) {
  std::shared_ptr<Entry> entry;
  {
    std::shared_lock lock(mutex_);
    const size_t place = PlaceLocked(sink);
    if (place < entries_.size() && !entries_[place]->removed.load()) entry = entries_[place];
  }
  if (entry == nullptr) {
    return Status(
        StatusCode::kNotFound,
        fmt::format("sink {}: the node has no such sink: `sluice sink list` names them", sink));
  }
  if (entry->loop == nullptr) return CommandWithoutLoop(*entry, command);
  const bool tries_again = command != SinkCommand::kSuspend && command != SinkCommand::kRemove;
  if (tries_again) tracker_->ClearLost(sink);
  return entry->loop->Command(command, Now() + kCommandPatience);
}

Status SinkSet::CheckTakesSnapshots(const SinkName& sink) const {
  std::shared_ptr<PluginLibrary> library;
  {
    std::shared_lock lock(mutex_);
    const size_t place = PlaceLocked(sink);
    if (place < entries_.size()) library = entries_[place]->prepared.library;
  }
  if (library == nullptr) return Status::Ok();
  SLUICE_ASSIGN_OR_RETURN(const bool takes, library->TakesSnapshots());
  if (takes) return Status::Ok();
  return Status(StatusCode::kInvalid,
                fmt::format("sink {}: plugin {} takes no copy of the state (no sluice.snapshot/1): "
                            "empty what it holds, or configure a new sink of it",
                            sink, library->identity().id));
}

Status SinkSet::CommandWithoutLoop(const Entry& entry, SinkCommand command) {
  if (command == SinkCommand::kRemove) return ForgetSink(entry.name);
  if (entry.orphaned.load()) {
    return Status(StatusCode::kInvalid,
                  fmt::format("sink {}: it is gone from the configuration: put it back there and "
                              "reload, or `sluice sink remove {}`",
                              entry.name, entry.name));
  }
  if (!entry.prepared.enabled) {
    return Status(StatusCode::kInvalid,
                  fmt::format("sink {}: it is disabled in the configuration: set enabled = true "
                              "and reload",
                              entry.name));
  }
  return Status(StatusCode::kInvalid,
                fmt::format("sink {}: its library is not loaded: {}: mend that and start the node "
                            "again",
                            entry.name, entry.prepared.load_error.message()));
}

std::vector<std::pair<std::string, Status>> SinkSet::RepairAll() {
  std::vector<std::pair<std::string, Status>> repaired;
  for (const auto& entry : Entries()) {
    if (!entry->loop || !IsBroken(entry->loop->commanded())) continue;
    repaired.emplace_back(entry->name.str(),
                          entry->loop->Command(SinkCommand::kRepair, Now() + kCommandPatience));
  }
  return repaired;
}

// --- a reload ----------------------------------------------------------------------------------

size_t SinkSet::PlaceLocked(const SinkName& sink) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const auto& entry) { return entry->name == sink; });
  return static_cast<size_t>(found - entries_.begin());
}

void SinkSet::ReplaceLocked(size_t place, std::shared_ptr<Entry> entry) {
  retired_.push_back(std::exchange(entries_[place], std::move(entry)));
}

void SinkSet::DropPlaces() {
  for (const auto& entry : Entries()) {
    if (!entry->planned || entry->removed.exchange(true)) continue;
    tracker_->Remove(entry->name);
  }
}

Status SinkSet::CheckPlaces(const std::vector<PreparedSink>& prepared) const {
  for (const auto& entry : Entries()) {
    if (Find(prepared, entry->name) == nullptr || !entry->loop || entry->removed.load()) continue;
    if (!entry->loop->commanded().deleted) continue;
    return Status(StatusCode::kInvalid,
                  fmt::format("sink {}: it is just being removed: reload once it is gone, or take "
                              "it out of the configuration",
                              entry->name));
  }
  return Status::Ok();
}

std::vector<PolicySink> SinkSet::MakePlaces(const std::vector<PreparedSink>& prepared) {
  // Without the lock: the tracker tells the pipeline, which may be asking how full the queues are.
  for (const PreparedSink& one : prepared) {
    const SinkName& name = one.settings.name;
    if (MakePlace(name)) {
      tracker_->Add(name);
    } else if (IsReplacedBy(one)) {
      tracker_->ClearLost(name);
      tracker_->Expect(name);
    }
  }
  std::vector<PolicySink> sinks;
  for (const auto& entry : Entries()) {
    PolicySink sink{entry->name, false, false};
    if (const PreparedSink* one = Find(prepared, entry->name)) {
      sink.counted = one->settings.counted;
      sink.enabled = one->enabled;
    }
    sinks.push_back(std::move(sink));
  }
  return sinks;
}

// Whether a reload makes an instance of this sink anew, or its first one.
bool SinkSet::IsReplacedBy(const PreparedSink& prepared) const {
  std::shared_ptr<Entry> entry;
  {
    std::shared_lock lock(mutex_);
    entry = entries_[PlaceLocked(prepared.settings.name)];
  }
  if (!prepared.enabled) return false;
  if (!entry->loop) return true;
  if (entry->loop->commanded().suspended_by_operator) return false;
  const PreparedSink& before = entry->prepared;
  return entry->orphaned.load() || !before.settings.enabled ||
         before.settings.configuration != prepared.settings.configuration ||
         before.library->identity().sha256 != prepared.library->identity().sha256;
}

bool SinkSet::MakePlace(const SinkName& name) {
  auto entry = std::make_shared<Entry>();
  entry->name = name;
  entry->prepared.settings.name = name;
  entry->prepared.enabled = false;
  entry->planned = true;
  std::unique_lock lock(mutex_);
  const size_t place = PlaceLocked(name);
  if (place == entries_.size()) {
    entries_.push_back(std::move(entry));
    return true;
  }
  if (!entries_[place]->removed.load()) return false;
  ReplaceLocked(place, std::move(entry));
  return true;
}

std::vector<std::string> SinkSet::Apply(std::vector<PreparedSink> prepared, const Policy& policy) {
  std::vector<std::string> changes;
  for (const auto& entry : Entries()) {
    const bool stays = Find(prepared, entry->name) != nullptr;
    if (stays || entry->orphaned.load() || entry->removed.load()) continue;
    Orphan(entry.get());
    changes.push_back(
        fmt::format("sink {}: gone from the configuration: suspended as orphaned", entry->name));
  }
  for (PreparedSink& one : prepared) {
    const SinkName name = one.settings.name;
    size_t place = 0;
    {
      std::shared_lock lock(mutex_);
      place = PlaceLocked(name);
    }
    std::string change = ApplyOne(std::move(one), policy.Involves(place));
    if (!change.empty()) changes.push_back(fmt::format("sink {}: {}", name, change));
  }
  return changes;
}

std::string SinkSet::ApplyOne(PreparedSink prepared, bool needed) {
  size_t place = 0;
  std::shared_ptr<Entry> entry;
  {
    std::shared_lock lock(mutex_);
    place = PlaceLocked(prepared.settings.name);
    entry = entries_[place];
  }
  if (entry->loop) {
    const SinkSettings& before = entry->prepared.settings;
    const SinkSettings& after = prepared.settings;
    const bool other_library = prepared.library && prepared.library->identity().sha256 !=
                                                       entry->prepared.library->identity().sha256;
    std::string change = entry->orphaned.load()                             ? "configured again"
                         : other_library                                    ? "a new library"
                         : before.configuration != after.configuration      ? "other settings"
                         : before.enabled != after.enabled && after.enabled ? "enabled"
                         : before.enabled != after.enabled                  ? "disabled"
                         : before.counted != after.counted                  ? "other settings"
                         : before.ack_timeout != after.ack_timeout          ? "another ack_timeout"
                                                                            : "";
    // One that is switched off is not loaded, and keeps the library that it had.
    if (!prepared.library) prepared.library = entry->prepared.library;
    entry->orphaned.store(false);
    entry->loop->Reconfigure(prepared.settings, prepared.library);
    if (needed) entry->loop->Use();
    std::unique_lock lock(mutex_);
    entry->prepared = std::move(prepared);
    return change;
  }
  const bool was_disabled = !entry->planned && !entry->prepared.enabled;
  if (was_disabled && !prepared.enabled) return "";
  auto fresh = MakeEntry(std::move(prepared), entry->planned ? std::nullopt : entry->record);
  {
    std::unique_lock lock(mutex_);
    ReplaceLocked(place, fresh);
  }
  StartEntry(fresh.get(), needed);
  return entry->planned ? "added" : entry->orphaned.load() ? "configured again" : "enabled";
}

void SinkSet::Orphan(Entry* entry) {
  entry->orphaned.store(true);
  if (entry->loop) {
    SinkSettings settings = entry->prepared.settings;
    settings.orphaned = true;
    entry->loop->Reconfigure(std::move(settings), entry->prepared.library);
  } else {
    tracker_->SetAvailability(entry->name, SinkAvailability::kGone, WhyNoLoop(*entry));
  }
}

SinkStatus SinkSet::StatusOf(const Entry& entry) const {
  if (entry.loop) {
    SinkStatus status = entry.loop->status();
    if (tracker_->IsLost(entry.name)) status.mode = "lost";
    return status;
  }
  SinkStatus idle;
  idle.name = entry.name.str();
  idle.plugin = entry.prepared.plugin;
  idle.lifecycle = "suspended";
  idle.reason = WhyNoLoop(entry);
  idle.counted = !entry.orphaned.load() && entry.prepared.settings.counted;
  idle.filter = entry.prepared.settings.filter;
  if (Result<Height> stored = journal_->StoredWatermark(entry.name)) idle.watermark = *stored;
  const JournalLag lag =
      LagBehind(idle.watermark, journal_->first(), journal_->journaled(), journal_->bytes());
  idle.lag_blocks = lag.blocks;
  idle.lag_bytes = lag.bytes;
  return idle;
}

std::vector<SinkStatus> SinkSet::Statuses() const {
  std::vector<SinkStatus> statuses;
  for (const auto& entry : Entries()) {
    if (!entry->removed.load()) statuses.push_back(StatusOf(*entry));
  }
  return statuses;
}

bool SinkSet::IsSuspended(size_t sink) const {
  const std::shared_ptr<Entry> entry = Entries()[sink];
  if (entry->loop == nullptr || entry->removed.load()) return true;
  return entry->loop->commanded().state == LifecycleState::kSuspended;
}

std::vector<std::pair<std::string, const SinkCounters*>> SinkSet::counters() const {
  std::vector<std::pair<std::string, const SinkCounters*>> counters;
  for (const auto& entry : Entries()) {
    if (entry->loop && !entry->removed.load()) {
      counters.emplace_back(entry->name.str(), &entry->loop->counters());
    }
  }
  return counters;
}

// --- of the loops ------------------------------------------------------------------------------

void SinkSet::OnWatermark(const SinkName& sink, AckLevel level, Height watermark,
                          AckLevel highest) {
  tracker_->SetWatermark(sink, level, watermark, highest);
}

void SinkSet::OnPartial(const SinkName& sink, Height after) { tracker_->SetPartial(sink, after); }

void SinkSet::OnAvailability(const SinkName& sink, SinkAvailability availability,
                             const std::string& reason) {
  tracker_->SetAvailability(sink, availability, reason);
}

void SinkSet::OnSnapshot(const SinkName& sink, std::optional<Height> height, uint64_t rows) {
  tracker_->SetCopying(sink, height, rows);
}

Status SinkSet::PutSinkRecord(const SinkName& sink, const std::string& bytes) {
  return Noted(database_->PutRecord(SinkRecordName(sink), bytes));
}

// A write that fails is no fault of the sink's: the store is opened again, or the node ends.
Status SinkSet::Noted(Status written) {
  if (!written.ok()) options_.on_store_failure(written);
  return written;
}

// First it has acked nothing, so that no batch stores its watermark again.
Status SinkSet::ForgetWatermark(const SinkName& sink) {
  tracker_->ForgetWatermark(sink);
  return options_.forget_watermark(sink, /*removed=*/false, kBatchPatience, [&] {
    return Noted(database_->ForgetSink(sink, /*record=*/""));
  });
}

// First it counts for nothing, so that no batch stores its watermark again.
Status SinkSet::ForgetSink(const SinkName& sink) {
  tracker_->Remove(sink);
  Status gone = options_.forget_watermark(sink, /*removed=*/true, kBatchPatience, [&] {
    return Noted(database_->ForgetSink(sink, SinkRecordName(sink)));
  });
  if (!gone.ok()) {
    tracker_->Restore(sink);
    return gone;
  }
  for (const auto& entry : Entries()) {
    if (entry->name == sink) entry->removed.store(true);
  }
  LogInfo(kComponent, "sink {} is removed; what it holds stays where it is", sink);
  return Status::Ok();
}

// --- the end -----------------------------------------------------------------------------------

void SinkSet::RequestStop(Duration drain_timeout) {
  if (!started_) return;
  for (const auto& entry : Entries()) {
    if (entry->loop) entry->loop->RequestStop(drain_timeout);
  }
}

std::vector<std::string> SinkSet::Join(TimePoint deadline) {
  std::vector<std::string> hung;
  if (!started_) return hung;
  for (const auto& entry : Entries()) {
    if (entry->loop && !entry->loop->Join(deadline)) hung.push_back(entry->name.str());
  }
  return hung;
}

}  // namespace sluice
