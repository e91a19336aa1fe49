// SPDX-License-Identifier: Apache-2.0
//
// The pipeline: the way of a block from sealed to committed.
//
//   intake thread:      WaitForSlot, execute (S0), Submit
//   committing thread:  S1 journal + S5 commit (one batch) -> S2 deliver -> S3/S4 gate -> S5 -> S6
//   answer
//
// One thread at a time writes, whoever has the seat, so the order of heights and the content of
// each batch need no further argument. What waits is put together: one batch carries the commits of
// all heights that the gate has let through and the journal records of all heights that were sealed
// meanwhile, with one fsync.
//
// With fire-and-forget, a height's journal record and its commit are in the same batch, and it is
// delivered after that. Where the window is full then, the intake thread takes the seat itself: it
// could only wait.
//
// Errors end the pipeline; result() keeps the first. kHalted: by the ack policy, everything that is
// needed to continue is in the journal. No space is no error: it takes no blocks, and goes on when
// there is.
//
// Threading: WaitForSlot and Submit on the intake thread; the others from any.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "commit/ack_tracker.h"
#include "commit/gate.h"
#include "commit/journal_room.h"
#include "commit/pipeline_counters.h"
#include "commit/store_writer.h"
#include "store/database.h"
#include "store/executor.h"

namespace sluice {

// Where journaled heights go: every sink's queue. Enqueue must not block.
class DeliveryPort {
 public:
  virtual ~DeliveryPort() = default;
  virtual void Enqueue(const std::shared_ptr<const ChangeSet>& change_set) = 0;
  // How full the queue of a sink is, by the tracker's index: 0 empty, 1 full. From any thread.
  virtual double QueueFill(size_t sink) const = 0;
};

struct PipelineSettings {
  GateSettings gate;
  uint64_t window = 8;  // blocks executed ahead of the oldest uncommitted one, itself included
  uint64_t retain_blocks = 100;
  // Above these, retained blocks are forgotten, then sinks without which the policy can hold are
  // lost, and else intake stops; 0: no limit.
  uint64_t journal_max_bytes = 0;
  uint64_t journal_max_blocks = 0;
  uint64_t disk_reserve_bytes = 0;  // below it no block is journaled
  // Before each block, where queues that the policy needs are full (back_pressure.h).
  Duration intake_delay_max = std::chrono::milliseconds(50);
};

struct PipelineStatus {
  Height committed;
  Height journaled;
  std::vector<std::string> waiting_on;  // sinks that the height in front waits for
  bool degraded = false;
  std::vector<UnackedRange> unacked_ranges;
  double gate_p50_seconds = 0;
  double gate_p99_seconds = 0;
  std::string blocked;    // why no block is taken, or empty
  std::string not_ready;  // why a block that comes now would not commit, or empty
};

class Pipeline {
 public:
  // Borrows everything; all of it outlives the pipeline. `on_committed` is called by whoever
  // commits, also within Submit, for each height, in order, once it is committed (S6).
  Pipeline(PipelineSettings settings, Database* database, AckTracker* tracker,
           DeliveryPort* delivery, std::vector<UnackedRange> recorded_ranges,
           std::function<void(const SealedBlock&)> on_committed);
  ~Pipeline();

  // Called once, by whoever finds that the pipeline has ended, without a lock: a driver that waits
  // for input is to be told. Before CatchUp.
  void SetOnEnded(std::function<void()> on_ended) { on_ended_ = std::move(on_ended); }

  // Waits until the sinks that the policy needs have caught up with the committed height. No block
  // is taken meanwhile. kPlugin: the policy cannot hold with the sinks there are; kHalted: no
  // progress for recover_timeout; kCancelled: Stop was called.
  Status CatchUp();

  // Takes heights that were journaled but not committed through the gate again, from the same
  // bytes.
  Status RollForward();

  // Waits until the next block may be executed, and longer where the sinks that the policy needs
  // fall behind. Not OK: the pipeline has ended, or is about to.
  Status WaitForSlot();
  // Hands over the next height; under fire-and-forget it may write it, and wait for space on the
  // disk. After WaitForSlot.
  void Submit(SealedBlock block);

  // Waits until everything submitted is committed, or the pipeline has ended, or the deadline. A
  // wait without deadline ends with kCancelled when StopIntake is called; one with a deadline ends
  // with kTimeout at once where the height in front waits for what only a command could bring back.
  Status WaitUntilIdle(TimePoint deadline = TimePoint::max());

  // Ends CatchUp, RollForward, WaitForSlot and waits without deadline with kCancelled, now and from
  // here on; what was submitted goes on, but a Submit that waits for space on the disk ends the
  // pipeline. From any thread; does not wait.
  void StopIntake();

  // No new S1 begins; the write under way is awaited. Heights not journaled are dropped: not taken.
  void Stop();

  // Another policy, or other limits of it: from the first height on that is not decided yet, which
  // the log names. Sinks that newly count do so once they hold all that is journaled. Waits until
  // that is so; kTimeout: not by `deadline`, and nothing has changed.
  Status SetGate(GateSettings settings, TimePoint deadline);

