// SPDX-License-Identifier: Apache-2.0
//
// The node: puts the parts together and starts and stops them in order. It has no rules of its own.
//
//   open:   load plugins, check the configuration against them -> lock the home, open the
//           database, raise the epoch -> put the parts together
//   start:  start the sinks -> wait until those that the policy needs have caught up
//           -> roll forward
//   run:    driver -> executor -> pipeline -> sinks
//   stop:   driver, pipeline (what is journaled may still commit), sinks (drained), database
//
// Threading: Open, Start, Run, WaitForSinks and Stop on one thread; RequestStop from any; status
// and summary from any once Open has succeeded, until destruction.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "commit/ack_tracker.h"
#include "commit/pipeline.h"
#include "config/config.h"
#include "config/effective.h"
#include "driver/driver.h"
#include "node/journal_port.h"
#include "node/node_setup.h"
#include "node/node_status.h"
#include "node/sink_set.h"
#include "node/state_port.h"
#include "store/database.h"
#include "store/executor.h"

namespace sluice {

struct NodeOptions {
  std::string home;  // absolute
  Config config;
  std::vector<EffectiveValue> effective;    // the same, for reloads to compare with
  std::vector<std::string> plugin_folders;  // searched in this order
};

// What came of a reload.
struct ReloadReport {
  std::vector<std::string> changes;        // what is in force now, in words; empty: nothing changed
  std::vector<std::string> needs_restart;  // keys that differ and are looked at only at start
};

// What a run of the driver did.
struct RunSummary {
  Height height;
  Digest digest;
  uint64_t blocks = 0;
  uint64_t transactions = 0;  // failed ones too
  uint64_t failed_transactions = 0;
  uint64_t changes = 0;
};

class Node {
 public:
  explicit Node(NodeOptions options);
  ~Node();

  // Everything is in its place afterwards and `status` can be asked, but nothing runs yet. Errors:
  // kConfiguration (exit code 2; nothing was touched), kLocked and what else Database::Open says
  // (1).
  Status Open();

  // Opens where that was not done. Errors: those of Open, kPlugin (3), kHalted (75), kCancelled
  // (RequestStop was called), anything else (1). The node can only be stopped after one.
  Status Start();

  // Feeds the driver's blocks until it ends, RequestStop is called, or something fails. Everything
  // that was taken is committed on return, unless the error says otherwise.
  Status Run(Driver* driver);

  // After Run has failed: whether only the driver or a block of it is at fault, so that all that
  // was taken before it is committed and on its way to the sinks.
  bool InputFailed() const;

  // Waits until every sink that can still come is level with the committed height. kTimeout: no
  // progress for `patience`, or `deadline` has passed; the text names the sinks.
  Status WaitForSinks(Duration patience, TimePoint deadline = TimePoint::max());

  // Orderly end: what is on its way gets `lifecycle.drain_timeout`, calls that are cancelled then
  // `lifecycle.stop_timeout`, both counted once, from RequestStop where that was called. Not OK
  // where a sink hung; everything else has ended.
  Status Stop();

  // Another configuration of the same home, checked as a whole by now but for its plugins: only
  // what differs is touched. Errors: kConfiguration (every problem), kPlugin (a library), kInvalid
  // (not in this moment); after one nothing has changed. Between Start and Stop, from any thread,
  // one at a time.
  Result<ReloadReport> Reload(const Config& config, const std::vector<EffectiveValue>& effective);

  // From any thread, also a signal's: ends Start, Run and WaitForSinks soon.
  void RequestStop();

  RunSummary summary() const;
  NodeStatus status() const;
  // For a watchdog: grows as long as the node's own thread goes round; see Pipeline::turns. From
  // any thread once Open has succeeded, until destruction.
  uint64_t turns() const { return pipeline_->turns(); }
  void Nudge() { pipeline_->Nudge(); }
  const Database& database() const { return *database_; }
  // For /metrics; from any thread once Open has succeeded, until destruction.
  const PipelineCounters& pipeline_counters() const { return pipeline_->counters(); }
  // By name, of the sinks that have a loop.
  std::vector<std::pair<std::string, const SinkCounters*>> sink_counters() const {
    return sinks_->counters();
  }
  // What operators tell sinks, one after another and not beside a reload; from any thread between
  // Start and Stop. As SinkSet's; kInvalid too where the policy cannot hold without a sink that is
  // to be suspended, and the node would halt.
  Status CommandSink(const SinkName& sink, SinkCommand command);
  std::vector<std::pair<std::string, Status>> RepairSinks();
  // How long a stop that is asked for now may take. From any thread.
  Duration stop_patience() const;
  // Where /metrics is served, for the status. From any thread.
  void SetMetricsAddress(std::string address);

 private:
  // When all is to have ended; the first call, which is the begin of the stop, fixes it.
  TimePoint StopDeadline();
  LifecycleConfig limits() const;
  Status OpenDatabase();
  Status SetStoredWatermarks();
  void OnCommitted(const SealedBlock& block);
  Status TakeBlocks(Driver* driver);
  Status CheckPolicyAllows(SinkCommand command, const SinkName& sink) const;
  void StopDriver();
  Status Finish(Status status);
  void RecordHalt(const Status& status);
  void NoteSinks();
  void ForgetSinkNotes();

  const NodeOptions options_;
  const TimePoint started_at_;
  std::atomic<bool> stop_requested_{false};

  std::unique_ptr<PluginLoader> loader_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<DatabaseJournal> journal_;
  std::unique_ptr<DatabaseState> state_;
  std::unique_ptr<AckTracker> tracker_;
  std::unique_ptr<Executor> executor_;
  Policy policy_;  // guarded by reload_mutex_ once sinks have started: in force
  std::unique_ptr<SinkSet> sinks_;
  std::unique_ptr<Pipeline> pipeline_;
  std::atomic<bool> sinks_started_{false};
  bool stopped_ = false;

  std::mutex reload_mutex_;                // held by a reload
  std::vector<EffectiveValue> effective_;  // guarded by reload_mutex_: as of the last reload
  std::atomic<bool> stopping_{false};      // too late for a reload

  mutable std::mutex mutex_;
  bool opened_ = false;               // guarded by mutex_: all of the above is in its place
  CommitConfig commit_;               // guarded by mutex_: in force
  LifecycleConfig lifecycle_;         // guarded by mutex_: in force; fixed once stop_by_ is
  std::string policy_text_;           // guarded by mutex_: in words
  Driver* driver_ = nullptr;          // guarded by mutex_: the one that runs
  RunSummary summary_;                // guarded by mutex_
  std::string metrics_address_;       // guarded by mutex_
  std::optional<TimePoint> stop_by_;  // guarded by mutex_
};

}  // namespace sluice
