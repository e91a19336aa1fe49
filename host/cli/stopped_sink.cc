// SPDX-License-Identifier: Apache-2.0
#include "cli/stopped_sink.h"

#include <fmt/core.h>

#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "cli/named_sink.h"
#include "lifecycle/sink_record.h"
#include "node/node_setup.h"
#include "plugin/readback.h"
#include "store/database.h"

namespace sluice {
namespace {

Result<SinkPosition> AskPosition(const NamedSink& named, const std::string& home) {
  ReadbackArgs args;
  args.settings_json = named.sink.settings.settings_json;
  args.stream_id = named.config.node.stream_id;
  args.sink = named.sink.settings.name;
  args.home = home;
  args.last_height = Height(std::numeric_limits<int64_t>::max());
  SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Readback> readback,
                          named.sink.library->OpenReadback(args));
  return readback->info().position;
}

// Changes the sink's record where `change` does; false: there was nothing to change.
Result<bool> ChangeRecordIn(Database* database, const std::string& sink,
                            const std::function<bool(SinkRecord*)>& change) {
  const std::string name = SinkRecordName(SinkName(sink));
  SLUICE_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, database->GetRecord(name));
  SinkRecord fresh;
  fresh.name = sink;
  Result<SinkRecord> record = bytes ? DecodeSinkRecord(*bytes) : std::move(fresh);
  if (!record) return Error(record.error().WithContext("the record of sink " + sink));
  if (!change(&*record)) return false;
  SLUICE_RETURN_IF_ERROR(database->PutRecord(name, EncodeSinkRecord(*record)));
  return true;
}

// As if it had never failed; false: it has not.
bool ForgetFault(SinkRecord* record) {
  const bool broken = record->state == LifecycleState::kRepairing ||
                      (record->state == LifecycleState::kSuspended && IsFault(record->reason));
  if (!broken) return false;
  record->state = LifecycleState::kInitializing;
  record->reason = SuspendReason::kNone;
  record->error = Status::Ok();
  record->attempt = 0;
  record->next_at_unix_nanos = 0;
  return true;
}

}  // namespace

Result<TakenOver> TakeOverStopped(const std::string& home, const std::string& sink) {
  SLUICE_ASSIGN_OR_RETURN(const NamedSink named, LoadNamedSink(home, sink));
  SLUICE_ASSIGN_OR_RETURN(const SinkPosition position, AskPosition(named, home));
  const std::string& stream = named.config.node.stream_id;
  if (!position.empty && position.stream_id != stream) {
    return Error(StatusCode::kInvalid,
                 fmt::format("sink {}: it holds stream '{}', this home's is '{}': point it "
                             "elsewhere; another stream is not taken over",
                             sink, position.stream_id, stream));
  }
  SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Database> database,
                          Database::Open(MakeDatabaseOptions(named.config, home)));
  TakenOver taken;
  taken.seen = position.epoch;
  SLUICE_ASSIGN_OR_RETURN(taken.epoch, database->RaiseEpoch(position.epoch));
  // That it was refused before is settled.
  const Result<bool> settled = ChangeRecordIn(database.get(), sink, [](SinkRecord* record) {
    const bool broken = ForgetFault(record);
    return std::exchange(record->refused_epoch, Epoch()) != Epoch() || broken;
  });
  if (!settled) return Error(settled.error());
  return taken;
}

namespace {

// The same in the home's database.
Result<bool> ChangeRecord(const std::string& home, const std::string& sink,
                          const std::function<bool(SinkRecord*)>& change) {
  SLUICE_ASSIGN_OR_RETURN(const NamedSink named, LoadNamedSink(home, sink));
  SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Database> database,
                          Database::Open(MakeDatabaseOptions(named.config, home)));
  return ChangeRecordIn(database.get(), sink, change);
}

}  // namespace

Result<bool> ResumeStopped(const std::string& home, const std::string& sink) {
  return ChangeRecord(home, sink, [](SinkRecord* record) {
    return std::exchange(record->suspended_by_operator, false);
  });
}

Result<bool> RepairStopped(const std::string& home, const std::string& sink) {
  return ChangeRecord(home, sink, ForgetFault);
}

Result<bool> ResetStopped(const std::string& home, const std::string& sink) {
  return ChangeRecord(home, sink, [](SinkRecord* record) {
    const bool was_broken = ForgetFault(record);
    return !std::exchange(record->reset, true) || was_broken;
  });
}

Result<bool> SnapshotStopped(const std::string& home, const std::string& sink) {
  return ChangeRecord(home, sink, [](SinkRecord* record) {
    ForgetFault(record);
    record->snapshot = true;
    return true;
  });
}

}  // namespace sluice
