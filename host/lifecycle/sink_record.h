// SPDX-License-Identifier: Apache-2.0
//
// What the node keeps of a sink over restarts: one record a sink, written before whatever it
// announces is done, and only when it differs from the one before. What can be asked of the sink
// itself (where it stands, what is provisioned) is not in it.
//
// The bytes are a JSON object with "schema": 1, so that a person can read what a broken home says.
// Threading: plain values, pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "base/types.h"
#include "lifecycle/step.h"

namespace sluice {

// Names of records in the database: "sink/audit".
inline constexpr std::string_view kSinkRecordPrefix = "sink/";
inline std::string SinkRecordName(const SinkName& sink) {
  return std::string(kSinkRecordPrefix) + sink.str();
}

// A task that brings about what the external system must have before the sink can start.
struct ProvisionTask {
  std::string id;  // the plugin's; empty: there is none
  int64_t begun_at_unix_nanos = 0;

  friend bool operator==(const ProvisionTask&, const ProvisionTask&) = default;
};

struct SinkRecord {
  std::string name;
  LifecycleState state = LifecycleState::kInitializing;
  SuspendReason reason = SuspendReason::kNone;
  // The repair context.
  LifecycleState origin = LifecycleState::kInitializing;
  Status error;
  int64_t error_at_unix_nanos = 0;
  uint64_t attempt = 0;
  int64_t next_at_unix_nanos = 0;  // repairing; 0: none
  bool suspended_by_operator = false;
  bool deleted = false;        // removal has begun
  std::string plugin;          // its identity
  std::string library_sha256;  // of the library that was begun last
  uint32_t abi_minor = 0;
  std::string configuration;  // a digest of the settings that were begun last
  Epoch epoch;                // of the newest instance when this was written
  Height watermark;           // a hint, as of when this was written
  // The sink begins, or goes on after a gap, behind this height: what it holds is partial. 0:
  // whole.
  Height partial_after;
  ProvisionTask task;  // under way, as far as is known
  bool reset = false;  // the sink is to be made empty before it is started again
  // An instance was refused with this epoch, for the sink had seen a newer one. 0: none was.
  Epoch refused_epoch;
  // A copy of the state is wanted or under way: whatever the sink says, one begins anew.
  bool snapshot = false;

  friend bool operator==(const SinkRecord&, const SinkRecord&) = default;
};

std::string EncodeSinkRecord(const SinkRecord& record);
// kCorruption: what is wrong, without the record's name. A newer schema is an error too: what it
// means is not known.
Result<SinkRecord> DecodeSinkRecord(std::string_view bytes);

// The state in which a sink is found at start. Whatever had an instance begins anew; what was
// repairing keeps its attempts and its time; what was found broken follows `recover`:
//   now           repairing goes on, a fault is looked at once more
//   on_first_use  the same, with the first change for the sink, or when an ack of it is waited for
//   never         it stays suspended until `sluice sink repair`
// `now`, `wall_now_unix_nanos`: the same moment on both clocks.
SinkState RestoreState(const SinkRecord& record, RecoverOnStart recover, TimePoint now,
                       int64_t wall_now_unix_nanos);

}  // namespace sluice
