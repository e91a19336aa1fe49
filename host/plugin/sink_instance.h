// SPDX-License-Identifier: Apache-2.0
//
// One instance of a plugin, as the host sees it: the C ABI's instance table in the host's own
// types. Delivery and lifecycle know this interface only; the C ABI ends in this folder.
//
// Threading: all functions on one thread, one after another (lifecycle/instance_run.h, for
// readback the caller's), but Deliver of an instance that is PARALLEL, which several threads call
// at once while no other function is called; Cancel, which comes on another one while a call is
// under way; and Abandon. That is less than the ABI allows (plugin.h, Threads: a delivery thread
// besides the control thread), so that a host may come to use the rest without a change for
// plugins. Lifetime: Destroy is always the last call and is made exactly once by the owner, after a
// Cancel under way has returned.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/types.h"
#include "model/change_set.h"

namespace sluice {

inline constexpr uint64_t kCapabilityParallel = 1;
inline constexpr uint64_t kCapabilityAtLeastOnce = 2;

struct StartArgs {
  std::string settings_json;  // checked against the plugin's schema and completed
  std::string stream_id;
  SinkName sink;
  std::string home;  // absolute
  Epoch epoch;
  Duration deadline{};  // left for this call
  ChangeFilter filter;  // stores: as configured; empty lists mean no restriction
};

struct StartResult {
  AckLevel level = AckLevel::kReceived;  // the highest that this instance can give
  uint64_t capabilities = 0;
  uint64_t max_part_bytes = 0;  // 0: whole heights
};

// Where the sink stands, as the external system itself says.
struct SinkPosition {
  bool empty = true;
  std::string stream_id;
  Epoch epoch;
  Height height;
  Digest digest;
};

// What a provisioning task has come to.
struct ProvisionReport {
  enum class State { kUnknown, kRunning, kDone, kFailed };
  State state = State::kUnknown;
  Status error;          // kFailed: why
  bool by_user = false;  // kFailed: settings, rights, names; else the external system
  std::string text;      // kRunning: how far it is, or empty
};

// Numbers are the ABI's.
enum class AttachReason : int32_t {
  kResumed = 1,
  kGenesis = 2,
  kLatest = 3,
  kGapSkipped = 4,
  kAfterSnapshot = 5,
};

struct Base {
  Height height;  // height + 1 is delivered next
  Digest digest;
};

// A copy of the present state, as of `base`, that replaces what the sink holds.
struct SnapshotArgs {
  Base base;
  Epoch epoch;
  bool filtered = false;        // the sink's filter leaves rows out
  int64_t time_unix_nanos = 0;  // when the copy began
  uint64_t rows_about = 0;      // 0: not known
};

// Views are the caller's.
struct SnapshotRow {
  std::string_view store, key, value;
};

struct Delivery {
  std::shared_ptr<const ChangeSet> change_set;  // already filtered for this sink
  Epoch epoch;
  Attempt attempt;
  Height newest_height;  // that could be delivered now
  bool with_old_values = false;
};

struct AckReport {
  Epoch epoch;
  Attempt attempt;
  Height first;  // 0: everything up to last
  Height last;
  AckLevel level = AckLevel::kReceived;
};

struct NackReport {
  Epoch epoch;
  Attempt attempt;
  Height height;
  StatusCode code = StatusCode::kRetry;
  Duration retry_after{};  // 0: the host's backoff
  std::string text;
};

// What an instance reports outside of its return values. Called on any thread, the plugin's own
// ones included; implementations must not block and must not call the instance.
class InstanceListener {
 public:
  virtual ~InstanceListener() = default;
  virtual void OnAck(const AckReport& ack) = 0;
  virtual void OnNack(const NackReport& nack) = 0;
  virtual void OnReady() = 0;
  // `fail` outside of any call: the instance is broken.
  virtual void OnFailed(Status reason) = 0;
};

class SinkInstance {
 public:
  virtual ~SinkInstance() = default;

  // --- before Start ----------------------------------------------------------------------------
  // Begins what the external system must have. The id of a task to be watched; empty: all is there.
  // kUnsupported: Start makes what it needs. `args.deadline`: left for this call, as of the others.
  virtual Result<std::string> BeginProvision(const StartArgs& /*args*/) {
    return Error(StatusCode::kUnsupported, "the plugin provisions in start");
  }
  // `task`: of BeginProvision, of this instance or of one of an earlier process. kRetry: it cannot
  // be asked now.
  virtual Result<ProvisionReport> PollProvision(const StartArgs& /*args*/,
                                                const std::string& /*task*/) {
    return Error(StatusCode::kUnsupported, "the plugin provisions in start");
  }
  virtual bool can_reset() { return false; }
  // Removes what the sink holds, its position included; older epochs are fenced from then on.
  // kUnsupported: the plugin does not know how.
  virtual Status Reset(const StartArgs& /*args*/) {
    return {StatusCode::kUnsupported, "the plugin cannot make its sink empty"};
  }

  // Errors carry the plugin's own text (given through `fail`), prefixed by nothing.
  virtual Result<StartResult> Start(const StartArgs& args) = 0;

  // Whether the plugin has `resume`; without it the host's own record of the watermark is used.
  virtual bool can_resume() const = 0;
  virtual Result<SinkPosition> Resume() = 0;
  // OK also where the plugin has no `attach`.
  virtual Status Attach(const Base& base, AttachReason reason, Epoch epoch) = 0;

  // sluice.snapshot/1. Between Resume and Attach: begin, parts numbered from 0, end. After anything
  // but OK the instance is to be destroyed. Only where can_take_snapshot().
  virtual bool can_take_snapshot() const { return false; }
  virtual Status BeginSnapshot(const SnapshotArgs&) { return NoSnapshot(); }
  virtual Status TakeSnapshotPart(uint64_t /*part*/, std::span<const SnapshotRow>) {
    return NoSnapshot();
  }
  virtual Status EndSnapshot() { return NoSnapshot(); }

  // The status' code is what deliver returned (kOk, kPending, kBusy, kRetry, kReject, kFatal, …);
  // its message is the plugin's text. Splits into parts where the instance asked for them; then kOk
  // and kPending are the last part's, any other code the first that was not taken. Heights are
  // delivered at once only where they share no key, and each only once at a time.
  virtual Status Deliver(const Delivery& delivery) = 0;

  // The calls under way return kCancelled soon, where the plugin knows how. On another thread than
  // that call's, one at a time, never during or after Destroy. May block as any other call.
  virtual void Cancel() = 0;
  virtual Status Drain(Duration deadline) = 0;
  // After it no callback reaches the listener; late calls of the plugin are counted no-ops.
  virtual void Destroy() = 0;

  // Instead of Destroy, where a call of the plugin has not returned in time; on any thread.
  // Afterwards no callback reaches the listener. The owner must then leak this object: the call is
  // still running in it.
  virtual void Abandon() {}

 private:
  static Status NoSnapshot() {
    return Status(StatusCode::kUnsupported, "the plugin takes no snapshots");
  }
};

}  // namespace sluice
