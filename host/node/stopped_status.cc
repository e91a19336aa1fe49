// SPDX-License-Identifier: Apache-2.0
#include "node/stopped_status.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/version.h"
#include "commit/policy.h"
#include "node/halt_record.h"
#include "node/sink_notes.h"

namespace sluice {
namespace {

Status ReadDatabase(const Database& database, NodeStatus* status) {
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
                                 [](const UnackedRange& range) { return !range.healed; });
  SLUICE_ASSIGN_OR_RETURN(std::optional<std::string> halt, database.GetRecord(kHaltRecordName));
  status->last_halt = halt.value_or("");
  return Status::Ok();
}

Result<SinkStatus> StoppedSink(const SinkConfig& config, const Database* database, Height height) {
  SinkStatus sink;
  sink.name = config.name.str();
  sink.plugin = config.plugin;
  sink.lifecycle = "stopped";
  sink.counted = config.ack;
  if (!config.all_stores) sink.filter.stores = config.stores;
  sink.filter.key_prefixes = config.key_prefixes;
  if (database != nullptr) {
    SLUICE_ASSIGN_OR_RETURN(std::optional<Height> stored, database->SinkWatermark(config.name));
    sink.watermark = stored.value_or(Height());
    SLUICE_ASSIGN_OR_RETURN(std::optional<std::string> notes, database->GetRecord(kSinkNotesName));
    if (notes) ApplySinkNotes(*notes, &sink);
  }
  if (!config.enabled) sink.reason = SuspendReasonName(SuspendReason::kDisabled);
  sink.lag_blocks = height > sink.watermark ? height - sink.watermark : 0;
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
  if (database != nullptr) SLUICE_RETURN_IF_ERROR(ReadDatabase(*database, &status));
  status.policy = config.commit.policy;
  status.level = std::string(AckLevelName(config.commit.level));
  status.window = config.commit.window;
  status.journal_max_bytes = config.journal.max_bytes;
  std::vector<PolicySink> policy_sinks;
  for (const SinkConfig& sink : config.sinks) {
    policy_sinks.push_back({sink.name, sink.ack, sink.enabled});
    SLUICE_ASSIGN_OR_RETURN(SinkStatus one, StoppedSink(sink, database, status.height));
    status.sinks.push_back(std::move(one));
  }
  if (Result<Policy> policy = ResolvePolicy(config.commit.policy, policy_sinks)) {
    status.policy_text = DescribePolicy(*policy, policy_sinks, config.commit.level);
  }
  return status;
}

}  // namespace sluice
