// SPDX-License-Identifier: Apache-2.0
//
// Killed at every point. A process of its own runs an incarnation and is ended by SIGKILL: between
// two calls, or in the middle of one, at several places of it. After each kill the next incarnation
// asks where the sink stands, which must be no lower than what was acked as durable and no higher
// than what was delivered, and goes on from there. At the end the sink holds everything once.
#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <csignal>

#include "contract/check.h"
#include "contract/content.h"
#include "contract/kill_in.h"

namespace sluice::contract {
namespace {

constexpr Height kFar{1000};
constexpr uint64_t kHeights = 4;  // delivered in each incarnation

// What is known of the sink, whichever process made it so.
struct Known {
  std::atomic<uint64_t> acked{0};      // at level durable or above
  std::atomic<uint64_t> delivered{0};  // deliver was entered
  std::atomic<int64_t> nanos{0};       // what the call took that is to be killed
};

void Raise(std::atomic<uint64_t>* number, uint64_t value) {
  uint64_t now = number->load();
  while (now < value && !number->compare_exchange_weak(now, value)) {
  }
}

enum class Point {
  kAfterStart,
  kInAttach,
  kAfterAttach,
  kInDeliver,
  kInGroup,  // heights were delivered and are not acked
  kAfterAck,
  kInDrain,
  kInDestroy,
};

class Killing {
 public:
  Killing(CheckContext* context, const History& history, Point point, Known* known)
      : context_(context), history_(history), point_(point), known_(known) {}

  // In a process of its own. Returns only where something is wrong, or where there is nothing to
  // check.
  Status Run(int place) {
    SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<Incarnation> sink,
                            context_->StartNew({}, context_->place().ack_limit));
    if (!sink->can_resume()) {
      context_->NotChecked("no resume: the sink cannot say what it held before the kill");
      return Status::Ok();
    }
    if (point_ == Point::kAfterStart) KillSelf();
    if (point_ == Point::kInAttach) {
      Status status;
      KillIn([&] { status = sink->ResumeAndAttach(history_); }, place, &known_->nanos);
    }
    SLUICE_RETURN_IF_ERROR(Attach(sink.get()));
    if (point_ == Point::kAfterAttach) KillSelf();
    const Height first = sink->base().height + 1;
    const Height last = std::min(sink->base().height + kHeights, history_.last());
    if (point_ == Point::kInDeliver) {
      KillIn([&] { (void)DeliverAll(sink.get(), first, last, last); }, place, &known_->nanos);
    }
    const bool open =
        point_ == Point::kInGroup || point_ == Point::kInDrain || point_ == Point::kInDestroy;
    SLUICE_RETURN_IF_ERROR(DeliverAll(sink.get(), first, last, open ? kFar : last));
    if (point_ == Point::kInDrain) KillIn([&] { (void)sink->Drain(); }, place, &known_->nanos);
    if (point_ == Point::kInDestroy) KillIn([&] { sink->Destroy(); }, place, &known_->nanos);
    if (point_ == Point::kAfterAck) {
      SLUICE_RETURN_IF_ERROR(sink->AwaitAcked(last));
      NoteAcked(*sink);
    }
    KillSelf();
  }

  // What is known of the last incarnation holds for what this one finds.
  Status Attach(Incarnation* sink) {
    for (const TimePoint until = Now() + context_->place().ack_limit;;) {
      const Status status = sink->ResumeAndAttach(history_);
      if (status.ok()) break;
      if (status.code() != StatusCode::kRetry || Now() >= until) return status;
    }
    const uint64_t at = sink->base().height.value();
    if (at < known_->acked) {
      return Wrong("height {} was acked before the kill, and the sink stands at {}",
                   known_->acked.load(), at);
    }
    if (at > known_->delivered) {
      return Wrong("the sink stands at height {}, and nothing above {} was delivered", at,
                   known_->delivered.load());
    }
    return Status::Ok();
  }

 private:
  Status DeliverAll(Incarnation* sink, Height first, Height last, Height newest) {
    for (Height h = first; h <= last; ++h) {
      Raise(&known_->delivered, h.value());
      const Status status = sink->DeliverOnce(history_, h, newest);
      if (!status.ok() && status.code() != StatusCode::kPending) {
        return status.WithContext(fmt::format("height {}", h));
      }
      NoteAcked(*sink);
    }
    return Status::Ok();
  }

  void NoteAcked(const Incarnation& sink) {
    // `received` survives no crash by its meaning.
    if (sink.started().level < AckLevel::kDurable) return;
    Raise(&known_->acked, sink.acks().news().watermark.value());
  }

  CheckContext* const context_;
  const History& history_;
  const Point point_;
  Known* const known_;
};

Status KilledAt(CheckContext* context, Point point, int kills) {
  History history = context->NewHistory();
  history.AddOrdinary(50);
  Shared<Known> known;
  Killing killing(context, history, point, &*known);
  for (int i = 0; i < kills; ++i) {
    // The first goes through, and tells how long the call takes.
    const int place = i == 0 ? kKillPlaces : i - 1;
    Child victim([&] {
      const Status status = killing.Run(place);
      if (status.ok()) return 0;
      context->report()->Add(Finding::kFailed,
                             fmt::format("after {} kills: {}", i, status.message()));
      return 1;
    });
    const Exit exit = victim.Wait(context->subject().check_limit);
    if (exit.signal == SIGKILL && !exit.timed_out) continue;
    return exit.exited && exit.code <= 1
               ? Status::Ok()  // it has said why
               : Wrong("after {} kills: the process {}", i, exit.ToString());
  }
  {
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink,
                            context->StartNew({}, context->place().ack_limit));
    SLUICE_RETURN_IF_ERROR(
        killing.Attach(sink.get()).WithContext(fmt::format("after {} kills", kills)));
    SLUICE_RETURN_IF_ERROR(sink->DeliverUntil(history, history.last()));
    SLUICE_RETURN_IF_ERROR(sink->Drain().WithContext("drain"));
  }
  SLUICE_RETURN_IF_ERROR(ExpectStandsAt(context, history, history.last()));
  return ExpectContent(context, history, history.last());
}

template <Point point, int kills>
Status Killed(CheckContext* context) {
  return KilledAt(context, point, kills);
}

}  // namespace

std::vector<Check> RestartChecks() {
  const char* const kWhy =
      "whatever is killed, and whenever: nothing that was acked is lost, nothing is there twice";
  const char* const kChange =
      "store data and position in one transaction, ack after it, and answer resume from the "
      "outside system";
  constexpr int kAll = kKillPlaces + 1;
  return {
      {"restart.after_start", kWhy, kChange, Killed<Point::kAfterStart, 2>},
      {"restart.in_attach", kWhy, kChange, Killed<Point::kInAttach, kAll>},
      {"restart.after_attach", kWhy, kChange, Killed<Point::kAfterAttach, 2>},
      {"restart.in_deliver", kWhy, kChange, Killed<Point::kInDeliver, kAll>},
      {"restart.in_an_open_group", kWhy, kChange, Killed<Point::kInGroup, 3>},
      {"restart.after_ack", kWhy, kChange, Killed<Point::kAfterAck, 3>},
      {"restart.in_drain", kWhy, kChange, Killed<Point::kInDrain, kAll>},
      {"restart.in_destroy", kWhy, kChange, Killed<Point::kInDestroy, kAll>},
  };
}

}  // namespace sluice::contract
