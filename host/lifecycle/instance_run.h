// SPDX-License-Identifier: Apache-2.0
//
// One instance of a sink's plugin, from create to destroy, on a thread of its own that makes all of
// its calls one after another: create, start, resume, attach, deliver …, drain, destroy. Written as
// one straight line; who wants something else meanwhile says so and may cancel the call under way.
// Where the instance is PARALLEL, delivery has more threads for the time between attach and drain
// (SinkDelivery::Run). The cancel is made on a thread of its own, one at a time, for it may block
// as any other call.
//
// A call that never returns leaves the run abandoned: the instance is not destroyed, its thread and
// all that the thread may still use live on, and nothing of the node is touched any more.
//
// Threading: all public functions from the control thread, Enqueue and the accessors from any; none
// of them blocks (Join: for as long as a thread takes to end that has nothing left to do).
// Ownership: shared by the loop and the thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "delivery/call_watch.h"
#include "delivery/sink_delivery.h"
#include "delivery/snapshot_copy.h"
#include "lifecycle/sink_loop.h"
#include "lifecycle/sink_record.h"
#include "lifecycle/step.h"

namespace sluice {

class InstanceRun : public std::enable_shared_from_this<InstanceRun> {
 public:
  // What a run takes over from the sink's record.
  struct Inherited {
    ProvisionTask task;    // begun by a run of before
    bool reset = false;    // the sink is to be made empty before it starts
    Epoch refused_epoch;   // as AttachQuestion's
    Height partial_after;  // as SinkRecord's
  };
  // What the run has brought about, or is about to, and what the record has to say of it first.
  struct News {
    ProvisionTask task;
    bool emptied = false;       // by a reset: the node's own knowledge of its watermark is void
    bool cannot_reset = false;  // the plugin does not know how
    bool cannot_copy = false;   // the same, of a copy of the state
    Height partial_after;
  };

  // `wake`: called on any thread, without locks, when phase, failure or news have changed; must not
  // block. `counters`, `metrics`: of the sink, over all its instances. `least_epoch`: the
  // instance's is not below it.
  InstanceRun(const SinkSettings& settings, std::shared_ptr<PluginLibrary> library,
              const SinkEnvironment& environment, Epoch least_epoch, Inherited inherited,
              std::shared_ptr<SinkCounters> counters, std::shared_ptr<PluginMetrics> metrics,
              std::function<void()> wake);
  ~InstanceRun();

  // Before Begin. A copy of the state is wanted, and on record; `acked`: through which height
  // instances before this one have acked, in this process: no copy may be older.
  void WantSnapshot(bool wanted, Height acked);
  // Starts the thread. Once.
  void Begin();
  void Enqueue(std::shared_ptr<const ChangeSet> change_set);

  // The instance is to take a copy of the state, and waits until that is on record.
  bool asks_for_snapshot() const;
  void AllowSnapshot();

  // Ends it: at once (cancel, destroy), or after what is in flight has been acked and drained,
  // until `drain_until`. Repeated: the earlier of both counts.
  void End(TimePoint drain_until, TimePoint now);
  void SetAckTimeout(Duration ack_timeout);
  // Looks at what takes too long: notes failures, cancels, abandons. Returns when to look again.
  TimePoint Supervise(TimePoint now);
  // Where a call is under way: it is abandoned. Else the thread is about to move on; ask again.
  bool Abandon();
  // Waits for the thread; only where phase() is kNone.
  void Join();

  InstancePhase phase() const;
  // The failure of this run, given once.
  std::optional<SinkFailure> TakeFailure();
  // The epoch that the sink has seen, where that is why it is foreign.
  std::optional<Epoch> foreign_epoch() const;
  // Nothing before create.
  std::optional<bool> can_reset() const;
  // With their number, which is 0 while there are none. The run waits until OnRecord has been told
  // that number, or it is ended.
  News news(uint64_t* number) const;
  void OnRecord(uint64_t number);

