// SPDX-License-Identifier: Apache-2.0
//
// A copy of the present state that replaces what the sink holds (sluice.snapshot/1): whole or not
// at all, whatever interrupts it. Not checked where the plugin has no such extension.
#include <fmt/core.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "contract/check.h"
#include "contract/content.h"
#include "contract/kill_in.h"

namespace sluice::contract {
namespace {

using Rows = std::vector<SnapshotRow>;

constexpr Duration kAgain = std::chrono::milliseconds(100);
// A sink that answers RETRY all this time has a lock that the older one holds.
constexpr Duration kLockedOut = std::chrono::seconds(3);
constexpr size_t kRowsAPart = 7;

// Views of `copy`, whose rows they are.
std::vector<Rows> PartsOf(const History& copy, const ChangeFilter& filter, size_t rows_a_part) {
  std::vector<Rows> parts;
  for (const auto& [key, value] : *copy.snapshot()) {
    Change change;
    change.store = key.first;
    change.key = key.second;
    if (!filter.Passes(change)) continue;
    if (parts.empty() || parts.back().size() == rows_a_part) parts.emplace_back();
    parts.back().push_back({key.first, key.second, value});
  }
  return parts;
}

enum class Until { kBegun, kOnePart, kAllParts, kEnd };

Status Copy(Incarnation* sink, const History& copy, Until until, const ChangeFilter& filter = {},
            size_t rows_a_part = kRowsAPart) {
  SLUICE_RETURN_IF_ERROR(sink->BeginSnapshot(copy).WithContext("the begin of the snapshot"));
  if (until == Until::kBegun) return Status::Ok();
  uint64_t number = 0;
  for (const Rows& rows : PartsOf(copy, filter, rows_a_part)) {
    SLUICE_RETURN_IF_ERROR(
        sink->TakePart(number, rows).WithContext(fmt::format("part {} of the snapshot", number)));
    ++number;
    if (until == Until::kOnePart) return Status::Ok();
  }
  if (until == Until::kAllParts) return Status::Ok();
  return sink->EndSnapshot().WithContext("the end of the snapshot");
}

// With the first question that the node asks each instance.
Status AskAndCopy(Incarnation* sink, const History& copy, Until until,
                  const ChangeFilter& filter = {}, size_t rows_a_part = kRowsAPart) {
  const Result<SinkPosition> position = sink->Resume();
  if (!position) return position.error().WithContext("resume before the snapshot");
  return Copy(sink, copy, until, filter, rows_a_part);
}

Status CopyAndAttach(Incarnation* sink, const History& copy, const ChangeFilter& filter,
                     size_t rows_a_part) {
  SLUICE_RETURN_IF_ERROR(AskAndCopy(sink, copy, Until::kEnd, filter, rows_a_part));
  const Result<SinkPosition> position = sink->Resume();
  if (!position) return position.error().WithContext("resume after the snapshot");
  SLUICE_RETURN_IF_ERROR(ExpectPosition(*position, copy, copy.base().height, sink->epoch())
                             .WithContext("after the snapshot"));
  return sink->Attach(copy.base(), AttachReason::kAfterSnapshot)
      .WithContext("attach after the snapshot");
}

// An instance that has taken the whole of it and is attached behind it. As the node does: after
// RETRY another one begins anew.
Result<std::unique_ptr<Incarnation>> OpenCopied(CheckContext* context, const History& copy,
                                                const IncarnationOptions& options = {},
                                                size_t rows_a_part = kRowsAPart) {
  for (const TimePoint until = Now() + context->place().ack_limit;;) {
    SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<Incarnation> sink,
                            context->StartNew(options, context->place().ack_limit));
    Status status = CopyAndAttach(sink.get(), copy, options.filter, rows_a_part);
    if (status.ok()) return sink;
    if (status.code() != StatusCode::kRetry || Now() >= until) return Error(std::move(status));
    sink.reset();
    std::this_thread::sleep_for(kAgain);
  }
}

// The snapshot is taken, what follows delivered, and the sink holds just both.
Status TakesAndGoesOn(CheckContext* context, const History& copy,
                      const IncarnationOptions& options = {}, size_t rows_a_part = kRowsAPart) {
  {
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink,
                            OpenCopied(context, copy, options, rows_a_part));
    SLUICE_RETURN_IF_ERROR(sink->DeliverUntil(copy, copy.last()));
    SLUICE_RETURN_IF_ERROR(sink->Drain().WithContext("drain"));
  }
  SLUICE_RETURN_IF_ERROR(ExpectStandsAt(context, copy, copy.last(), {}, options));
  return ExpectContent(context, copy, copy.last(), options.filter);
}

// A history whose every height has a key of its own, so that nothing of two of them is mixed
// unseen.
History OrdinaryWith(CheckContext* context, const std::string& name, int count) {
  History history = context->NewHistory();
  for (int i = 0; i < count; ++i) {
    history.Add({Set("main", fmt::format("{}-{}", name, i), name), Set("orders", "shared", name),
                 Set(name, "its own store", name)});
    history.AddOrdinary(1);
  }
  return history;
}

Status IntoAnEmptySink(CheckContext* context) {
  SLUICE_ASSIGN_OR_RETURN(const bool takes, context->TakesSnapshots());
  if (!takes) return Status::Ok();
  History history = context->NewHistory();
  history.AddOrdinary(12);
  const History copy = history.FromSnapshotAt(Height(8));
  {
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink, OpenCopied(context, copy));
    SLUICE_RETURN_IF_ERROR(ExpectContent(context, copy, Height(8)));
  }
  SLUICE_RETURN_IF_ERROR(ExpectStandsAt(context, copy, Height(8)));
  // Two incarnations later, as after any restart.
  SLUICE_RETURN_IF_ERROR(context->Fill(copy, Height(10)));
  SLUICE_RETURN_IF_ERROR(context->Fill(copy, Height(12)));
  SLUICE_RETURN_IF_ERROR(ExpectStandsAt(context, copy, Height(12)));
  return ExpectContent(context, copy, Height(12));
}

Status WithoutRows(CheckContext* context) {
  SLUICE_ASSIGN_OR_RETURN(const bool takes, context->TakesSnapshots());
  if (!takes) return Status::Ok();
  History history = context->NewHistory();
  history.Add({});
  history.Add({Set("main", "a", "1"), Delete("main", "a")});
  history.AddOrdinary(2);
  return TakesAndGoesOn(context, history.FromSnapshotAt(Height(2)));
}

Status AnyBytes(CheckContext* context) {
  SLUICE_ASSIGN_OR_RETURN(const bool takes, context->TakesSnapshots());
  if (!takes) return Status::Ok();
  History history = context->NewHistory();
  std::vector<Op> ops;
  std::string all;
  for (int byte = 0; byte < 256; ++byte) {
    all += static_cast<char>(byte);
    ops.push_back(Set("main", std::string(1, static_cast<char>(byte)), fmt::format("{}", byte)));
  }
  ops.push_back(Set("main", std::string(300, '\0'), all));
  ops.push_back(Set("orders", "empty", ""));
  ops.push_back(Set("orders", "escapes", R"(\N \. \\ "quoted", 'single' {"a":1})"));
  ops.push_back(Set("orders", "lines", "a\nb\r\n\n"));
  ops.push_back(Set("orders", "large", std::string(1 << 20, 'x') + all));
  for (int i = 0; i < 20; ++i) ops.push_back(Set(fmt::format("store-{}", i), "same key", all));
  history.Add(ops);
  history.Add({Set("orders", "empty", "now full"), Delete("main", std::string(1, '\0'))});
  return TakesAndGoesOn(context, history.FromSnapshotAt(Height(1)));
}

Status ManyRows(CheckContext* context) {
  SLUICE_ASSIGN_OR_RETURN(const bool takes, context->TakesSnapshots());
  if (!takes) return Status::Ok();
  constexpr int kRows = 20'000;
  constexpr size_t kLargeParts = 1'500;
  History history = context->NewHistory();
  std::vector<Op> ops;
  for (int i = 0; i < kRows; ++i) {
    ops.push_back(Set(i % 2 == 0 ? "main" : "orders", fmt::format("key-{:06}", i),
                      fmt::format("value of {}", i)));
  }
  history.Add(ops);
  history.AddOrdinary(3);
  return TakesAndGoesOn(context, history.FromSnapshotAt(Height(2)), {}, kLargeParts);
}

Status Filtered(CheckContext* context) {
  SLUICE_ASSIGN_OR_RETURN(const bool takes, context->TakesSnapshots());
  if (!takes) return Status::Ok();
  History history = context->NewHistory();
  history.AddOrdinary(12);
  IncarnationOptions options;
  options.filter = {{"orders"}, {"order-1", "k3"}};
  return TakesAndGoesOn(context, history.FromSnapshotAt(Height(9)), options);
}

// Of another history, and further along: as a sink that has diverged, and one that is ahead.
Status ReplacesWhatWasHeld(CheckContext* context) {
  SLUICE_ASSIGN_OR_RETURN(const bool takes, context->TakesSnapshots());
  if (!takes) return Status::Ok();
  SLUICE_RETURN_IF_ERROR(context->Fill(OrdinaryWith(context, "before", 5), Height(10)));
  const History now = OrdinaryWith(context, "now", 4);
  SLUICE_RETURN_IF_ERROR(TakesAndGoesOn(context, now.FromSnapshotAt(Height(6))));
  // And a snapshot by another, behind it and below it.
  const History other = OrdinaryWith(context, "other", 5);
  SLUICE_RETURN_IF_ERROR(TakesAndGoesOn(context, other.FromSnapshotAt(Height(10))));
  return TakesAndGoesOn(context, now.FromSnapshotAt(Height(3)));
}

Status AtTheSameHeightAgain(CheckContext* context) {
  SLUICE_ASSIGN_OR_RETURN(const bool takes, context->TakesSnapshots());
  if (!takes) return Status::Ok();
  const History history = OrdinaryWith(context, "now", 3);
  const History copy = history.FromSnapshotAt(Height(4));
  SLUICE_RETURN_IF_ERROR(TakesAndGoesOn(context, copy));
  return TakesAndGoesOn(context, copy);
}

// Where a sink may stand that was asked for a copy which it has not ended.
Status ExpectNoneOrBefore(const SinkPosition& position, const History& before, Height at) {
  if (position.empty) return Status::Ok();
  return ExpectPosition(position, before, at).WithContext("after a snapshot without an end");
}

Status Interrupted(CheckContext* context, Until until, bool filled) {
  SLUICE_ASSIGN_OR_RETURN(const bool takes, context->TakesSnapshots());
  if (!takes) return Status::Ok();
  const History before = OrdinaryWith(context, "before", 3);
  const Height held = filled ? before.last() : Height();
  if (filled) SLUICE_RETURN_IF_ERROR(context->Fill(before, held));
  {
    const History first = OrdinaryWith(context, "first", 6);
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink,
                            context->StartNew({}, context->place().ack_limit));
    SLUICE_RETURN_IF_ERROR(AskAndCopy(sink.get(), first.FromSnapshotAt(first.last()), until));
  }
  {
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink,
                            context->StartNew({}, context->place().ack_limit));
    const Result<SinkPosition> position = sink->Resume();
    if (!position) return position.error().WithContext("resume after a snapshot without an end");
    SLUICE_RETURN_IF_ERROR(ExpectNoneOrBefore(*position, before, held));
    if (!position->empty) {
      SLUICE_RETURN_IF_ERROR(ExpectContent(context, before, held)
                                 .WithContext("it says that it stands where it stood before"));
    }
  }
  const History second = OrdinaryWith(context, "second", 5);
  return TakesAndGoesOn(context, second.FromSnapshotAt(Height(7)));
}

template <Until until, bool filled>
Status InterruptedAt(CheckContext* context) {
  return Interrupted(context, until, filled);
}

// --- by a kill ---------------------------------------------------------------------------------

enum class Point { kInBegin, kInPart, kInEnd };

class Killing {
 public:
  Killing(CheckContext* context, const History& before, const History& copy, Point point,
          std::atomic<int64_t>* nanos)
      : context_(context), before_(before), copy_(copy), point_(point), nanos_(nanos) {}

