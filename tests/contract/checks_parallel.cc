// SPDX-License-Identifier: Apache-2.0
//
// Heights side by side: what an instance owes that says it is PARALLEL.
#include <fmt/core.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "contract/check.h"
#include "contract/content.h"

namespace sluice::contract {
namespace {

constexpr int kThreads = 4;

// Heights that share no key, as the node delivers them at once.
History Disjoint(CheckContext* context, int count) {
  History history = context->NewHistory();
  for (int i = 0; i < count; ++i) {
    history.Add({Set("main", fmt::format("own-{}", i), fmt::format("value {}", i)),
                 Set("orders", fmt::format("own-{}", i), "new")});
  }
  return history;
}

// Whether there is something to check.
bool IsParallel(CheckContext* context, const Incarnation& sink) {
  if (sink.parallel()) return true;
  context->NotChecked("the instance takes one height after another, it is not PARALLEL");
  return false;
}

// Delivers a height until it is taken, as the node would, but for the delays between.
Status Deliver(Incarnation* sink, const History& history, Height height) {
  constexpr int kTriesMax = 1000;
  Status status;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    status = sink->DeliverOnce(history, height, height);
    if (status.ok() || status.code() == StatusCode::kPending) return Status::Ok();
    if (status.code() != StatusCode::kRetry && status.code() != StatusCode::kBusy) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return status.WithContext(fmt::format("height {}", height));
}

Status SideBySide(CheckContext* context) {
  const History history = Disjoint(context, 60);
  {
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink, context->Open(history));
    if (!IsParallel(context, *sink)) return Status::Ok();
    std::atomic<uint64_t> next{1};
    std::mutex mutex;
    Status failed;  // guarded by mutex
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (Height h(next++); h <= history.last(); h = Height(next++)) {
          const Status status = Deliver(sink.get(), history, h);
          const std::lock_guard lock(mutex);
          if (!status.ok() && failed.ok()) failed = status;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    SLUICE_RETURN_IF_ERROR(failed);
    SLUICE_RETURN_IF_ERROR(sink->Drain().WithContext("drain"));
    SLUICE_RETURN_IF_ERROR(sink->AwaitAcked(history.last()));
  }
  SLUICE_RETURN_IF_ERROR(ExpectStandsAt(context, history, history.last()));
  return ExpectContent(context, history, history.last());
}

// Ended with a gap: what is above it is held, does not count, and comes again.
Status AboveAGap(CheckContext* context) {
  const History history = Disjoint(context, 7);
  {
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink, context->Open(history));
    if (!IsParallel(context, *sink)) return Status::Ok();
    for (uint64_t height : {1, 3, 4, 6}) {
      SLUICE_RETURN_IF_ERROR(Deliver(sink.get(), history, Height(height)));
    }
    SLUICE_RETURN_IF_ERROR(sink->Drain().WithContext("drain"));
    SLUICE_RETURN_IF_ERROR(sink->AwaitAcked(Height(1)));
    if (!sink->acks().Acked(Height(6))) {
      return Wrong("heights 1, 3, 4 and 6 were delivered, and after drain 6 is not acked");
    }
  }
  SLUICE_RETURN_IF_ERROR(ExpectStandsAt(context, history, Height(1)));
  SLUICE_RETURN_IF_ERROR(context->Fill(history, history.last()).WithContext("all of it again"));
  SLUICE_RETURN_IF_ERROR(ExpectStandsAt(context, history, history.last()));
  return ExpectContent(context, history, history.last());
}

}  // namespace

std::vector<Check> ParallelChecks() {
  return {
      {"parallel.side_by_side",
       "heights that share no key are delivered on several threads at once",
       "lock what calls of deliver share, or leave SLUICE_CAP_PARALLEL out", SideBySide},
      {"parallel.above_a_gap",
       "after a crash the node delivers from the first missing height on; what the sink holds "
       "above "
       "it comes a second time",
       "answer resume with the last height below which none is missing, and deduplicate by height",
       AboveAGap},
  };
}

}  // namespace sluice::contract
