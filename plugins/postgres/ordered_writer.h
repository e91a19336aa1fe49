// SPDX-License-Identifier: Apache-2.0
//
// Takes heights one after another: collects them into a group, writes it as one transaction; one
// ack follows it.
//
// While more heights wait, a group is written on a thread of its own and the next one is collected
// meanwhile, which takes a good part of the time that the server needs. There is one transaction at
// a time: a group is begun only once the one before it is known to be committed. Where that
// failed, all later heights are dropped with it.
//
// Threading: control and delivery thread. While writing_ holds heights, it, the session and
// position_ are the writing thread's; EndWrite, which waits for it, gives them back. The session's
// wakeup ends a wait for the server on either thread.
// Ownership: the groups; borrows setup and session. Destruction waits for the writing thread.
#pragma once

#include <cstdint>
#include <future>
#include <sluice/plugin.hpp>

#include "postgres/applied.h"
#include "postgres/height_group.h"
#include "postgres/position.h"
#include "postgres/session.h"

namespace sluice_postgres {

class OrderedWriter {
 public:
  OrderedWriter(const SinkSetup* setup, Session* session, sluice::sdk::Host host)
      : setup_(setup), session_(session), host_(host) {}
  ~OrderedWriter();
  OrderedWriter(const OrderedWriter&) = delete;
  OrderedWriter& operator=(const OrderedWriter&) = delete;

  // The sink is attached where it stands. `held`: heights above that which several connections
  // have written before: only the guard row is moved over them.
  void Attached(const GuardRow& position, AppliedHeights held);
  sluice::sdk::Status Deliver(const sluice::sdk::Batch& batch);
  sluice::sdk::Status Drain(std::chrono::nanoseconds deadline);
  // Forgets all heights that are not written; waits for a transaction that is under way.
  void Clear();
  // Where the guard row stands, made sure of on a connection that is new where the last one was
  // lost.
  Fault FindPosition();
  const GuardRow& position() const { return position_; }

 private:
  // A height that the sink holds, or that is in the open group.
  sluice::sdk::Status DeliverAgain(const sluice::sdk::Batch& batch);
  // A height that is not the next one, or of another history.
  sluice::sdk::Status Refuse(const sluice::sdk::Batch& batch, uint64_t at);
  sluice::sdk::Status EndGroup(const sluice::sdk::Batch& batch);
  bool WaitsForMore(const sluice::sdk::Batch& batch) const;
  // Whether the open group can be written while the next one is collected.
  bool WritesBehind(const sluice::sdk::Batch& batch) const;
  // Hands the open group to the writing thread, which acks it. False: the system has no thread.
  bool BeginWrite();
  // Waits for the writing thread, if there is one, and says what became of its group; that is then
  // held, or, after a fault, still in writing_.
  Fault EndWrite();
  bool WriteUnderWay() const;
  // The two that run on the writing thread, too.
  Fault Write(HeightGroup* group);
  Fault WriteOnce(const HeightGroup& group);
  // The sink stands at the end of the group, which is forgotten.
  void Hold(HeightGroup* group);
  void Ack(const HeightGroup& group) const;
  // The status answers for `height`; heights that were taken before it are nacked from the first
  // on. Neither group holds any then.
  sluice::sdk::Status Dropped(Fault fault, uint64_t height);

  const SinkSetup* const setup_;
  Session* const session_;
  const sluice::sdk::Host host_;

  // Where the sink stands, as the guard row said last.
  GuardRow position_;
  AppliedHeights held_;
  HeightGroup group_{setup_->settings, setup_->key};    // is collected
  HeightGroup writing_{setup_->settings, setup_->key};  // is being written, before group_'s heights
  std::future<Fault> write_;                            // what becomes of writing_
  uint64_t single_through_ = 0;  // heights up to it are written alone, to find the one at fault
};

}  // namespace sluice_postgres