  struct Snapshot {
    InstancePhase phase = InstancePhase::kOpening;
    Epoch epoch;
    CallWatch::Current call;
    std::optional<StartResult> started;
    std::string provisioning;                 // how far it is, in words; empty: it is not
    bool ahead = false;                       // the sink is above the journal; waits
    Height caught_up_at;                      // the journaled height as of attach
    std::optional<AttachReason> attached_as;  // nothing before attach
    Height base;                              // of attach
    std::optional<SnapshotProgress> copying;  // nothing before and after
    SinkDelivery::Snapshot delivery;
  };
  Snapshot snapshot(TimePoint now) const;

 private:
  void Main();
  bool Create();
  StartArgs MakeStartArgs() const;
  // What comes before start: provisioning, and a reset where one is asked for.
  bool Prepare();
  bool Provision();
  // Begins a task, unless one is under way already.
  bool BeginTask();
  // False: it has ended or failed; nothing: it is still running.
  std::optional<bool> PollTask();
  bool FailTask(SinkFault fault, Status why);
  bool Reset();
  // Tells `news_`, and waits until they are on record; false: the run is being ended.
  bool Announce();
  void SetProvisioning(std::string text);
  bool Start();
  // Asks where the sink is until it can be attached, and attaches it.
  bool Attach();
  // What the sink will miss is on record before it is attached behind it.
  bool AnnounceBase(const AttachDecision& decision);
  // Takes a copy of the state; false: it is not whole, and why was noted, or abandoned.
  bool CopyState();
  // Waits until the copy is on record; false: to end.
  bool AskForSnapshot();
  // The journal is kept for the copy no longer.
  void EndCopy();
  void Drain();
  // False: abandoned.
  bool Destroy();
  // Has the call under way cancelled, where there is one.
  void Cancel(SinkInstance* instance);
  void SetPhase(InstancePhase phase);
  bool Ending() const;
  void Fail(SinkFault fault, Status status);

  // Set in the constructor.
  const SinkSettings settings_;
  const std::shared_ptr<PluginLibrary> library_;
  const SinkEnvironment environment_;
  const Epoch least_epoch_;
  const Inherited inherited_;
  const std::shared_ptr<SinkCounters> counters_;
  const std::string component_;
  const std::shared_ptr<PluginMetrics> metrics_;
  const std::function<void()> wake_;
  CallWatch watch_;

  // Control thread.
  std::thread thread_;
  std::thread canceller_;  // the last cancel
  bool failure_taken_ = false;

  bool snapshot_wanted_ = false;  // before Begin
  Height acked_;                  // before Begin

  // The instance's thread.
  std::optional<Base> copied_;
  // What it calls, also when the owner has let go of it.
  SinkInstance* called_ = nullptr;
  TimePoint task_deadline_{};

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable allowed_;
  // Made by the thread, once; never replaced.
  std::unique_ptr<SinkDelivery> delivery_;
  std::unique_ptr<SinkInstance> instance_;
  std::optional<SinkFailure> early_failure_;  // before there was a delivery
  InstancePhase phase_ = InstancePhase::kOpening;
  Epoch epoch_;
  std::optional<Epoch> foreign_epoch_;
  std::optional<StartResult> started_;
  std::optional<bool> can_reset_;
  std::string provisioning_;
  News news_;
  uint64_t announced_ = 0;  // news, counted
  uint64_t recorded_ = 0;   // of them, on record
  std::condition_variable on_record_;
  bool ahead_ = false;
  Height caught_up_at_;
  std::optional<AttachReason> attached_as_;
  Height base_;
  std::unique_ptr<SnapshotCopy> copy_;  // the one under way
  bool asks_for_snapshot_ = false;
  bool snapshot_allowed_ = false;
  bool ending_ = false;
  TimePoint drain_until_{};
  TimePoint kill_at_ = TimePoint::max();
};

}  // namespace sluice
