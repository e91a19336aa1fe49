// SPDX-License-Identifier: Apache-2.0
#include "delivery/attach.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <ostream>
#include <vector>

namespace sluice {
namespace {

constexpr char kStream[] = "demo";

Digest DigestOf(uint64_t height) {
  return height == 0 ? GenesisDigest(kStream) : Sha256(fmt::format("height {}", height));
}

SinkPosition At(uint64_t height, uint64_t epoch) {
  return {false, kStream, Epoch(epoch), Height(height), DigestOf(height)};
}

SinkPosition WithDigest(SinkPosition position, uint64_t of_height) {
  position.digest = DigestOf(of_height);
  return position;
}

SinkPosition OfStream(SinkPosition position, std::string stream) {
  position.stream_id = std::move(stream);
  return position;
}

struct Row {
  const char* what;
  std::optional<SinkPosition> position;
  uint64_t first;
  uint64_t journaled;
  bool first_answer;
  uint64_t stored;  // 0: no record
  AttachOutcome outcome;
  uint64_t base = 0;
  AttachReason reason = AttachReason::kResumed;
};

// The instance's epoch is 7.
const std::vector<Row>& Rows() {
  using O = AttachOutcome;
  constexpr AttachReason kGenesis = AttachReason::kGenesis;
  static const std::vector<Row> rows = {
      {"empty, all is there", SinkPosition(), 1, 20, true, 0, O::kAttach, 0, kGenesis},
      {"empty, nothing is there yet", SinkPosition(), 1, 0, true, 0, O::kAttach, 0, kGenesis},
      {"empty, the beginning is gone", SinkPosition(), 5, 20, true, 0, O::kGap},
      {"empty, although it has acked", SinkPosition(), 1, 20, true, 9, O::kAttach, 0, kGenesis},
      {"empty, acked, beginning gone", SinkPosition(), 5, 20, true, 9, O::kGap},
      {"empty, all was pruned", SinkPosition(), 21, 20, true, 0, O::kGap},
      {"at height 0", At(0, 3), 1, 20, true, 0, O::kAttach, 0, kGenesis},
      {"in the middle", At(12, 3), 5, 20, true, 12, O::kAttach, 12},
      {"in the middle, no record", At(12, 3), 5, 20, true, 0, O::kAttach, 12},
      {"at J", At(20, 3), 5, 20, true, 12, O::kAttach, 20},
      {"at J, the journal is empty", At(20, 3), 21, 20, true, 20, O::kAttach, 20},
      {"at F", At(5, 3), 5, 20, true, 5, O::kAttach, 5},
      {"at F-1", At(4, 3), 5, 20, true, 4, O::kAttach, 4},
      {"at F-2", At(3, 3), 5, 20, true, 3, O::kGap},
      {"above J", At(21, 3), 5, 20, true, 12, O::kAhead, 21},
      {"above J, later", At(21, 7), 5, 20, false, 12, O::kAhead, 21},
      {"another digest", WithDigest(At(12, 3), 13), 5, 20, true, 12, O::kDiverged},
      {"another digest at F-1", WithDigest(At(4, 3), 5), 5, 20, true, 4, O::kDiverged},
      {"another digest at J", WithDigest(At(20, 3), 19), 5, 20, true, 4, O::kDiverged},
      {"another digest below F-1", WithDigest(At(2, 3), 5), 5, 20, true, 4, O::kGap},
      {"another genesis", WithDigest(At(0, 3), 5), 1, 20, true, 0, O::kDiverged},
      {"another digest, later", WithDigest(At(12, 7), 13), 5, 20, false, 12, O::kDiverged},
      {"another stream", OfStream(At(12, 3), "other"), 5, 20, true, 12, O::kForeign},
      {"another stream, later", OfStream(At(12, 3), "other"), 5, 20, false, 12, O::kForeign},
      {"first answer: the epoch before", At(12, 6), 5, 20, true, 12, O::kAttach, 12},
      {"first answer: our epoch", At(12, 7), 5, 20, true, 12, O::kForeign},
      {"first answer: a larger epoch", At(12, 8), 5, 20, true, 12, O::kForeign},
      {"later: our epoch", At(12, 7), 5, 20, false, 12, O::kAttach, 12},
      {"later: a larger epoch", At(12, 8), 5, 20, false, 12, O::kFenced},
      {"no resume, no record", std::nullopt, 1, 20, true, 0, O::kAttach, 0, kGenesis},
      {"no resume, a record", std::nullopt, 5, 20, true, 9, O::kAttach, 9},
      {"no resume, at F-1", std::nullopt, 5, 20, true, 4, O::kAttach, 4},
      {"no resume, below F-1", std::nullopt, 5, 20, true, 3, O::kGap},
      {"no resume, beginning gone", std::nullopt, 5, 20, true, 0, O::kGap},
      {"no resume, above J", std::nullopt, 5, 20, true, 21, O::kAhead, 21},
  };
  return rows;
}

AttachQuestion QuestionOf(const Row& row) {
  AttachQuestion question;
  question.epoch = Epoch(7);
  question.stream_id = kStream;
  question.position = row.position;
  question.first_answer = row.first_answer;
  question.first = Height(row.first);
  question.journaled = Height(row.journaled);
  question.has_watermark_record = row.stored != 0;
  question.stored_watermark = Height(row.stored);
  return question;
}

TEST(Attach, EverySinkIsAskedWhereItIs) {
  for (const Row& row : Rows()) {
    SCOPED_TRACE(row.what);
    const Result<AttachDecision> decision =
        DecideAttach(QuestionOf(row), [&](Height height) -> Result<Digest> {
          // Never asked for what the journal cannot know.
          EXPECT_GE(height.value() + 1, row.first);
          EXPECT_LE(height.value(), row.journaled);
          return DigestOf(height.value());
        });
    ASSERT_TRUE(decision);
    ASSERT_EQ(decision->outcome, row.outcome) << decision->text;
    if (row.outcome == AttachOutcome::kAttach) {
      EXPECT_EQ(decision->base.height, Height(row.base));
      EXPECT_EQ(decision->base.digest, DigestOf(row.base));
      EXPECT_EQ(decision->reason, row.reason);
    } else {
      EXPECT_FALSE(decision->text.empty());
    }
    if (row.outcome == AttachOutcome::kAhead) {
      EXPECT_EQ(decision->base.height, Height(row.base));
    }
  }
}

struct ChosenRow {
  const char* what;
  std::optional<SinkPosition> position;
  uint64_t first, journaled;
  bool first_answer;
  uint64_t stored;
  SinkStart start;
  OnGap on_gap;
  AttachOutcome outcome;
  uint64_t base = 0;
  AttachReason reason = AttachReason::kResumed;
  uint64_t skipped_from = 0;
  uint64_t committed = 0;  // 0: all that is journaled
};

TEST(Attach, WhereASinkBeginsByTheOperatorsChoice) {
  using O = AttachOutcome;
  constexpr SinkStart kLatest = SinkStart::kLatest;
  constexpr SinkStart kResume = SinkStart::kResume;
  constexpr OnGap kRefuse = OnGap::kRefuse;
  constexpr OnGap kSkip = OnGap::kSkip;
  const std::vector<ChosenRow> rows = {
      {"latest", SinkPosition(), 1, 20, true, 0, kLatest, kRefuse, O::kAttach, 20,
       AttachReason::kLatest},
      {"latest, though the beginning is gone", SinkPosition(), 5, 20, true, 0, kLatest, kRefuse,
       O::kAttach, 20, AttachReason::kLatest},
      {"latest, while heights wait at the gate", SinkPosition(), 5, 20, true, 0, kLatest, kRefuse,
       O::kAttach, 12, AttachReason::kLatest, 0, 12},
      {"latest of nothing is the beginning", SinkPosition(), 1, 0, true, 0, kLatest, kRefuse,
       O::kAttach, 0, AttachReason::kGenesis},
      {"latest is for sinks that hold nothing", At(12, 3), 5, 20, true, 12, kLatest, kRefuse,
       O::kAttach, 12, AttachReason::kResumed},
      {"what was lost is not begun anew", SinkPosition(), 5, 20, true, 9, kLatest, kRefuse,
       O::kGap},
      {"latest, a plugin without resume", std::nullopt, 1, 20, true, 0, kLatest, kRefuse,
       O::kAttach, 20, AttachReason::kLatest},
      {"latest, a plugin without resume that has acked", std::nullopt, 1, 20, true, 9, kLatest,
       kRefuse, O::kAttach, 9, AttachReason::kResumed},
      {"no second choice for one instance", SinkPosition(), 5, 20, false, 0, kLatest, kSkip,
       O::kGap},
      {"skip", At(2, 3), 5, 20, true, 2, kResume, kSkip, O::kAttach, 4, AttachReason::kGapSkipped,
       3},
      {"skip, empty", SinkPosition(), 5, 20, true, 9, kResume, kSkip, O::kAttach, 4,
       AttachReason::kGapSkipped, 1},
      {"skip, all was pruned", At(2, 3), 21, 20, true, 2, kResume, kSkip, O::kAttach, 20,
       AttachReason::kGapSkipped, 3},
      {"skip where nothing is missing", At(12, 3), 5, 20, true, 12, kResume, kSkip, O::kAttach, 12,
       AttachReason::kResumed},
      {"another history is not skipped", WithDigest(At(12, 3), 11), 5, 20, true, 12, kResume, kSkip,
       O::kDiverged},
      {"nor is another node's", At(2, 7), 5, 20, true, 2, kResume, kSkip, O::kForeign},
  };
  for (const ChosenRow& row : rows) {
    SCOPED_TRACE(row.what);
    AttachQuestion question = QuestionOf({row.what, row.position, row.first, row.journaled,
                                          row.first_answer, row.stored, row.outcome});
    question.committed = Height(row.committed == 0 ? row.journaled : row.committed);
    question.start = row.start;
    question.on_gap = row.on_gap;
    const Result<AttachDecision> decision =
        DecideAttach(question, [&](Height height) -> Result<Digest> {
          EXPECT_GE(height.value() + 1, row.first);
          return DigestOf(height.value());
        });
    ASSERT_TRUE(decision);
    ASSERT_EQ(decision->outcome, row.outcome) << decision->text;
    if (row.outcome != O::kAttach) continue;
    EXPECT_EQ(decision->base.height, Height(row.base));
    EXPECT_EQ(decision->base.digest, DigestOf(row.base));
    EXPECT_EQ(decision->reason, row.reason);
    EXPECT_EQ(decision->skipped_from, Height(row.skipped_from));
  }
}

struct SnapshotRowCase {
  const char* what;
  std::optional<SinkPosition> position;
  uint64_t first;
  bool first_answer;
  uint64_t stored;  // 0: no record
  SinkStart start;
  OnGap on_gap;
  bool on_record;
  AttachOutcome outcome;
  uint64_t committed = 20;
};

// The journal reaches to 20, the instance's epoch is 7.
TEST(Attach, WhenACopyOfTheStateReplacesWhatTheSinkHolds) {
  using O = AttachOutcome;
  constexpr SinkStart kSnapshot = SinkStart::kSnapshot;
  constexpr SinkStart kResume = SinkStart::kResume;
  constexpr OnGap kRefuse = OnGap::kRefuse;
  constexpr OnGap kCopies = OnGap::kSnapshot;
  const SinkPosition empty;
  const std::vector<SnapshotRowCase> rows = {
      {"a new sink", empty, 1, true, 0, kSnapshot, kRefuse, false, O::kSnapshot},
      {"a new sink, the beginning is gone", empty, 5, true, 0, kSnapshot, kRefuse, false,
       O::kSnapshot},
      {"there is no state yet", empty, 1, true, 0, kSnapshot, kRefuse, false, O::kAttach, 0},
      {"it has acked before", empty, 5, true, 9, kSnapshot, kRefuse, false, O::kGap},
      {"it holds something", At(12, 3), 5, true, 0, kSnapshot, kRefuse, false, O::kAttach},
      {"a gap", At(2, 3), 5, true, 2, kResume, kCopies, false, O::kSnapshot},
      {"a gap of an empty sink", empty, 5, true, 9, kResume, kCopies, false, O::kSnapshot},
      {"a gap of an instance once attached", At(2, 7), 5, false, 2, kResume, kCopies, false,
       O::kSnapshot},
      {"no gap", At(12, 3), 5, true, 12, kResume, kCopies, false, O::kAttach},
      {"another history is no gap", WithDigest(At(12, 3), 11), 5, true, 12, kResume, kCopies, false,
       O::kDiverged},
      {"on record", At(12, 3), 5, true, 12, kResume, kRefuse, true, O::kSnapshot},
      {"on record, of an emptied sink", empty, 5, true, 9, kResume, kRefuse, true, O::kSnapshot},
      {"on record, diverged", WithDigest(At(12, 3), 11), 5, true, 12, kResume, kRefuse, true,
       O::kSnapshot},
      {"on record, ahead", At(30, 3), 5, true, 20, kResume, kRefuse, true, O::kSnapshot},
      {"on record, a gap that is refused", At(2, 3), 5, true, 2, kResume, kRefuse, true,
       O::kSnapshot},
      {"on record, of another stream", OfStream(At(12, 3), "other"), 5, true, 12, kResume, kRefuse,
       true, O::kForeign},
      {"on record, of another node", At(12, 7), 5, true, 12, kResume, kCopies, true, O::kForeign},
      {"on record, fenced", At(12, 9), 5, false, 12, kResume, kCopies, true, O::kFenced},
      {"on record, and there is no state yet", empty, 1, true, 0, kResume, kRefuse, true,
       O::kAttach, 0},
  };
  for (const SnapshotRowCase& row : rows) {
    SCOPED_TRACE(row.what);
    AttachQuestion question = QuestionOf(
        {row.what, row.position, row.first, 20, row.first_answer, row.stored, row.outcome});
    question.committed = Height(row.committed);
    question.start = row.start;
    question.on_gap = row.on_gap;
    question.snapshot = row.on_record;
    const Result<AttachDecision> decision = DecideAttach(
        question, [](Height height) -> Result<Digest> { return DigestOf(height.value()); });
    ASSERT_TRUE(decision);
    EXPECT_EQ(decision->outcome, row.outcome) << decision->text;
  }
}

TEST(Attach, AfterASnapshotTheSinkMustStandAtIt) {
  const auto decide = [](SinkPosition position, uint64_t first) {
    AttachQuestion question =
        QuestionOf({"", std::move(position), first, 20, false, 2, AttachOutcome::kAttach});
    question.snapshot = true;
    question.committed = Height(20);
    question.copied = Base{Height(12), DigestOf(12)};
    return DecideAttach(question,
                        [](Height height) -> Result<Digest> { return DigestOf(height.value()); });
  };
  const Result<AttachDecision> whole = decide(At(12, 7), 5);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->outcome, AttachOutcome::kAttach);
  EXPECT_EQ(whole->reason, AttachReason::kAfterSnapshot);
  EXPECT_EQ(whole->base.height, Height(12));
  EXPECT_EQ(whole->base.digest, DigestOf(12));
  EXPECT_EQ(decide(At(12, 7), 13)->outcome, AttachOutcome::kAttach) << "13 is journaled";
  EXPECT_EQ(decide(At(12, 7), 14)->outcome, AttachOutcome::kSnapshot) << "13 is gone: once more";
  EXPECT_EQ(decide(SinkPosition(), 5)->outcome, AttachOutcome::kDiverged);
  EXPECT_EQ(decide(At(11, 7), 5)->outcome, AttachOutcome::kDiverged);
  EXPECT_EQ(decide(WithDigest(At(12, 7), 11), 5)->outcome, AttachOutcome::kDiverged);
  EXPECT_EQ(decide(At(12, 8), 5)->outcome, AttachOutcome::kFenced);
}

TEST(Attach, ATextSaysWhatIsMissingAndWhatToDo) {
  Row row{"", SinkPosition(), 5, 20, true, 9, AttachOutcome::kGap};
  auto digest = [](Height height) -> Result<Digest> { return DigestOf(height.value()); };
  const Result<AttachDecision> decision = DecideAttach(QuestionOf(row), digest);
  ASSERT_TRUE(decision);
  EXPECT_EQ(
      decision->text,
      "the sink is empty although it has acked heights, and the journal begins at 5: heights "
      "1 to 4 are missing; give the sink the present state by `sluice sink snapshot`, or go on "
      "without them by on_gap = \"skip\"");
}

TEST(Attach, AnEpochThatOnceRefusedItIsNotPassedBySize) {
  Row row{"", At(12, 5), 5, 20, true, 9, AttachOutcome::kForeign};
  auto digest = [](Height height) -> Result<Digest> { return DigestOf(height.value()); };
  AttachQuestion question = QuestionOf(row);
  question.refused_epoch = Epoch(4);
  const Result<AttachDecision> refused = DecideAttach(question, digest);
  EXPECT_EQ(refused->outcome, AttachOutcome::kForeign) << "ours is 7 by now";
  EXPECT_EQ(refused->foreign_epoch, Epoch(5));
  EXPECT_NE(refused->text.find("has seen epoch 5, this node came with 4"), std::string::npos)
      << refused->text;
  // What the sink has seen since is older: nobody else has it.
  question.refused_epoch = Epoch(6);
  EXPECT_EQ(DecideAttach(question, digest)->outcome, AttachOutcome::kAttach);
}

TEST(Attach, AJournalThatCannotAnswerIsAnError) {
  Row row{"", At(12, 3), 5, 20, true, 9, AttachOutcome::kAttach};
  const Result<AttachDecision> decision = DecideAttach(
      QuestionOf(row),
      [](Height) -> Result<Digest> { return Error(StatusCode::kIo, "the disk does not answer"); });
  ASSERT_FALSE(decision);
  EXPECT_EQ(decision.error().code(), StatusCode::kIo);
}

}  // namespace
}  // namespace sluice
