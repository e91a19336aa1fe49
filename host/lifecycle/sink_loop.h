// SPDX-License-Identifier: Apache-2.0
//
// One control loop for one sink: compares what is desired with what is observed and takes one step
// at a time (step.h decides, this file acts). It owns the plugin's instance and the delivery to it,
// and keeps the sink's record.
//
// Threading: two threads a sink. The control thread runs the loop; it never enters the plugin, so
// nothing that a plugin does can block it. The instance's thread (instance_run.h) makes all calls
// of the ABI, [control] and [delivery] ones, one after another; only a sink that is PARALLEL has
// `workers` threads that deliver, and cancel has a thread of its own, for as long as it takes. All
// public functions are callable from any thread; none blocks, but Join and, for as long as a record
// takes to be written, Command.
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
#include "lifecycle/sink_command.h"
#include "lifecycle/sink_record.h"
#include "lifecycle/sink_status.h"
#include "model/change_set.h"
#include "plugin/plugin_library.h"

namespace sluice {

// One sink as configured, checked and completed.
struct SinkSettings {
  SinkName name;
  std::string settings_json;  // checked against the plugin's schema, completed with its defaults
  std::string masked_settings_json;  // the same for people, secrets masked
  ChangeFilter filter;
  bool with_old_values = false;
  bool counted = true;
  bool enabled = true;
  bool orphaned = false;  // gone from the configuration: as if not enabled
  SinkStart start = SinkStart::kResume;
  OnGap on_gap = OnGap::kRefuse;
  bool lazy = false;          // no instance before there is something for it
  std::string configuration;  // equal texts: an instance need not be made anew
  Duration ack_timeout{};  // no ack for so long while heights are in flight: the instance is broken
  uint64_t max_in_flight = 1024;  // heights
  uint64_t workers = 4;           // that deliver side by side, where the instance is PARALLEL
  uint64_t queue_bytes = 64 << 20;
  RetrySettings retry;
  Duration start_timeout{}, stop_timeout{}, drain_timeout{}, stalled_after{}, healthy_after{};
  Duration provision_timeout{};  // of a provisioning task, and of a reset
};

// Where the sinks' records are. Threading: any thread.
class SinkRecordStore {
 public:
  virtual ~SinkRecordStore() = default;
  // Durable on return.
  virtual Status PutSinkRecord(const SinkName& sink, const std::string& bytes) = 0;
  // The sink has been made empty: what it had acked is no longer known on return.
  virtual Status ForgetWatermark(const SinkName& sink) = 0;
  // Nothing that the node keeps of the sink is left on return: its record, its watermark, its say
  // in what the journal keeps.
  virtual Status ForgetSink(const SinkName& sink) = 0;
};

// What the loop borrows from the node; all of it outlives the loop.
struct SinkEnvironment {
  JournalSource* journal = nullptr;
  StateSource* state = nullptr;
  SinkObserver* observer = nullptr;
  SinkRecordStore* records = nullptr;
  // A new epoch for a new instance, not below the argument, durable on return.
  std::function<Result<Epoch>(Epoch)> raise_epoch;
  std::string stream_id;
  std::string home;
};

class SinkLoop {
 public:
  SinkLoop(SinkSettings settings, std::shared_ptr<PluginLibrary> library,
           SinkEnvironment environment);
  ~SinkLoop();

  // Starts the threads. `record`: as it was found at start, or nothing for a sink that is new.
  void Start(const std::optional<SinkRecord>& record, RecoverOnStart recover);

  // S2: this height may be delivered now. Called in height order by the committing thread.
  void Enqueue(std::shared_ptr<const ChangeSet> change_set);
  // Somebody waits for its acks: what was put off until the sink is used begins.
  void Use();

  // Answers when the command is on record and on its way; what comes of it, `status` shows. Errors:
  // kInvalid (it does not apply in this state; the text says what does), kTimeout (not yet known),
  // and that the record could not be written.
  Status Command(SinkCommand command, TimePoint deadline);
  // What decides whether a command applies; `name` lives as long as the loop.
  CommandedSink commanded() const;

  // New settings, a new library, or both. An instance at work is replaced, in order, where it was
  // made with others; a sink that a fault has suspended is tried with them.
  void Reconfigure(SinkSettings settings, std::shared_ptr<PluginLibrary> library);

  // Desired state: stopped, after a drain of at most `drain_timeout`; not on record, for the node
  // ends. Join waits until then and answers whether the instance has ended (false: it hung, and was
  // abandoned).
  void RequestStop(Duration drain_timeout);
  bool Join(TimePoint deadline);

  SinkStatus status() const;
  const SinkCounters& counters() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice
