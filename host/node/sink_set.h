// SPDX-License-Identifier: Apache-2.0
//
// All sinks of the node: their control loops, their records, and what operators tell them. Those of
// the configuration come first, in its order; behind them stand orphans, of which the node has a
// record and the configuration says nothing any more: suspended, shown, kept in mind by the journal
// until somebody removes them.
//
// A sink's place in the list is its place in the tracker, and what policies mean by an index.
//
// Threading: Load, Start, RequestStop and Join on one thread; MakePlaces and Apply on one thread at
// a time, not beside these; all others from any. Ownership:
// borrows database, journal and tracker, which outlive it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "commit/ack_tracker.h"
#include "commit/pipeline.h"
#include "commit/policy.h"
#include "config/config.h"
#include "lifecycle/sink_loop.h"
#include "node/journal_port.h"
#include "node/node_setup.h"
#include "store/database.h"

namespace sluice {

class SinkSet final : public DeliveryPort, private SinkObserver, private SinkRecordStore {
 public:
  struct Options {
    std::string home;
    std::string stream_id;
    Restore restore = Restore::kLenient;
    RecoverOnStart recover_on_start = RecoverOnStart::kNow;
    StateSource* state = nullptr;  // outlives the set
    // Something could not be written: the store's fault, no sink's.
    std::function<void(const Status&)> on_store_failure;
    // Pipeline::ForgetWatermark.
    std::function<Status(const SinkName&, bool, Duration, const std::function<Status()>&)>
        forget_watermark;
  };

  SinkSet(Options options, Database* database, DatabaseJournal* journal);
  ~SinkSet() override;

  // Reads the records and puts the sinks together; nothing runs yet. kCorruption: a record cannot
  // be read, and `restore` is strict; else it is set aside under another name, and said.
  Status Load(std::vector<PreparedSink> prepared);
  // Of all sinks, in their order: what the tracker is made with.
  std::vector<SinkName> names() const;

  // Before anything else of the following; the tracker was made with names().
  void SetTracker(AckTracker* tracker) { tracker_ = tracker; }

  // Those that `policy` needs are used from the beginning.
  void Start(const Policy& policy);
  void Enqueue(const std::shared_ptr<const ChangeSet>& change_set) override;
  double QueueFill(size_t sink) const override;

  // One at a time, and not beside a reload; what the policy allows is the caller's. Answers when
  // the command is on record; `status` shows what comes of it. Errors: kNotFound (no such sink),
  // kInvalid (it does not apply; the text says what does), what the loop says.
  Status Command(const SinkName& sink, SinkCommand command);
  // Repairs all that are broken. The names of those, with how it was taken.
  std::vector<std::pair<std::string, Status>> RepairAll();

  // A reload, in three steps. First the places: the sinks as policies see
  // them with this configuration, new ones added behind all others and not yet started. Then the
  // caller puts the policy in force. Then Apply begins, changes and suspends what is new, changed
  // and gone; what is as it was notices nothing. Returns what it did, in words. DropPlaces: it was
  // not to be.
  // kInvalid: a sink of it is just being removed.
  Status CheckPlaces(const std::vector<PreparedSink>& prepared) const;
  std::vector<PolicySink> MakePlaces(const std::vector<PreparedSink>& prepared);
  void DropPlaces();
  std::vector<std::string> Apply(std::vector<PreparedSink> prepared, const Policy& policy);

  std::vector<SinkStatus> Statuses() const;
  // kInvalid where the sink's plugin takes no copy of the state; OK for a sink that is not known.
  Status CheckTakesSnapshots(const SinkName& sink) const;
  // Nothing comes of it without a command.
  bool IsSuspended(size_t sink) const;
  // By name, of those that have a loop.
  std::vector<std::pair<std::string, const SinkCounters*>> counters() const;

  void RequestStop(Duration drain_timeout);
  // The names of those that hang, and were abandoned.
  std::vector<std::string> Join(TimePoint deadline);

 private:
  struct Entry {
    SinkName name;
    PreparedSink prepared;  // of an orphan: nothing but its name; changed under mutex_, by reloads
    std::optional<SinkRecord> record;  // as it was found
    std::unique_ptr<SinkLoop> loop;    // null: an orphan, or what was not loaded
    bool planned = false;              // has a place, and is begun by the reload under way
    std::atomic<bool> orphaned{false};
    std::atomic<bool> removed{false};
  };

  // SinkObserver
  void OnWatermark(const SinkName& sink, AckLevel level, Height watermark,
                   AckLevel highest) override;
  void OnPartial(const SinkName& sink, Height after) override;
  void OnAvailability(const SinkName& sink, SinkAvailability availability,
                      const std::string& reason) override;
  void OnSnapshot(const SinkName& sink, std::optional<Height> height, uint64_t rows) override;
  // SinkRecordStore
  Status PutSinkRecord(const SinkName& sink, const std::string& bytes) override;
  Status ForgetWatermark(const SinkName& sink) override;
  Status ForgetSink(const SinkName& sink) override;

  // One that was removed before this start; nothing runs yet.
  Status ForgetAtStart(const SinkName& sink);
  Status Noted(Status written);
  Result<std::vector<SinkRecord>> ReadRecords();
  Status SetAside(const std::string& name, const std::string& bytes, const Status& why);
  std::shared_ptr<Entry> MakeEntry(PreparedSink prepared, std::optional<SinkRecord> record);
  void StartEntry(Entry* entry, bool needed);
  // Of one without a loop: the reason in its status.
  static std::string WhyNoLoop(const Entry& entry);
  std::string ApplyOne(PreparedSink prepared, bool needed);
  void Orphan(Entry* entry);
  bool IsReplacedBy(const PreparedSink& prepared) const;
  // False where the sink has one.
  bool MakePlace(const SinkName& name);
  // Under mutex_, exclusively.
  void ReplaceLocked(size_t place, std::shared_ptr<Entry> entry);
  // Where the sink stands in the list; its end where it does not.
  size_t PlaceLocked(const SinkName& sink) const;
  Status CommandWithoutLoop(const Entry& entry, SinkCommand command);
  SinkStatus StatusOf(const Entry& entry) const;
  std::vector<std::shared_ptr<Entry>> Entries() const;

  const Options options_;
  Database* const database_;
  DatabaseJournal* const journal_;
  AckTracker* tracker_ = nullptr;
  bool started_ = false;

  std::set<std::string> unreadable_;  // names of records that were set aside

  mutable std::shared_mutex mutex_;
  std::vector<std::shared_ptr<Entry>> entries_;  // guarded by mutex_; it only grows
  // Guarded by mutex_: whose place another one has. Their counters may still be looked at.
  std::vector<std::shared_ptr<Entry>> retired_;
};

}  // namespace sluice