  // In a process of its own. Returns only where something is wrong, or there is nothing to check.
  Status Run(int place) {
    SLUICE_ASSIGN_OR_RETURN(const bool takes, context_->TakesSnapshots());
    if (!takes) return Status::Ok();
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink,
                            context_->StartNew({}, context_->place().ack_limit));
    SLUICE_RETURN_IF_ERROR(ExpectAllowed(sink.get()));
    Status status;
    if (point_ == Point::kInBegin) {
      KillIn([&] { status = sink->BeginSnapshot(copy_); }, place, nanos_);
    }
    SLUICE_RETURN_IF_ERROR(Copy(sink.get(), copy_, Until::kBegun));
    const std::vector<Rows> parts = PartsOf(copy_, {}, kRowsAPart);
    for (size_t i = 0; i < parts.size(); ++i) {
      if (point_ == Point::kInPart && i == parts.size() / 2) {
        KillIn([&] { status = sink->TakePart(i, parts[i]); }, place, nanos_);
      }
      SLUICE_RETURN_IF_ERROR(sink->TakePart(i, parts[i]));
    }
    KillIn([&] { status = sink->EndSnapshot(); }, place, nanos_);
    return Status::Ok();
  }

  // Of what a kill has left behind.
  Status ExpectAllowed(Incarnation* sink) {
    const Result<SinkPosition> position = sink->Resume();
    if (!position) return position.error().WithContext("resume");
    const bool copied =
        point_ == Point::kInEnd && !position->empty && position->digest == copy_.base().digest;
    if (!copied) return ExpectNoneOrBefore(*position, before_, before_.last());
    SLUICE_RETURN_IF_ERROR(ExpectPosition(*position, copy_, copy_.base().height));
    return ExpectContent(context_, copy_, copy_.base().height)
        .WithContext("it says that it holds the snapshot");
  }

 private:
  CheckContext* const context_;
  const History& before_;
  const History& copy_;
  const Point point_;
  std::atomic<int64_t>* const nanos_;
};

template <Point point>
Status KilledIn(CheckContext* context) {
  const History before = OrdinaryWith(context, "before", 2);
  const History now = OrdinaryWith(context, "now", 6);
  const History copy = now.FromSnapshotAt(Height(10));
  Shared<std::atomic<int64_t>> nanos;
  Killing killing(context, before, copy, point, &*nanos);
  for (int i = 0; i <= kKillPlaces; ++i) {
    // The first goes through, and tells how long the call takes.
    const int place = i == 0 ? kKillPlaces : i - 1;
    Child victim([&] {
      const auto run = [&]() -> Status {
        // The content of before, which the copy replaces; whatever the kill before has left.
        SLUICE_ASSIGN_OR_RETURN(const bool takes, context->TakesSnapshots());
        if (!takes) return Status::Ok();
        if (i == 0) SLUICE_RETURN_IF_ERROR(context->Fill(before, before.last()));
        return killing.Run(place);
      };
      const Status status = run();
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
    SLUICE_RETURN_IF_ERROR(killing.ExpectAllowed(sink.get()).WithContext("after the last kill"));
  }
  const History last = OrdinaryWith(context, "last", 5);
  return TakesAndGoesOn(context, last.FromSnapshotAt(Height(8)));
}

// --- others ------------------------------------------------------------------------------------

Status OlderEpoch(CheckContext* context) {
  SLUICE_ASSIGN_OR_RETURN(const bool takes, context->TakesSnapshots());
  if (!takes) return Status::Ok();
  const History history = OrdinaryWith(context, "now", 4);
  const History copy = history.FromSnapshotAt(Height(6));
  const Epoch older = context->report()->NextEpoch();
  {
    // Begun and no more: that alone raises the epoch.
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink,
                            context->StartNew({}, context->place().ack_limit));
    SLUICE_RETURN_IF_ERROR(AskAndCopy(sink.get(), copy, Until::kBegun));
  }
  {
    SLUICE_ASSIGN_OR_RETURN(PluginLibrary * library, context->Load());
    IncarnationOptions options;
    options.epoch = older;
    SLUICE_ASSIGN_OR_RETURN(
        const std::unique_ptr<Incarnation> sink,
        Incarnation::Create(library, context->place(), options, context->report()));
    Status status = sink->Start();
    if (status.ok()) status = Copy(sink.get(), copy, Until::kEnd);
    if (status.ok()) return Wrong("epoch {} has put a snapshot after a newer one had begun", older);
    if (status.code() != StatusCode::kFenced) {
      return Wrong("epoch {} was refused with {}, not FENCED: {}", older,
                   StatusCodeName(status.code()), status.message());
    }
  }
  return TakesAndGoesOn(context, copy);
}

// What the older incarnation, in its own process, was answered in the end.
struct LateAnswer {
  std::atomic<int32_t> code{0};
  std::array<char, 512> text{};
};

int RunOlder(CheckContext* context, const History& copy, LateAnswer* answer) {
  const auto run = [&]() -> Status {
    SLUICE_ASSIGN_OR_RETURN(const bool takes, context->TakesSnapshots());
    if (!takes) return Status::Ok();
    SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink,
                            context->StartNew({}, context->place().ack_limit));
    SLUICE_RETURN_IF_ERROR(AskAndCopy(sink.get(), copy, Until::kOnePart));
    Child::TakeTurn();
    const std::vector<Rows> parts = PartsOf(copy, {}, kRowsAPart);
    Status status;
    for (size_t i = 1; i < parts.size() && status.ok(); ++i) status = sink->TakePart(i, parts[i]);
    if (status.ok()) status = sink->EndSnapshot();
    answer->code = static_cast<int32_t>(status.code());
    std::strncpy(answer->text.data(), status.message().c_str(), answer->text.size() - 1);
    return Status::Ok();
  };
  const Status status = run();
  if (!status.ok()) {
    context->report()->Add(Finding::kFailed, "the older incarnation: " + status.message());
  }
  return status.ok() ? 0 : 1;
}

