// SPDX-License-Identifier: Apache-2.0
//
// One control loop for one sink: compares what is desired with what is observed and takes one step
// at a time (step.h decides, this file acts). It owns the plugin's instance and the delivery to it.
//
// Threading: two threads a sink. The control thread runs the loop; it never enters the plugin, so
// nothing that a plugin does can block it. The instance's thread (instance_run.h) makes all calls
// of the ABI, [control] and [delivery] ones, one after another; only a sink that is PARALLEL has
// `workers` threads that deliver, and cancel has a thread of its own, for as long as it takes. All
// public functions are callable from any thread and none blocks, except Join.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/types.h"
#include "delivery/ports.h"
#include "delivery/retry.h"
#include "delivery/sink_counters.h"
#include "model/change_set.h"
#include "plugin/plugin_library.h"
#include "plugin/plugin_metrics.h"

namespace sluice {

// One sink as configured, checked and completed.
struct SinkSettings {
  SinkName name;
  std::string settings_json;  // checked against the plugin's schema, completed with its defaults
  std::string masked_settings_json;  // the same for people, secrets masked
  ChangeFilter filter;
  bool with_old_values = false;
  bool counted = true;
  Duration ack_timeout{};  // no ack for so long while heights are in flight: the instance is broken
  uint64_t max_in_flight = 1024;  // heights
  uint64_t workers = 4;           // that deliver side by side, where the instance is PARALLEL
  uint64_t queue_bytes = 64 << 20;
  RetrySettings retry;
  Duration start_timeout{}, stop_timeout{}, drain_timeout{}, stalled_after{}, healthy_after{};
};

// What the loop borrows from the node; all of it outlives the loop.
struct SinkEnvironment {
  std::shared_ptr<PluginLibrary> library;
  JournalSource* journal = nullptr;
  SinkObserver* observer = nullptr;
  // A new epoch for a new instance, durable on return.
  std::function<Result<Epoch>()> raise_epoch;
  std::string stream_id;
  std::string home;
};

// What `status` shows of a sink; names as in the status document.
struct SinkStatus {
  std::string name, plugin, plugin_version;
  std::string lifecycle;  // initializing, running, repairing, suspended, …
  std::string reason;     // why, where that is not plain
  std::string mode;       // joining, catching_up, live, ahead, lost, partial, or empty
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
  uint64_t stale_acks = 0;
  int64_t next_retry_at_unix_nanos = 0;  // 0: none
  struct LastError {
    int64_t time_unix_nanos = 0;  // 0: none
    std::string code, text;
  } last_error;
  ChangeFilter filter;
  std::string settings_json;  // masked
  std::vector<PluginMetrics::Value> metrics;
};

class SinkLoop {
 public:
  SinkLoop(SinkSettings settings, SinkEnvironment environment);
  ~SinkLoop();

  // Starts the threads; desired state: running.
  void Start();

  // S2: this height may be delivered now. Called in height order by the committing thread.
  void Enqueue(std::shared_ptr<const ChangeSet> change_set);

  // Desired state: stopped, after a drain of at most `drain_timeout`; Join waits until then and
  // answers whether the instance has ended (false: it hung, and was abandoned).
  void RequestStop(Duration drain_timeout);
  bool Join(TimePoint deadline);

  SinkStatus status() const;
  const SinkCounters& counters() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice
