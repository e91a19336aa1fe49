// SPDX-License-Identifier: Apache-2.0
//
// Beginning and ending: destroy in every state, drain, cancel, and nothing left behind.
#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>

#include "contract/check.h"
#include "contract/content.h"

namespace sluice::contract {
namespace {

constexpr Height kFar{100};  // a newest height that makes a sink that groups wait for more

Status DestroyWithoutStart(CheckContext* context) {
  SLUICE_ASSIGN_OR_RETURN(PluginLibrary * library, context->Load());
  for (int i = 0; i < 2; ++i) {
    IncarnationOptions options;
    options.epoch = context->report()->NextEpoch();
    SLUICE_ASSIGN_OR_RETURN(
        const std::unique_ptr<Incarnation> sink,
        Incarnation::Create(library, context->place(), options, context->report()));
    sink->Destroy();
  }
  return Status::Ok();
}

Status DestroyAfterFailedStart(CheckContext* context) {
  SLUICE_ASSIGN_OR_RETURN(PluginLibrary * library, context->Load());
  SinkPlace broken = context->place();
  broken.settings_json = "{\"";  // nobody can read it
  IncarnationOptions options;
  options.epoch = context->report()->NextEpoch();
  SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<Incarnation> sink,
                          Incarnation::Create(library, broken, options, context->report()));
  const Status status = sink->Start();
  if (status.ok()) context->Note("start does not look at its settings: nothing made it fail");
  if (status.message().find("(the plugin gave no reason)") != std::string::npos) {
    return Wrong("start answered {} without a reason", StatusCodeName(status.code()));
  }
  sink->Destroy();
  sink.reset();
  // What failed must not be in the way of the next one.
  History history = context->NewHistory();
  history.AddOrdinary(2);
  SLUICE_RETURN_IF_ERROR(context->Fill(history, Height(2)));
  return ExpectContent(context, history, Height(2));
}

Status DrainAcksWhatIsOpen(CheckContext* context) {
  History history = context->NewHistory();
  history.AddOrdinary(5);
  {
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink, context->Open(history));
    for (Height h(1); h <= Height(5); ++h) {
      const Status status = sink->DeliverOnce(history, h, kFar);
      if (!status.ok() && status.code() != StatusCode::kPending) {
        return status.WithContext(fmt::format("height {}", h));
      }
    }
    SLUICE_RETURN_IF_ERROR(sink->Drain().WithContext("drain"));
    if (sink->acks().news().watermark < Height(5)) {
      SLUICE_RETURN_IF_ERROR(sink->AwaitAcked(Height(5)).WithContext("after drain"));
    }
  }
  SLUICE_RETURN_IF_ERROR(ExpectStandsAt(context, history, Height(5)));
  return ExpectContent(context, history, Height(5));
}

Status DrainOfNothing(CheckContext* context) {
  History history = context->NewHistory();
  history.AddOrdinary(2);
  {
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink,
                            context->StartNew({}, context->place().ack_limit));
    SLUICE_RETURN_IF_ERROR(sink->Drain().WithContext("drain before attach"));
  }
  SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink, context->Open(history));
  SLUICE_RETURN_IF_ERROR(sink->Drain().WithContext("drain before deliver"));
  SLUICE_RETURN_IF_ERROR(sink->DeliverUntil(history, Height(2)));
  SLUICE_RETURN_IF_ERROR(sink->Drain().WithContext("drain of nothing"));
  return sink->Drain().WithContext("drain of nothing, again");
}

Status CancelOfNothing(CheckContext* context) {
  History history = context->NewHistory();
  history.AddOrdinary(4);
  {
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink, context->Open(history));
    SLUICE_RETURN_IF_ERROR(sink->DeliverUntil(history, Height(2)));
    sink->Cancel();
    sink->Cancel();
  }
  SLUICE_RETURN_IF_ERROR(context->Fill(history, Height(4)));
  return ExpectContent(context, history, Height(4));
}

