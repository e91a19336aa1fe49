// SPDX-License-Identifier: Apache-2.0
//
// An older incarnation: a restored copy of the home, a process that was paused and wakes up. It
// must write nothing once a newer one is attached, and learn that it is FENCED, which ends it; any
// other answer would have the node begin it anew, above the newer one.
#include <fmt/core.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <optional>

#include "contract/check.h"
#include "contract/content.h"

namespace sluice::contract {
namespace {

// How long a newer incarnation asks for a sink that the older one holds.
constexpr Duration kTakeOver = std::chrono::seconds(20);
// A sink that answers RETRY all this time has a lock that the older one holds.
constexpr Duration kLockedOut = std::chrono::seconds(3);
constexpr Height kFar{100};

// Start or attach of `epoch` must be refused; nothing that is there is touched.
Status ExpectFencedOut(CheckContext* context, const History& history, Epoch epoch) {
  SLUICE_ASSIGN_OR_RETURN(PluginLibrary * library, context->Load());
  IncarnationOptions options;
  options.epoch = epoch;
  SLUICE_ASSIGN_OR_RETURN(
      const std::unique_ptr<Incarnation> sink,
      Incarnation::Create(library, context->place(), options, context->report()));
  Status status = sink->Start();
  if (status.ok()) {
    status = sink->Attach({Height(2), history.digest(Height(2))}, AttachReason::kResumed);
  }
  if (status.ok()) return Wrong("epoch {} was started and attached after a newer one", epoch);
  if (status.code() != StatusCode::kFenced) {
    return Wrong("epoch {} was refused with {}, not FENCED: {}", epoch,
                 StatusCodeName(status.code()), status.message());
  }
  return Status::Ok();
}

Status FencedOut(CheckContext* context, bool equal) {
  SLUICE_ASSIGN_OR_RETURN(const bool resumes, context->Resumes());
  if (!resumes) return Status::Ok();
  History history = context->NewHistory();
  history.AddOrdinary(4);
  SLUICE_RETURN_IF_ERROR(context->Fill(history, Height(2)));
  const Epoch older = context->report()->NextEpoch();
  Epoch newer;
  {
    // Attached, and nothing delivered: the epoch alone counts.
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink, context->Open(history));
    newer = sink->epoch();
  }
  SLUICE_RETURN_IF_ERROR(ExpectFencedOut(context, history, equal ? newer : older));
  SLUICE_RETURN_IF_ERROR(context->Fill(history, Height(4)));
  return ExpectContent(context, history, Height(4));
}

Status OlderEpoch(CheckContext* context) { return FencedOut(context, false); }
Status EqualEpoch(CheckContext* context) { return FencedOut(context, true); }

// What the older incarnation, in its own process, was answered.
struct LateAnswers {
  std::atomic<bool> acked{false};
  std::atomic<int32_t> code{0};
  std::array<char, 512> text{};
};

void Keep(const Status& status, LateAnswers* answers) {
  answers->code = static_cast<int32_t>(status.code());
  std::strncpy(answers->text.data(), status.message().c_str(), answers->text.size() - 1);
}

// The older one: holds heights 1 to 3 and, where `in_a_group`, 4 and 5 in an open group. After its
// turn it goes on as if nothing had happened.
int RunOlder(CheckContext* context, const History& history, bool in_a_group, LateAnswers* answers) {
  const auto run = [&]() -> Status {
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink, context->Open(history));
    SLUICE_RETURN_IF_ERROR(sink->Deliver(history, Height(1), Height(3)));
    Height next(4);
    for (; in_a_group && next < Height(6); ++next) {
      const Status status = sink->DeliverOnce(history, next, kFar);
      if (!status.ok() && status.code() != StatusCode::kPending) return status;
    }
    // Side by side, heights are written as they come: none of them is open.
    if (in_a_group && sink->parallel()) SLUICE_RETURN_IF_ERROR(sink->AwaitAcked(next - 1));
    const Height before = sink->acks().highest_acked();
    Child::TakeTurn();
    const Result<Status> refused = sink->DeliverRefused(history, next);
    answers->acked = sink->acks().highest_acked() > before;
    Keep(refused ? *refused : refused.error(), answers);
    return Status::Ok();
  };
  const Status status = run();
  if (!status.ok()) {
    context->report()->Add(Finding::kFailed, "the older incarnation: " + status.message());
  }
  return status.ok() ? 0 : 1;
}

