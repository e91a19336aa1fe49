// SPDX-License-Identifier: Apache-2.0
//
// Where the sink stands, and heights that come again.
#include <fmt/core.h>

#include "contract/check.h"
#include "contract/content.h"

namespace sluice::contract {
namespace {

constexpr Height kFar{100};

Status EmptyAtFirst(CheckContext* context) {
  SLUICE_ASSIGN_OR_RETURN(const bool resumes, context->Resumes());
  if (!resumes) return Status::Ok();
  History history = context->NewHistory();
  history.AddOrdinary(1);
  SLUICE_RETURN_IF_ERROR(ExpectStandsAt(context, history, Height()));
  {
    // Attached, and nothing delivered: still nothing is there.
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink, context->Open(history));
    const Result<SinkPosition> position = sink->Resume();
    if (!position) return position.error().WithContext("resume after attach");
    SLUICE_RETURN_IF_ERROR(ExpectPosition(*position, history, Height()));
  }
  SLUICE_RETURN_IF_ERROR(ExpectStandsAt(context, history, Height()));
  return ExpectContent(context, history, Height());
}

Status WhereItStands(CheckContext* context) {
  SLUICE_ASSIGN_OR_RETURN(const bool resumes, context->Resumes());
  if (!resumes) return Status::Ok();
  History history = context->NewHistory();
  history.AddOrdinary(4);
  Epoch epoch;
  {
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink, context->Open(history));
    epoch = sink->epoch();
    for (Height h(1); h <= Height(3); ++h) {
      SLUICE_RETURN_IF_ERROR(sink->Deliver(history, h, h));
      const Result<SinkPosition> position = sink->Resume();
      if (!position) return position.error().WithContext("resume");
      SLUICE_RETURN_IF_ERROR(ExpectPosition(*position, history, h, epoch));
    }
    // Asking changes nothing.
    SLUICE_RETURN_IF_ERROR(sink->Deliver(history, Height(4), Height(4)));
  }
  SLUICE_RETURN_IF_ERROR(ExpectStandsAt(context, history, Height(4), epoch));
  return ExpectStandsAt(context, history, Height(4), epoch);
}

// A group is open and resume is asked, as after a failure: what the sink does not hold comes again.
Status AgainInAnOpenGroup(CheckContext* context) {
  SLUICE_ASSIGN_OR_RETURN(const bool resumes, context->Resumes());
  if (!resumes) return Status::Ok();
  History history = context->NewHistory();
  history.AddOrdinary(8);
  {
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink, context->Open(history));
    SLUICE_RETURN_IF_ERROR(sink->Deliver(history, Height(1), Height(2)));
    for (Height h(3); h <= Height(6); ++h) {
      const Status status = sink->DeliverOnce(history, h, kFar);
      if (!status.ok() && status.code() != StatusCode::kPending) {
        return status.WithContext(fmt::format("height {}", h));
      }
    }
    const Result<SinkPosition> position = sink->Resume();
    if (!position) return position.error().WithContext("resume in an open group");
    const Height at = position->empty ? Height() : position->height;
    if (at < sink->acks().news().watermark || at > Height(6)) {
      return Wrong("resume says height {} where heights through {} are acked and 6 is delivered",
                   at, sink->acks().news().watermark);
    }
    sink->NextAttempt();
    SLUICE_RETURN_IF_ERROR(sink->Deliver(history, at + 1, Height(8)));
  }
  SLUICE_RETURN_IF_ERROR(ExpectStandsAt(context, history, Height(8)));
  return ExpectContent(context, history, Height(8));
}

Status HeldHeight(CheckContext* context) {
  SLUICE_ASSIGN_OR_RETURN(const bool resumes, context->Resumes());
  if (!resumes) return Status::Ok();
  History history = context->NewHistory();
  history.AddOrdinary(4);
  {
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink, context->Open(history));
    SLUICE_RETURN_IF_ERROR(sink->Deliver(history, Height(1), Height(3)));
    sink->NextAttempt();
    SLUICE_RETURN_IF_ERROR(
        sink->Deliver(history, Height(3), Height(3)).WithContext("the last height again"));
    sink->NextAttempt();
    SLUICE_RETURN_IF_ERROR(
        sink->Deliver(history, Height(1), Height(4)).WithContext("all heights again"));
  }
  SLUICE_RETURN_IF_ERROR(ExpectStandsAt(context, history, Height(4)));
  return ExpectContent(context, history, Height(4));
}

// A node whose own record of the sink is behind, at each place of a group.
Status SuffixAfterRestart(CheckContext* context) {
  SLUICE_ASSIGN_OR_RETURN(const bool resumes, context->Resumes());
  if (!resumes) return Status::Ok();
  History history = context->NewHistory();
  history.AddOrdinary(12);
  SLUICE_RETURN_IF_ERROR(context->Fill(history, Height(5)));
  for (Height last(7); last <= Height(12); last = last + 5) {
    for (uint64_t back = 1; back <= 3; ++back) {
      SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink, context->Open(history));
      const Height first = sink->base().height + 1 - back;
      SLUICE_RETURN_IF_ERROR(sink->Deliver(history, first, last)
                                 .WithContext(fmt::format("from height {}, held through {}", first,
                                                          sink->base().height)));
    }
  }
  SLUICE_RETURN_IF_ERROR(ExpectStandsAt(context, history, Height(12)));
  return ExpectContent(context, history, Height(12));
}

}  // namespace

std::vector<Check> ResumeChecks() {
  const char* const kAtomic =
      "store stream, epoch, height and digest in the same transaction as the data, and answer "
      "resume from there, not from memory";
  return {
      {"resume.empty_at_first", "a new sink gets the whole stream, from height 1",
       "answer EMPTY until a height is stored", EmptyAtFirst},
      {"resume.where_it_stands",
       "the node goes on after what resume says: too low doubles heights, too high loses them",
       kAtomic, WhereItStands},
      {"resume.again_in_an_open_group",
       "after a failure resume is asked in the middle of a group, and what it does not name comes "
       "again with another attempt",
       "drop the open group when resume is asked, or keep it and ack it with the new attempt",
       AgainInAnOpenGroup},
      {"again.held_height", "acks get lost; then a height comes that the sink holds already",
       "answer OK for a height that is held, and store it once", HeldHeight},
      {"again.suffix_after_restart",
       "after a crash of the node the end of the stream may come again",
       "answer OK for a height that is held, and store it once", SuffixAfterRestart},
  };
}

}  // namespace sluice::contract
