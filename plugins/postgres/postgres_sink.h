// SPDX-License-Identifier: Apache-2.0
//
// The sink that ships as plugin "postgres": keeps a stream in tables of a PostgreSQL database;
// docs/sinks/postgres.md says how they look and what is promised.
//
// clang-format off
// start      connects, makes or adopts the tables, refuses an epoch not above the stored one
// resume     reads the guard row, after a lost connection on a new one: that settles what became of a COMMIT,
//            and is committed as safely as a group before it is answered
// attach     raises the epoch in the guard row, durably; ends an older incarnation that holds its lock
// deliver    collects heights into a group, writes it as one transaction; one ack follows it
// clang-format on
//
// While more heights wait, a group is written on a thread of its own and the next one is collected
// meanwhile, which takes a good part of the time that the server needs. There is one transaction at
// a time: a group is begun only once the one before it is known to be committed. Where that
// failed, all later heights are dropped with it.
//
// Threading: as the SDK says. While writing_ holds heights, it, the connection, position_ and
// state_columns_ are the writing thread's; EndWrite, which waits for it, gives them back. Cancel
// ends a wait for the server on either thread.
// Ownership: one connection, closed by destruction, which waits for the thread.
#pragma once

#include <cstdint>
#include <future>
#include <memory>
#include <sluice/plugin.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/connection.h"
#include "postgres/group_writer.h"
#include "postgres/height_group.h"
#include "postgres/position.h"
#include "postgres/settings.h"
#include "postgres/wakeup.h"

namespace sluice_postgres {

class PostgresSink {
 public:
  explicit PostgresSink(sluice::sdk::Host host);
  ~PostgresSink();
  PostgresSink(const PostgresSink&) = delete;
  PostgresSink& operator=(const PostgresSink&) = delete;

  sluice::sdk::Status Start(const sluice::sdk::StartArgs& args, sluice::sdk::StartResult* result);
  sluice::sdk::Status Resume(sluice::sdk::Position* position);
  sluice::sdk::Status Attach(const sluice::sdk::AttachArgs& args);
  sluice::sdk::Status Deliver(const sluice::sdk::Batch& batch);
  sluice::sdk::Status Drain(std::chrono::nanoseconds deadline);
  void Cancel() { wakeup_.Raise(); }
  sluice::sdk::Status OpenReadback(const sluice::sdk::ReadbackArgs& args,
                                   sluice::sdk::ReadbackInfo* info,
                                   std::unique_ptr<sluice::sdk::ReadbackCursor>* cursor);
  // Connects to nothing: the whole script, whatever the database holds.
  sluice::sdk::Status PlanProvision(const sluice::sdk::StartArgs& args, std::string* plan);

 private:
  Fault StartUp(const sluice::sdk::StartArgs& args);
  // A connection with its session prepared; nothing to do where there is one.
  Fault Connect();
  Fault ReadPosition();
  // Where the sink stands, on a connection that is new where the last one was lost.
  Fault FindPosition();
  // A table that was dropped would come back empty, and nobody would notice.
  Fault CheckNoneDropped();
  Fault CheckEpoch() const;
  Fault ProvisionTables(const std::vector<Table>& tables);
  Fault EnsureStoreTable(std::string_view store);
  // Runs `step` again where it timed out on the lock of an older incarnation that could be ended.
  template <typename Step>
  Fault AgainstOlderWriters(Step step);
  Fault AttachTo(const sluice::sdk::AttachArgs& args);

  sluice::sdk::Status CheckBatch(const sluice::sdk::Batch& batch) const;
  // A height that the sink holds, or that is in the open group.
  sluice::sdk::Status DeliverAgain(const sluice::sdk::Batch& batch);
  sluice::sdk::Status EndGroup(const sluice::sdk::Batch& batch);
  bool WaitsForMore(const sluice::sdk::Batch& batch) const;
  // Whether the open group can be written while the next one is collected.
  bool WritesBehind(const sluice::sdk::Batch& batch) const;
  // Hands the open group to the writing thread, which acks it.
  void BeginWrite();
  // Waits for the writing thread, if there is one, and says what became of its group; that is then
  // held, or, after a fault, still in writing_.
  Fault EndWrite();
  bool WriteUnderWay() const;
  // The three that run on the writing thread, too.
  Fault Write(HeightGroup* group);
  Fault WriteOnce(const HeightGroup& group);
  // Finds the values that the server cannot take, and passes them over if that is wanted.
  Fault PassOverBadValues(const Fault& refused, HeightGroup* group, bool* passed);
  // After a transaction that the guard row did not let in.
  Fault AskAfterMiss(uint64_t first);
  // The sink stands at the end of the group, which is forgotten.
  void Hold(HeightGroup* group);
  void Ack(const HeightGroup& group) const;
  void ClearGroups();
  // The status answers for `height`; heights that were taken before it are nacked from the first
  // on. Neither group holds any then.
  sluice::sdk::Status Dropped(Fault fault, uint64_t height);

  const sluice::sdk::Host host_;
  Wakeup wakeup_;
  Connection connection_;

  // Set by Start.
  Settings settings_;
  SinkKey key_;
  uint64_t epoch_ = 0;
  int32_t level_ = SLUICE_LEVEL_RECEIVED;
  bool started_ = false;  // the host knows level_
  bool attached_ = false;
  StateColumns state_columns_;  // of the state tables that are known to be there

  // Where the sink stands, as the guard row said last.
  GuardRow position_;
  HeightGroup group_{settings_, key_};    // is collected
  HeightGroup writing_{settings_, key_};  // is being written; its heights come before group_'s
  std::future<Fault> write_;              // what becomes of writing_
  uint64_t single_through_ = 0;  // heights up to it are written alone, to find the one at fault
};

}  // namespace sluice_postgres