// The newer incarnation, or nothing where the older one holds a lock as long as it lives.
Result<std::unique_ptr<Incarnation>> TakeOver(CheckContext* context, const History& history,
                                              bool* locked_out) {
  *locked_out = false;
  Result<std::unique_ptr<Incarnation>> newer = context->StartNew({}, kLockedOut);
  if (!newer) {
    *locked_out = newer.error().code() == StatusCode::kRetry;
    return newer;
  }
  Status status;
  for (const TimePoint until = Now() + kTakeOver;;) {
    status = (*newer)->ResumeAndAttach(history);
    if (status.code() != StatusCode::kRetry || Now() >= until) break;
  }
  if (!status.ok()) return Error(status.WithContext("the newer incarnation"));
  return newer;
}

Status OlderIsStillThere(CheckContext* context, bool paused_in_a_group) {
  History history = context->NewHistory();
  history.AddOrdinary(8);
  Shared<LateAnswers> answers;
  Child older([&] { return RunOlder(context, history, paused_in_a_group, &*answers); });
  if (!older.AwaitTurn(context->subject().check_limit)) {
    return Wrong("the older incarnation did not come to its third height");
  }
  SLUICE_ASSIGN_OR_RETURN(const bool resumes, context->Resumes());
  if (!resumes) return Status::Ok();
  if (paused_in_a_group) older.Signal(SIGSTOP);
  bool locked_out = false;
  Result<std::unique_ptr<Incarnation>> newer = TakeOver(context, history, &locked_out);
  if (locked_out) {
    context->Note("as long as the older incarnation lives, start answers RETRY: " +
                  newer.error().message());
    older.Signal(SIGKILL);
    (void)older.Wait(context->subject().check_limit);
    newer = context->Open(history);
  }
  if (!newer) return newer.error();
  SLUICE_RETURN_IF_ERROR((*newer)->DeliverUntil(history, Height(6)));
  if (!locked_out) {
    older.Signal(SIGCONT);
    older.GiveTurn();
    const Exit exit = older.Wait(context->subject().check_limit);
    if (exit.timed_out) return Wrong("the older incarnation {}", exit.ToString());
    if (!exit.exited || exit.code != 0) {
      return Wrong("the older incarnation {}", exit.ToString());
    }
    if (answers->acked) return Wrong("the older incarnation delivered late, and was acked");
    if (answers->code != static_cast<int32_t>(StatusCode::kFenced)) {
      return Wrong("the older incarnation was answered {} ({}), not FENCED",
                   StatusCodeName(static_cast<StatusCode>(answers->code.load())),
                   answers->text.data());
    }
  }
  // The newer one is not disturbed.
  SLUICE_RETURN_IF_ERROR(
      (*newer)->Deliver(history, Height(7), Height(8)).WithContext("afterwards"));
  newer->reset();
  SLUICE_RETURN_IF_ERROR(ExpectStandsAt(context, history, Height(8)));
  return ExpectContent(context, history, Height(8));
}

Status DeliversLate(CheckContext* context) { return OlderIsStillThere(context, false); }
Status PausedInAGroup(CheckContext* context) { return OlderIsStillThere(context, true); }

}  // namespace

std::vector<Check> FenceChecks() {
  const char* const kWhy =
      "two nodes that write into one sink mix their histories: a copied home, a process that was "
      "paused and wakes up";
  const char* const kAttach =
      "store the epoch durably in attach, and answer FENCED where one that is not below is stored";
  const char* const kLate =
      "let the outside system compare the epoch in the transaction that writes, or hold a lock "
      "from "
      "start to destroy; answer FENCED";
  return {
      {"fence.older_epoch", kWhy, kAttach, OlderEpoch},
      {"fence.equal_epoch", kWhy, kAttach, EqualEpoch},
      {"fence.older_delivers_late", kWhy, kLate, DeliversLate},
      {"fence.older_paused_in_a_group", kWhy, kLate, PausedInAGroup},
  };
}

}  // namespace sluice::contract