  // Runs `forget`, which takes away what is stored of a sink's watermark, between two batches: none
  // that is under way or comes later stores it again. `removed`: the sink as a whole is forgotten,
  // and the heights that it missed stay on record as missed. What `forget` says; kTimeout: a batch
  // is under way for longer than `patience`, as where it waits for space. From any thread.
  Status ForgetWatermark(const SinkName& sink, bool removed, Duration patience,
                         const std::function<Status()>& forget);

  // Somebody else's write to the store has failed: it is opened again once there is space, and any
  // other failure ends the pipeline. From any thread; does not wait.
  void NoteStoreFailure(const Status& failure);

  // For a watchdog: turns() grows with each look that the thread which commits, or catches up,
  // takes at what there is to do, and while it waits for space on the disk. Nudge makes it look
  // soon. From any thread.
  uint64_t turns() const { return turns_.load() + writer_.attempts(); }
  void Nudge() { Wake(); }

  // It takes nothing any more, for whatever reason.
  bool ended() const;
  // OK while it runs and after Stop; else why it ended.
  Status result() const;

  PipelineStatus status() const;
  const PipelineCounters& counters() const { return counters_; }

 private:
  struct Waiting {
    SealedBlock block;
    TimePoint delivered_at;
  };
  // What the next batch does, and when to look again where there is nothing to do.
  struct Plan {
    WriteGroup group;
    std::vector<SealedBlock> commits;
    std::vector<SealedBlock> journals;
    std::optional<TimePoint> look_again_at;
    bool halting = false;  // the gate says halt; first what was let through before is committed
    std::optional<std::string> halt;
    bool empty() const { return commits.empty() && journals.empty() && group.unacked.empty(); }
  };

  // What one turn at the seat came to.
  struct Turn {
    enum class Kind { kWorked, kNothingToDo, kEnded };
    Kind kind = Kind::kNothingToDo;
    std::optional<TimePoint> look_again_at;  // kNothingToDo: at the latest
  };

  void Run();
  Turn TakeTurn();
  Status TryTurn(Turn* turn);
  Plan MakePlan(TimePoint now);
  void ApplyGate();
  void LetIn(const std::vector<AckTracker::Sink>& sinks);
  void PlanCommits(TimePoint now, Plan* plan);
  void PlanJournal(TimePoint now, Plan* plan);
  void PlanGroup(Plan* plan);
  bool MakeRoom(Plan* plan);
  Status Execute(Plan* plan);
  void Finished(Plan* plan);
  void End(Status result);
  void Wake();
  void OnSinkNews();
  std::string WhyNotReady(const PipelineStatus& status) const;
  void WaitForWake(std::optional<TimePoint> until);
  Duration BackPressure() const;
  bool WroteAll();

  const PipelineSettings settings_;
  Database* const database_;
  AckTracker* const tracker_;
  DeliveryPort* const delivery_;
  const std::function<void(const SealedBlock&)> on_committed_;
  std::function<void()> on_ended_;
  JournalRoom room_;
  StoreWriter writer_;

  // Who holds it plans and writes: the committing thread, or the submitting one in its place.
  std::mutex seat_;

  mutable std::mutex mutex_;
  std::condition_variable work_;      // the committing thread waits here
  std::condition_variable progress_;  // everybody else
  std::deque<SealedBlock> sealed_;    // guarded by mutex_: submitted, not journaled
  Height submitted_;                  // guarded by mutex_
  Height committed_;                  // guarded by mutex_
  Height journaled_;                  // guarded by mutex_
  bool woken_ = false;                // guarded by mutex_
  bool stopping_ = false;             // guarded by mutex_
  bool intake_stopped_ = false;       // guarded by mutex_
  bool ended_ = false;                // guarded by mutex_
  bool hopeless_ = false;             // guarded by mutex_: as GateStep's, of the height in front
  Status result_;                     // guarded by mutex_
  std::string intake_blocked_;        // guarded by mutex_: why no block is executed
  std::string reserve_blocked_;       // guarded by mutex_: why no block is journaled
  bool running_ = false;              // guarded by mutex_: the committing thread has been started
  bool submitter_writes_ = false;     // guarded by mutex_: the submitting thread is at the seat
  bool sinks_matter_ = true;          // guarded by mutex_: an ack may give the next turn work
  Policy policy_;                     // guarded by mutex_: the gate's
  std::optional<GateSettings> new_gate_;  // guarded by mutex_: to be taken with the next turn
  std::vector<std::string> waiting_on_;   // guarded by mutex_
  bool degraded_ = false;                 // guarded by mutex_
  std::vector<bool> left_out_;            // guarded by mutex_: by sink, as of the last turn
  std::vector<UnackedRange> ranges_;      // guarded by mutex_

  // Whoever has the seat only (before the committing thread starts: the starting one).
  Gate gate_;
  std::deque<Waiting> at_gate_;
  Height durable_;  // committed, and known to survive a power cut
  std::vector<std::pair<SinkName, Height>> watermarks_to_store_;
  TimePoint next_disk_check_{};
  bool disk_low_ = false;

  PipelineCounters counters_;
  std::atomic<uint64_t> turns_{0};
  std::thread thread_;
};

}  // namespace sluice
