// SPDX-License-Identifier: Apache-2.0
//
// One instance of the sink under check, from create to destroy, driven as the node drives it: the
// same loader, batches and decision where to attach; but call by call, so that a check can stop
// between any two, and with every answer looked at.
//
// Threading: one thread, but Cancel, which comes on another one as plugin.h says, and DeliverOnce
// of an instance that is PARALLEL, on any number while no other function is called.
// Lifetime: destroys the instance; must not outlive the report.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "contract/ack_recorder.h"
#include "contract/history.h"
#include "contract/report.h"
#include "plugin/plugin_library.h"
#include "plugin/sink_instance.h"

namespace sluice::contract {

// What the sink of one check is.
struct SinkPlace {
  SinkName sink;
  std::string stream_id;
  std::string home;
  std::string settings_json;  // completed
  Duration start_deadline{};  // for one start
  Duration ack_limit{};       // within which a height is acked, where nothing is wrong
};

struct IncarnationOptions {
  Epoch epoch;
  ChangeFilter filter;
  bool with_old_values = false;
};

class Incarnation {
 public:
  // Calls create. `violations` go to `report` when it is destroyed.
  static Result<std::unique_ptr<Incarnation>> Create(PluginLibrary* library, const SinkPlace& place,
                                                     const IncarnationOptions& options,
                                                     Report* report);
  ~Incarnation();
  Incarnation(const Incarnation&) = delete;
  Incarnation& operator=(const Incarnation&) = delete;

  // Single calls.
  Status Start();
  bool can_resume() const { return instance_->can_resume(); }
  Result<SinkPosition> Resume() { return instance_->Resume(); }
  Status Attach(const Base& base, AttachReason reason);
  // sluice.snapshot/1. The snapshot is the one that `copy` goes on behind.
  bool can_take_snapshot() const { return instance_->can_take_snapshot(); }
  Status BeginSnapshot(const History& copy);
  Status TakePart(uint64_t part, const std::vector<SnapshotRow>& rows);
  Status EndSnapshot() { return instance_->EndSnapshot(); }
  // `newest`: the newest height that could be delivered now. A filtered sink gets what its filter
  // leaves. As the node does, it lets a height to a PARALLEL instance wait for the acks of all
  // earlier ones that change one of its keys.
  Status DeliverOnce(const History& history, Height height, Height newest);
  Status DeliverOnce(const std::shared_ptr<const ChangeSet>& set, Height newest);
  Status Drain();
  void Cancel() { instance_->Cancel(); }
  void Destroy();

  // resume, what the node makes of it, and attach. The node's journal is `history`.
  Status ResumeAndAttach(const History& history);

  // Delivers `first` to `last` and comes back when all of them are acked. As the node does, it
  // waits for ready after BUSY, and after RETRY or a nack asks resume and delivers from there.
  Status Deliver(const History& history, Height first, Height last);
  // The same from where the sink stands.
  Status DeliverUntil(const History& history, Height last) {
    return Deliver(history, base_.height + 1, last);
  }

  // Delivers what must not be taken. OK: what the sink answered, with its text; an error where it
  // took the height, or never answers.
  Result<Status> DeliverRefused(const History& history, Height height);

  // Waits until `height` is acked.
  Status AwaitAcked(Height height);
  // From here on heights are delivered with another attempt.
  void NextAttempt() { attempt_ = attempt_ + 1; }

  const StartResult& started() const { return started_; }
  bool parallel() const { return (started_.capabilities & kCapabilityParallel) != 0; }
  const Base& base() const { return base_; }
  Epoch epoch() const { return options_.epoch; }
  const AckRecorder& acks() const { return recorder_; }

 private:
  Incarnation(const SinkPlace& place, const IncarnationOptions& options, Report* report);
  void AwaitEarlierOfTheSameKeys(const History& history, Height height);
  // After a failure: where the sink stands, and so what comes next.
  Result<Height> AskAgain(const History& history, Height last_delivered);

  const SinkPlace place_;
  const IncarnationOptions options_;
  Report* const report_;
  AckRecorder recorder_;
  std::unique_ptr<SinkInstance> instance_;
  StartResult started_;
  Base base_;
  Attempt attempt_{1};
  bool destroyed_ = false;
};

}  // namespace sluice::contract