Status OlderGoesOn(CheckContext* context) {
  const History first = OrdinaryWith(context, "first", 8);
  const History first_copy = first.FromSnapshotAt(first.last());
  const History second = OrdinaryWith(context, "second", 6);
  const History copy = second.FromSnapshotAt(Height(9));
  Shared<LateAnswer> answer;
  Child older([&] { return RunOlder(context, first_copy, &*answer); });
  const bool came = older.AwaitTurn(context->subject().check_limit);
  SLUICE_ASSIGN_OR_RETURN(const bool takes, context->TakesSnapshots());
  if (!takes) return Status::Ok();
  if (!came) return Wrong("the older incarnation did not come to its second part");
  const Result<std::unique_ptr<Incarnation>> tried = context->StartNew({}, kLockedOut);
  const bool locked_out = !tried && tried.error().code() == StatusCode::kRetry;
  if (!tried && !locked_out) return tried.error();
  if (locked_out) {
    context->Note("as long as the older incarnation lives, start answers RETRY: " +
                  tried.error().message());
    older.Signal(SIGKILL);
    (void)older.Wait(context->subject().check_limit);
  } else {
    (*tried)->Destroy();
  }
  SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Incarnation> sink, OpenCopied(context, copy));
  SLUICE_RETURN_IF_ERROR(sink->DeliverUntil(copy, Height(11)));
  if (!locked_out) {
    older.GiveTurn();
    const Exit exit = older.Wait(context->subject().check_limit);
    if (!exit.exited || exit.code != 0) return Wrong("the older incarnation {}", exit.ToString());
    if (answer->code != static_cast<int32_t>(StatusCode::kFenced)) {
      return Wrong(
          "the older incarnation went on with its snapshot and was answered {} ({}), not "
          "FENCED",
          StatusCodeName(static_cast<StatusCode>(answer->code.load())), answer->text.data());
    }
  }
  SLUICE_RETURN_IF_ERROR(
      sink->Deliver(copy, Height(12), Height(12)).WithContext("the newer one, afterwards"));
  SLUICE_RETURN_IF_ERROR(sink->Drain().WithContext("drain"));
  return ExpectContent(context, copy, Height(12));
}

