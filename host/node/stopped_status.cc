// SPDX-License-Identifier: Apache-2.0
#include "node/stopped_status.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/version.h"
#include "commit/policy.h"
#include "delivery/ports.h"
#include "lifecycle/sink_record.h"
#include "node/halt_record.h"
#include "node/sink_notes.h"

namespace sluice {
namespace {

using Records = std::map<std::string, SinkRecord>;

// By the sink's name. What cannot be read says nothing: the next start names it.
Result<Records> ReadRecords(const Database& database) {
  SLUICE_ASSIGN_OR_RETURN(const auto found, database.ListRecords(kSinkRecordPrefix));
  Records records;
  for (const auto& [key, bytes] : found) {
    if (Result<SinkRecord> record = DecodeSinkRecord(bytes)) {
      records.emplace(key.substr(kSinkRecordPrefix.size()), std::move(*record));
    }
  }
  return records;
}

// A range that a sink of it will never fill is on record, and no state of the node any more.
bool IsOpen(const UnackedRange& range, const Records& records) {
  return !range.healed &&
         std::all_of(range.sinks.begin(), range.sinks.end(), [&](const std::string& sink) {
           // "audit (removed)": see DegradedRanges::Disown.
           if (sink.find(' ') != std::string::npos) return false;
           const auto found = records.find(sink);
           return found == records.end() || found->second.partial_after < range.first;
         });
}

Status ReadDatabase(const Database& database, const Records& records, NodeStatus* status) {
  const CommittedState committed = database.committed();
  status->epoch = database.epoch();
  status->height = committed.height;
  status->digest = committed.digest;
  status->journaled_height = database.journaled_height();
  status->journal_first = database.journal_first();
  status->journal_last = database.journaled_height();
  status->journal_bytes = database.journal_bytes();
  SLUICE_ASSIGN_OR_RETURN(status->unacked_ranges, database.UnackedRanges());
  status->degraded = std::any_of(status->unacked_ranges.begin(), status->unacked_ranges.end(),
                                 [&](const UnackedRange& range) { return IsOpen(range, records); });
  SLUICE_ASSIGN_OR_RETURN(std::optional<std::string> halt, database.GetRecord(kHaltRecordName));
  status->last_halt = halt.value_or("");
  return Status::Ok();
}

// What a restart would remember. A node that was killed has left nothing else.
void ApplyRecord(const SinkRecord& record, SinkStatus* sink) {
  if (record.suspended_by_operator) {
    sink->reason = SuspendReasonName(SuspendReason::kOperator);
  } else if (record.state == LifecycleState::kSuspended) {
    sink->reason = SuspendReasonName(record.reason);
  } else if (record.state == LifecycleState::kRepairing) {
    sink->reason = LifecycleStateName(record.state);
  }
  sink->attempt = record.attempt;
  if (!record.error.ok()) {
    sink->last_error = {record.error_at_unix_nanos,
                        std::string(StatusCodeName(record.error.code())), record.error.message()};
  }
  if (record.partial_after > Height()) sink->mode = "partial";
}

// What the journal has for it, and for how long that has been there.
Status SetLag(const Database& database, SinkStatus* sink) {
  const JournalLag lag = LagBehind(sink->watermark, database.journal_first(),
                                   database.journaled_height(), database.journal_bytes());
  sink->lag_blocks = lag.blocks;
  sink->lag_bytes = lag.bytes;
  const Height oldest = std::max(sink->watermark + 1, database.journal_first());
  if (lag.blocks == 0 || oldest > database.journaled_height()) return Status::Ok();
  SLUICE_ASSIGN_OR_RETURN(const JournalRecord record, database.ReadJournal(oldest));
  const int64_t nanos = WallNanos() - record.change_set->time_unix_nanos();
  sink->lag_seconds = static_cast<double>(std::max<int64_t>(nanos, 0)) / 1e9;
  return Status::Ok();
}

// Sets what the database knows of a sink by its name.
Status FillIn(const Database& database, const Records& records, SinkStatus* sink) {
  SLUICE_ASSIGN_OR_RETURN(std::optional<Height> stored,
                          database.SinkWatermark(SinkName(sink->name)));
  sink->watermark = stored.value_or(Height());
  if (const auto record = records.find(sink->name); record != records.end()) {
    ApplyRecord(record->second, sink);
  }
  SLUICE_ASSIGN_OR_RETURN(std::optional<std::string> notes, database.GetRecord(kSinkNotesName));
  if (notes) ApplySinkNotes(*notes, sink);
  return SetLag(database, sink);
}

Result<SinkStatus> StoppedSink(const SinkConfig& config, const Database* database,
                               const Records& records) {
  SinkStatus sink;
  sink.name = config.name.str();
  sink.plugin = config.plugin;
  sink.lifecycle = "stopped";
  sink.counted = config.ack;
  if (!config.all_stores) sink.filter.stores = config.stores;
  sink.filter.key_prefixes = config.key_prefixes;
  if (database != nullptr) SLUICE_RETURN_IF_ERROR(FillIn(*database, records, &sink));
  if (!config.enabled) sink.reason = SuspendReasonName(SuspendReason::kDisabled);
  return sink;
}

// Gone from the configuration; the journal keeps it in mind.
Result<SinkStatus> StoppedOrphan(const SinkRecord& record, const Database& database,
                                 const Records& records) {
  SinkStatus sink;
  sink.name = record.name;
  sink.plugin = record.plugin;
  sink.lifecycle = "stopped";
  sink.counted = false;
  SLUICE_RETURN_IF_ERROR(FillIn(database, records, &sink));
  sink.reason = SuspendReasonName(SuspendReason::kOrphaned);
  return sink;
}

}  // namespace

Result<NodeStatus> StoppedStatus(const Config& config, const Database* database) {
  NodeStatus status;
  status.stream_id = config.node.stream_id;
  status.version = SluiceVersion();
  status.sync = config.commit.sync;
  status.digest = GenesisDigest(config.node.stream_id);
  status.journal_first = Height(1);
  Records records;
  if (database != nullptr) {
    SLUICE_ASSIGN_OR_RETURN(records, ReadRecords(*database));
    SLUICE_RETURN_IF_ERROR(ReadDatabase(*database, records, &status));
  }
  status.policy = config.commit.policy;
  status.level = std::string(AckLevelName(config.commit.level));
  status.window = config.commit.window;
  status.journal_max_bytes = config.journal.max_bytes;
  std::vector<PolicySink> policy_sinks;
  for (const SinkConfig& sink : config.sinks) {
    policy_sinks.push_back({sink.name, sink.ack, sink.enabled});
    SLUICE_ASSIGN_OR_RETURN(SinkStatus one, StoppedSink(sink, database, records));
    status.sinks.push_back(std::move(one));
  }
  for (const auto& [name, record] : records) {
    const bool configured =
        std::any_of(config.sinks.begin(), config.sinks.end(),
                    [&](const SinkConfig& sink) { return sink.name.str() == record.name; });
    if (configured || record.deleted) continue;
    SLUICE_ASSIGN_OR_RETURN(SinkStatus orphan, StoppedOrphan(record, *database, records));
    status.sinks.push_back(std::move(orphan));
  }
  if (Result<Policy> policy = ResolvePolicy(config.commit.policy, policy_sinks)) {
    status.policy_text = DescribePolicy(*policy, policy_sinks, config.commit.level);
  }
  return status;
}

}  // namespace sluice
