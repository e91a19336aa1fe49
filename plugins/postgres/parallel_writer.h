// SPDX-License-Identifier: Apache-2.0
//
// Takes heights side by side: heights that share no key, as the host delivers them, in any order.
// They are collected into a group; each of several threads, with a connection of its own, takes
// what is collected as soon as it is idle, writes it as one transaction (applied.h), and acks each
// of its heights. So groups form by themselves while all connections are busy.
//
// A group that fails is nacked height by height. Each of these comes again alone, and is asked for
// before it is written: whether the transaction whose answer was lost has written it.
//
// The guard row follows the run without a gap now and then, and whenever nothing else is to be
// done; until it does, the rows of sluice_applied say where the sink stands.
//
// Threading: Begin, End, Drain on the control thread; Deliver on any number of delivery threads;
// Cancel on any. Ownership: its threads and their sessions, until End or destruction.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <sluice/plugin.hpp>
#include <string>
#include <thread>
#include <vector>

#include "postgres/applied.h"
#include "postgres/height_group.h"
#include "postgres/position.h"
#include "postgres/session.h"

namespace sluice_postgres {

class ParallelWriter {
 public:
  ParallelWriter(const SinkSetup* setup, sluice::sdk::Host host) : setup_(setup), host_(host) {}
  ~ParallelWriter() { End(); }
  ParallelWriter(const ParallelWriter&) = delete;
  ParallelWriter& operator=(const ParallelWriter&) = delete;

  // The sink is attached at `position`, with `applied` above it.
  Fault Begin(const GuardRow& position, AppliedHeights applied);
  // Gives up what is not written, without a word to the host.
  void End();

  sluice::sdk::Status Deliver(const sluice::sdk::Batch& batch);
  // Until nothing is open or being written. What failed meanwhile has been nacked.
  sluice::sdk::Status Drain(std::chrono::nanoseconds deadline);
  // Calls that wait here give up.
  void Cancel();

 private:
  using Lock = std::unique_lock<std::mutex>;
  using Group = std::unique_ptr<HeightGroup>;

  void Work(Session* session);
  // Something for an idle thread to do.
  bool HasWork() const { return !singles_.empty() || !open_->empty(); }
  Group TakeGroup();
  // Off the lock.
  Fault Write(Session* session, HeightGroup* group, bool asked);
  Fault WriteOnce(Session* session, const HeightGroup& group);
  // Whether an earlier transaction has written the height.
  Fault TakeOver(Session* session, const GroupHeight& height, bool* held);
  void Finish(const HeightGroup& group, const Fault& fault);
  // Moves the guard row where that is worth it.
  void MoveGuard(Lock* lock, Session* session);
  // Off the lock.
  Fault MoveOnce(Session* session, const GuardRow& to);
  bool MoveIsDue() const;
  sluice::sdk::Status Check(const sluice::sdk::Batch& batch) const;
  bool Full() const;

  const SinkSetup* const setup_;
  const sluice::sdk::Host host_;

  mutable std::mutex mutex_;            // guards what follows
  std::condition_variable work_;        // for threads that are idle
  std::condition_variable freed_;       // a group was taken, or is done
  GuardRow position_;                   // the end of the run without a gap
  uint64_t guard_height_ = 0;           // where the guard row stands
  AppliedHeights applied_;              // what is written above the run
  std::map<uint64_t, uint64_t> taken_;  // attempt, by height that is open or being written
  std::set<uint64_t> again_;            // heights of groups that failed
  Group open_;                          // is collected
  std::deque<Group> singles_;           // heights that are written alone
  size_t writing_ = 0;                  // groups
  bool moving_ = false;
  bool stopping_ = false;
  bool cancelled_ = false;
  Fault last_fault_;

  std::vector<std::unique_ptr<Session>> sessions_;  // set by Begin
  std::vector<std::thread> threads_;
};

}  // namespace sluice_postgres