// The content of another sink in the same place, where the settings give it one.
Status OtherSinkIsUntouched(CheckContext* context) {
  SLUICE_ASSIGN_OR_RETURN(const bool takes, context->TakesSnapshots());
  if (!takes) return Status::Ok();
  CheckContext beside(context->subject(), "snapshot.beside", context->place().home,
                      context->report());
  const History other = OrdinaryWith(context, "beside", 4);
  const History now = OrdinaryWith(context, "now", 5);
  SLUICE_RETURN_IF_ERROR(beside.Fill(other, Height(6)).WithContext("the other sink"));
  {
    Result<std::unique_ptr<Incarnation>> sink = context->StartNew({}, context->place().ack_limit);
    if (!sink && sink.error().code() == StatusCode::kInvalid) {
      context->NotChecked("two sinks have no place side by side: " + sink.error().message());
      return Status::Ok();
    }
    if (!sink) return sink.error();
    SLUICE_RETURN_IF_ERROR(AskAndCopy(sink->get(), now.FromSnapshotAt(Height(8)), Until::kOnePart));
  }
  SLUICE_RETURN_IF_ERROR(TakesAndGoesOn(context, now.FromSnapshotAt(Height(8))));
  SLUICE_RETURN_IF_ERROR(
      ExpectStandsAt(&beside, other, Height(6)).WithContext("the other sink, afterwards"));
  SLUICE_RETURN_IF_ERROR(beside.Fill(other, Height(8)).WithContext("the other sink, afterwards"));
  return ExpectContent(&beside, other, Height(8)).WithContext("the other sink, afterwards");
}

}  // namespace

std::vector<Check> SnapshotChecks() {
  const char* const kWhy =
      "a snapshot is how a sink begins in the middle, and how one is mended: afterwards it must "
      "hold just the rows, and the heights that follow";
  const char* const kReplace =
      "let begin, or the end, take away everything that the sink holds of this stream";
  const char* const kHalf =
      "half a copy that passes for a whole one is never noticed, and two that are mixed neither";
  const char* const kAnew =
      "write height and digest with the end and not before; let begin take away what a copy "
      "without an end has left";
  const char* const kFence =
      "raise the epoch durably in begin; compare it wherever something is written, in the end too";
  return {
      {"snapshot.into_an_empty_sink", kWhy,
       "answer resume with the snapshot's height and digest, and take height + 1 next",
       IntoAnEmptySink},
      {"snapshot.without_rows", kWhy, "take a snapshot without a part", WithoutRows},
      {"snapshot.any_bytes", kWhy, "treat keys and values as bytes with a length", AnyBytes},
      {"snapshot.20000_rows", kWhy, "bound nothing by the number of rows", ManyRows},
      {"snapshot.filtered", kWhy, "mark what is FILTERED", Filtered},
      {"snapshot.replaces_what_was_held", kWhy, kReplace, ReplacesWhatWasHeld},
      {"snapshot.at_the_same_height_again", kWhy, kReplace, AtTheSameHeightAgain},
      {"snapshot.interrupted_after_begin", kHalf, kAnew, InterruptedAt<Until::kBegun, true>},
      {"snapshot.interrupted_after_a_part", kHalf, kAnew, InterruptedAt<Until::kOnePart, true>},
      {"snapshot.interrupted_before_its_end", kHalf, kAnew, InterruptedAt<Until::kAllParts, true>},
      {"snapshot.interrupted_in_an_empty_sink", kHalf, kAnew,
       InterruptedAt<Until::kAllParts, false>},
      {"snapshot.killed_in_begin", kHalf, kAnew, KilledIn<Point::kInBegin>},
      {"snapshot.killed_in_a_part", kHalf, kAnew, KilledIn<Point::kInPart>},
      {"snapshot.killed_in_its_end", kHalf, kAnew, KilledIn<Point::kInEnd>},
      {"snapshot.older_epoch", "an older node must not undo what a newer one has begun", kFence,
       OlderEpoch},
      {"snapshot.older_goes_on", "an older node must not undo what a newer one has begun", kFence,
       OlderGoesOn},
      {"snapshot.other_sink_is_untouched",
       "several sinks share one server, and some of them a table or a topic",
       "take away only what is of this stream and this sink", OtherSinkIsUntouched},
  };
}

}  // namespace sluice::contract
