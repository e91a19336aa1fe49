// SPDX-License-Identifier: Apache-2.0
//
// What a sink must not take: a height that is not the next one, and another history.
#include <fmt/core.h>

#include "contract/check.h"
#include "contract/content.h"

namespace sluice::contract {
namespace {

// Delivers what is above a gap: refused, or, by a sink that takes heights side by side, taken; then
// it does not count.
Status DeliverAboveGap(Incarnation* sink, const History& history, Height height) {
  if (sink->parallel()) {
    const Status status = sink->DeliverOnce(history, height, height);
    return status.code() == StatusCode::kPending ? Status::Ok() : status;
  }
  const Result<Status> refused = sink->DeliverRefused(history, height);
  return refused ? Status::Ok() : refused.error();
}

// Refused with a reason, and what was held before is untouched: the right heights go on in the next
// incarnation. Not checked where the sink does not resume.
Status ExpectRefused(CheckContext* context, const History& history, Height held,
                     const History& wrong, Height height) {
  SLUICE_ASSIGN_OR_RETURN(const bool resumes, context->Resumes());
  if (!resumes) return Status::Ok();
  {
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink, context->Open(history));
    SLUICE_RETURN_IF_ERROR(sink->DeliverUntil(history, held));
    sink->NextAttempt();
    const bool above_gap = sink->parallel() && height > held + 1;
    if (above_gap) {
      SLUICE_RETURN_IF_ERROR(DeliverAboveGap(sink.get(), wrong, height));
      context->Note(fmt::format("height {} is held above a gap, and does not count", height));
    } else {
      const Result<Status> refused = sink->DeliverRefused(wrong, height);
      if (!refused) return refused.error();
      context->Note(fmt::format("{}: {}", StatusCodeName(refused->code()), refused->message()));
    }
  }
  SLUICE_RETURN_IF_ERROR(ExpectStandsAt(context, history, held));
  SLUICE_RETURN_IF_ERROR(context->Fill(history, history.last()).WithContext("afterwards"));
  return ExpectContent(context, history, history.last());
}

Status GapIsRefused(CheckContext* context) {
  History history = context->NewHistory();
  history.AddOrdinary(5);
  return ExpectRefused(context, history, Height(2), history, Height(4));
}

Status GapAtTheBeginning(CheckContext* context) {
  History history = context->NewHistory();
  history.AddOrdinary(3);
  return ExpectRefused(context, history, Height(), history, Height(2));
}

Status OtherDigestOfAHeldHeight(CheckContext* context) {
  History history = context->NewHistory();
  history.AddOrdinary(5);
  History other = history.Until(Height(2));
  other.Add({Set("main", "k1", "another history")});
  return ExpectRefused(context, history, Height(3), other, Height(3));
}

Status UnchainedHeight(CheckContext* context) {
  History history = context->NewHistory();
  history.AddOrdinary(5);
  History other = history.Until(Height(2));
  other.Add({Set("main", "k1", "another history")});
  other.Add({Set("main", "k2", "goes on")});
  return ExpectRefused(context, history, Height(3), other, Height(4));
}

// Begins in the middle, as the operator chose: from there on everything is as always.
Status BeginsInTheMiddle(CheckContext* context) {
  SLUICE_ASSIGN_OR_RETURN(const bool resumes, context->Resumes());
  if (!resumes) return Status::Ok();
  const Base base{Height(100), Sha256("what was before")};
  History history(context->subject().stream_id, base);
  history.AddOrdinary(4);
  {
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink,
                            context->StartNew({}, context->place().ack_limit));
    const Status status = sink->Attach(base, AttachReason::kLatest);
    const bool declined =
        status.code() == StatusCode::kUnsupported || status.code() == StatusCode::kReject;
    if (declined) {
      context->NotChecked("the sink begins at height 1 only: " + status.message());
      return Status::Ok();
    }
    SLUICE_RETURN_IF_ERROR(status.WithContext("attach at height 100, LATEST"));
    SLUICE_RETURN_IF_ERROR(DeliverAboveGap(sink.get(), history, Height(102)));
  }
  {
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink,
                            context->StartNew({}, context->place().ack_limit));
    SLUICE_RETURN_IF_ERROR(sink->Attach(base, AttachReason::kLatest));
    SLUICE_RETURN_IF_ERROR(sink->Deliver(history, Height(101), Height(103)));
  }
  SLUICE_RETURN_IF_ERROR(ExpectStandsAt(context, history, Height(103)));
  SLUICE_RETURN_IF_ERROR(context->Fill(history, Height(104)));
  return ExpectContent(context, history, Height(104));
}

}  // namespace

std::vector<Check> RefusalChecks() {
  const char* const kDigest =
      "keep the digest of the last height with the position; refuse a batch whose digest, for a "
      "height held, or whose previous digest, for the next one, is another";
  return {
      {"gap.is_refused", "a height that is left out is lost to everybody who reads the sink",
       "refuse every height but the next one after the position; where heights come side by side, "
       "count only those below which none is missing",
       GapIsRefused},
      {"gap.at_the_beginning", "a sink that begins at height 2 lacks the first one for ever",
       "after attach expect base.height + 1 and refuse what is above", GapAtTheBeginning},
      {"gap.begins_in_the_middle",
       "an operator may begin a sink at the present height, and skip a gap that nobody can fill",
       "record the base that attach names, and expect base.height + 1 next", BeginsInTheMiddle},
      {"digest.other_for_a_held_height",
       "two histories in one sink are worse than none: nobody can tell them apart afterwards",
       kDigest, OtherDigestOfAHeldHeight},
      {"digest.unchained_next_height",
       "two histories in one sink are worse than none: nobody can tell them apart afterwards",
       kDigest, UnchainedHeight},
  };
}

}  // namespace sluice::contract