// Whatever a cancelled delivery became: it came back, and the next incarnation goes on.
Status CancelOfADelivery(CheckContext* context) {
  constexpr Height kLast{60};
  History history = context->NewHistory();
  history.AddOrdinary(static_cast<int>(kLast.value()));
  for (int round = 1; round <= 4; ++round) {
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink, context->Open(history));
    std::atomic<uint64_t> delivered{0};
    std::thread canceller([&] {
      while (delivered.load() < static_cast<uint64_t>(round)) std::this_thread::yield();
      sink->Cancel();
    });
    Status status;
    for (Height h = sink->base().height + 1; h <= kLast; ++h) {
      ++delivered;
      status = sink->DeliverOnce(history, h, h);
      if (!status.ok() && status.code() != StatusCode::kPending) break;
    }
    delivered = UINT64_MAX;
    canceller.join();
    const bool gave_up = !status.ok() && status.code() != StatusCode::kPending;
    const bool allowed = status.code() == StatusCode::kCancelled ||
                         status.code() == StatusCode::kRetry ||
                         status.code() == StatusCode::kBusy || status.code() == StatusCode::kFatal;
    if (gave_up && !allowed) return status.WithContext("a cancelled delivery");
  }
  SLUICE_RETURN_IF_ERROR(context->Fill(history, kLast));
  return ExpectContent(context, history, kLast);
}

size_t Entries(const char* folder) {
  std::error_code ignored;
  const std::filesystem::directory_iterator begin(folder, ignored);
  return static_cast<size_t>(std::distance(begin, std::filesystem::directory_iterator()));
}

// A thread that has been joined is still listed for a moment.
size_t SettledThreads(size_t expected) {
  const TimePoint until = Now() + std::chrono::seconds(2);
  while (Entries("/proc/self/task") > expected && Now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return Entries("/proc/self/task");
}

Status DestroyLeavesNothing(CheckContext* context) {
  History history = context->NewHistory();
  history.AddOrdinary(9);
  SLUICE_ASSIGN_OR_RETURN(PluginLibrary * library, context->Load());
  (void)library;
  // The first round lets libraries open what they keep for the life of the process.
  size_t threads = 0;
  size_t files = 0;
  for (uint64_t round = 0; round < 3; ++round) {
    {
      SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink, context->Open(history));
      const Height last = sink->base().height + 3;
      SLUICE_RETURN_IF_ERROR(sink->DeliverUntil(history, std::min(last, history.last()) - 1));
      // An open group, which destroy ends without a word.
      (void)sink->DeliverOnce(history, std::min(last, history.last()), kFar);
    }
    const size_t threads_now = SettledThreads(round == 0 ? 1 : threads);
    const size_t files_now = Entries("/proc/self/fd");
    if (round > 0 && threads_now > threads) {
      return Wrong("destroy left {} threads behind", threads_now - threads);
    }
    if (round > 0 && files_now > files) {
      return Wrong("destroy left {} file descriptors open", files_now - files);
    }
    threads = threads_now;
    files = files_now;
  }
  if (LateHostCallCount() > 0) {
    return Wrong("the host was called {} times after destroy", LateHostCallCount());
  }
  return Status::Ok();
}

}  // namespace

std::vector<Check> LifeChecks() {
  return {
      {"life.destroy_without_start", "destroy is legal from create on",
       "let destroy end what create made, whether or not start was called", DestroyWithoutStart},
      {"life.destroy_after_failed_start",
       "a start that failed is destroyed, and another instance is tried",
       "let start leave nothing behind that destroy or the next start trips over",
       DestroyAfterFailedStart},
      {"life.drain_acks_what_is_open",
       "an orderly stop must not leave heights to be delivered again",
       "end the open group in drain: write it, ack it, return", DrainAcksWhatIsOpen},
      {"life.drain_of_nothing", "drain comes at every orderly stop, whatever is in flight",
       "answer OK where nothing is in flight", DrainOfNothing},
      {"life.cancel_of_nothing", "the call that cancel is meant for may have returned just before",
       "let cancel be called at any time, more than once", CancelOfNothing},
      {"life.cancel_of_a_delivery", "a stop or a time-out cancels the call that is under way",
       "return CANCELLED from it, and leave the sink where resume can tell what it holds",
       CancelOfADelivery},
      {"life.destroy_leaves_nothing",
       "a sink is begun anew many times in the life of a node; what is left adds up",
       "in destroy join the threads, close the files, and call the host no more",
       DestroyLeavesNothing},
  };
}

}  // namespace sluice::contract
