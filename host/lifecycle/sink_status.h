// SPDX-License-Identifier: Apache-2.0
//
// What `status` shows of a sink. Threading: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/types.h"
#include "delivery/snapshot_copy.h"
#include "model/change_set.h"
#include "plugin/plugin_metrics.h"

namespace sluice {

// Names as in the status document.
struct SinkStatus {
  std::string name, plugin, plugin_version;
  std::string lifecycle;  // initializing, running, repairing, suspended, …
  std::string reason;     // why, where that is not plain
  std::string mode;       // joining, snapshot, catching_up, live, ahead, lost, partial, or empty
  bool counted = true;
  std::string level;                  // what start returned, or empty
  std::optional<bool> at_least_once;  // what start said last; nothing before
  Height watermark;                   // at the instance's level
  std::optional<Height> sink_height;  // what the sink itself said last
  uint64_t lag_blocks = 0;
  uint64_t lag_bytes = 0;
  double lag_seconds = 0;
  uint64_t in_flight = 0;
  uint64_t queue_bytes = 0;
  uint64_t retries = 0;
  uint64_t attempt = 0;  // failures in a row
  uint64_t stale_acks = 0;
  int64_t next_retry_at_unix_nanos = 0;  // 0: none
  struct LastError {
    int64_t time_unix_nanos = 0;  // 0: none
    std::string code, text;
  } last_error;
  ChangeFilter filter;
  std::string settings_json;  // masked
  std::vector<PluginMetrics::Value> metrics;
  std::optional<SnapshotProgress> snapshot;  // a copy of the state is under way
};

}  // namespace sluice
