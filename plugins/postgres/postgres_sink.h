// SPDX-License-Identifier: Apache-2.0
//
// The sink that ships as plugin "postgres": keeps a stream in tables of a PostgreSQL database;
// docs/sinks/postgres.md says how they look and what is promised.
//
// clang-format off
// start      connects, makes or adopts the tables, refuses an epoch not above the stored one
// resume     reads the guard row, after a lost connection on a new one: that settles what became of a COMMIT,
//            and is committed as safely as a group before it is answered
// snapshot   takes a copy in the place of all that it holds (snapshot_writer.h)
// attach     raises the epoch in the guard row, durably; ends an older incarnation that holds its lock
// deliver    one height after another (ordered_writer.h), or, with several connections, heights that share
//            no key side by side (parallel_writer.h)
// clang-format on
//
// Threading: as the SDK says. Cancel ends a wait for the server on whichever thread it is.
// Ownership: its connections, closed by destruction, which waits for its threads.
#pragma once

#include <cstdint>
#include <memory>
#include <sluice/plugin.hpp>
#include <string>
#include <vector>

#include "postgres/ordered_writer.h"
#include "postgres/parallel_writer.h"
#include "postgres/position.h"
#include "postgres/session.h"
#include "postgres/snapshot_writer.h"

namespace sluice_postgres {

class PostgresSink {
 public:
  explicit PostgresSink(sluice::sdk::Host host);
  PostgresSink(const PostgresSink&) = delete;
  PostgresSink& operator=(const PostgresSink&) = delete;

  sluice::sdk::Status Start(const sluice::sdk::StartArgs& args, sluice::sdk::StartResult* result);
  sluice::sdk::Status Resume(sluice::sdk::Position* position);
  sluice::sdk::Status BeginSnapshot(const sluice::sdk::SnapshotArgs& args);
  sluice::sdk::Status TakeSnapshotPart(const sluice::sdk::SnapshotPart& part);
  sluice::sdk::Status EndSnapshot();
  sluice::sdk::Status Attach(const sluice::sdk::AttachArgs& args);
  sluice::sdk::Status Deliver(const sluice::sdk::Batch& batch);
  sluice::sdk::Status Drain(std::chrono::nanoseconds deadline);
  void Cancel();
  sluice::sdk::Status OpenReadback(const sluice::sdk::ReadbackArgs& args,
                                   sluice::sdk::ReadbackInfo* info,
                                   std::unique_ptr<sluice::sdk::ReadbackCursor>* cursor);
  // Before Start, which may follow with the same epoch. The guard row stays, at height 0.
  sluice::sdk::Status Reset(const sluice::sdk::StartArgs& args);
  // Connects to nothing: the whole script, whatever the database holds.
  sluice::sdk::Status PlanProvision(const sluice::sdk::StartArgs& args, std::string* plan);

 private:
  Fault TakeArgs(const sluice::sdk::StartArgs& args);
  Fault StartUp(const sluice::sdk::StartArgs& args);
  Fault ResetAll(const sluice::sdk::StartArgs& args);
  // Adds columns to an old table; `found`: there is one.
  Fault EnsurePositionTable(bool* found);
  // The guard row, and the heights that were written above it.
  Fault ReadPosition();
  // Where that puts the sink.
  GuardRow Standing() const;
  // A table that was dropped would come back empty, and nobody would notice.
  Fault CheckNoneDropped();
  Fault CheckEpoch() const;
  // What a copy that was interrupted has left.
  Fault EmptyUnlessWhole();
  Fault AttachTo(const sluice::sdk::AttachArgs& args);
  // Within the transaction that has the guard row locked. `attached`: it stands at the base now.
  Fault MoveToBase(const sluice::sdk::AttachArgs& args, bool* attached);
  sluice::sdk::Status CheckBatch(const sluice::sdk::Batch& batch) const;
  // No height is open or being written on return.
  void ClearWriters();
  bool parallel() const { return setup_.settings.connections > 1; }

  const sluice::sdk::Host host_;
  SinkSetup setup_;
  Session session_;
  bool attached_ = false;
  bool emptied_ = false;  // by this instance, so that the guard row has its epoch

  // As the database said last; from attach on the writers know better.
  GuardRow position_;
  AppliedHeights applied_;

  OrderedWriter ordered_;
  ParallelWriter parallel_;
  SnapshotWriter snapshot_;
};

}  // namespace sluice_postgres
