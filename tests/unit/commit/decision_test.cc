// SPDX-License-Identifier: Apache-2.0
#include "commit/decision.h"

#include <gtest/gtest.h>

#include <random>

#include "support/seed.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

const TimePoint kStart{};
const TimePoint kDeadline = kStart + milliseconds(100);

// One letter a sink: A acked height 7, w still could, j joining, G gone, L left out, l left out but
// acked.
std::vector<SinkVote> Votes(std::string_view letters) {
  std::vector<SinkVote> votes;
  for (char letter : letters) {
    SinkVote vote;
    vote.watermark = Height(letter == 'A' || letter == 'l' ? 7 : 6);
    vote.availability = letter == 'G'   ? SinkAvailability::kGone
                        : letter == 'j' ? SinkAvailability::kJoining
                                        : SinkAvailability::kAvailable;
    vote.left_out = letter == 'L' || letter == 'l';
    votes.push_back(vote);
  }
  return votes;
}

Policy ThreeSinks(std::string_view text) {
  return *ResolvePolicy(text, {{SinkName("a")}, {SinkName("b")}, {SinkName("c")}});
}

struct Row {
  const char* policy;
  const char* sinks;
  bool late;
  Verdict verdict;
  std::vector<size_t> waiting_on;
};

TEST(AckDecision, EveryRowOfTheTable) {
  const Row rows[] = {
      {"fire-and-forget", "www", false, Verdict::kSatisfied, {}},
      {"fire-and-forget", "GGG", true, Verdict::kSatisfied, {}},
      {"all", "AAA", false, Verdict::kSatisfied, {}},
      {"all", "AAA", true, Verdict::kSatisfied, {}},
      {"all", "AwA", false, Verdict::kWaiting, {1}},
      {"all", "AjA", false, Verdict::kWaiting, {1}},
      {"all", "AwA", true, Verdict::kTimedOut, {1}},
      {"all", "AGA", false, Verdict::kUnsatisfiable, {1}},
      {"all", "AGw", true, Verdict::kUnsatisfiable, {1, 2}},
      {"2 of (a, b, c)", "AwA", false, Verdict::kSatisfied, {}},
      {"2 of (a, b, c)", "AGA", false, Verdict::kSatisfied, {}},
      {"2 of (a, b, c)", "Aww", false, Verdict::kWaiting, {1, 2}},
      {"2 of (a, b, c)", "AGw", false, Verdict::kWaiting, {1, 2}},
      {"2 of (a, b, c)", "AGG", false, Verdict::kUnsatisfiable, {1, 2}},
      {"2 of (a, b, c)", "GGw", false, Verdict::kUnsatisfiable, {0, 1, 2}},
      {"all(a) and 1 of (b, c)", "AwA", false, Verdict::kSatisfied, {}},
      {"all(a) and 1 of (b, c)", "wAA", false, Verdict::kWaiting, {0}},
      {"all(a) and 1 of (b, c)", "Aww", true, Verdict::kTimedOut, {1, 2}},
      {"all(a) and 1 of (b, c)", "AGG", false, Verdict::kUnsatisfiable, {1, 2}},
      {"all(a) and 1 of (b, c)", "GAA", false, Verdict::kUnsatisfiable, {0}},
      // Left out: neither counts against nor is needed.
      {"all", "ALA", false, Verdict::kSatisfied, {}},
      {"all", "wLA", false, Verdict::kWaiting, {0}},
      {"all", "AlA", false, Verdict::kSatisfied, {}},
      {"2 of (a, b, c)", "ALL", false, Verdict::kSatisfied, {}},
      {"2 of (a, b, c)", "wLL", false, Verdict::kWaiting, {0}},
      {"2 of (a, b, c)", "LLL", false, Verdict::kSatisfied, {}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.policy) + " with " + row.sinks + (row.late ? ", late" : ""));
    TimePoint now = row.late ? kDeadline : kStart;
    Decision decision = Decide(ThreeSinks(row.policy), Height(7), Votes(row.sinks), now, kDeadline);
    EXPECT_EQ(decision.verdict, row.verdict);
    EXPECT_EQ(decision.waiting_on, row.waiting_on);
  }
}

TEST(AckDecision, SaysWhenItHoldsOnlyByLeavingOut) {
  auto only = [](const char* policy, const char* sinks) {
    return Decide(ThreeSinks(policy), Height(7), Votes(sinks), kStart, kDeadline)
        .only_by_leaving_out;
  };
  EXPECT_TRUE(only("all", "ALA"));
  EXPECT_FALSE(only("all", "AlA"));
  EXPECT_FALSE(only("2 of (a, b, c)", "AAL"));
  EXPECT_TRUE(only("2 of (a, b, c)", "ALL"));
}

TEST(AckDecision, LateAcknowledgementOfTheHeightBeforeDoesNotSatisfy) {
  std::vector<SinkVote> votes = Votes("AAw");
  Decision decision = Decide(ThreeSinks("all"), Height(7), votes, kStart, kDeadline);
  EXPECT_EQ(decision.verdict, Verdict::kWaiting);
  votes[2].watermark = Height(6);
  EXPECT_EQ(Decide(ThreeSinks("all"), Height(7), votes, kStart, kDeadline).verdict,
            Verdict::kWaiting);
}

TEST(AckDecision, UncountedSinkNeverDelaysCommit) {
  Policy policy = *ResolvePolicy("all", {{SinkName("a")}, {SinkName("b"), /*counted=*/false}});
  Decision decision = Decide(policy, Height(7), Votes("AG"), kStart, kDeadline);
  EXPECT_EQ(decision.verdict, Verdict::kSatisfied);
}

TEST(AckDecision, WhatCanHoldWithoutASinkDoesNotNeedIt) {
  struct Without {
    const char* policy;
    const char* sinks;
    std::vector<size_t> without;
    bool holds;
  };
  const Without rows[] = {
      {"fire-and-forget", "www", {0, 1, 2}, true},
      {"fire-and-forget", "GGG", {0}, true},
      {"all", "www", {}, true},
      {"all", "www", {1}, false},
      {"all(a, b)", "www", {2}, true},
      {"all(a, b)", "GGw", {2}, true},
      {"all(a, b)", "www", {1}, false},
      {"1 of (a, b)", "www", {1}, true},
      {"1 of (a, b)", "www", {0, 1}, false},
      {"1 of (a, b)", "GGw", {1}, false},
      {"2 of (a, b, c)", "www", {1}, true},
      {"2 of (a, b, c)", "wGw", {1}, true},
      {"2 of (a, b, c)", "www", {0, 1}, false},
      {"2 of (a, b, c)", "Gww", {1}, false},
      {"2 of (a, b, c)", "jww", {1}, true},
      {"all(a) and 1 of (b, c)", "www", {1}, true},
      {"all(a) and 1 of (b, c)", "wwG", {1}, false},
      {"all(a) and 1 of (b, c)", "www", {0}, false},
      {"all(a, b) and 2 of (a, b, c)", "www", {2}, true},
      // That it has acked a height before says nothing of the next one.
      {"2 of (a, b, c)", "AAG", {0}, false},
      {"1 of (a, b)", "AG", {0}, false},
      // Left out: others decide already.
      {"all", "wLw", {1}, true},
      {"all", "wLw", {0}, false},
      {"2 of (a, b, c)", "wLw", {0}, false},
      {"2 of (a, b, c)", "wLG", {1}, true},
  };
  for (const Without& row : rows) {
    std::string without;
    for (size_t sink : row.without) without += "abc"[sink];
    SCOPED_TRACE(std::string(row.policy) + " with " + row.sinks + " without " + without);
    std::vector<SinkVote> votes = Votes(row.sinks);
    votes.resize(3);
    EXPECT_EQ(CanHoldWithout(ThreeSinks(row.policy), votes, row.without), row.holds);
  }
}

// An ack or a return can only help, a loss can only hurt.
TEST(AckDecision, IsMonotonic) {
  std::mt19937_64 random(testing_support::Seed());
  const char* policies[] = {"all", "1 of (a, b, c)", "2 of (a, b, c)", "all(a) and 1 of (b, c)",
                            "all(a, b) and 2 of (a, b, c)"};
  const std::string letters = "GwA";
  for (int round = 0; round < 2000; ++round) {
    Policy policy = ThreeSinks(policies[random() % 5]);
    std::string sinks;
    for (int i = 0; i < 3; ++i) sinks.push_back(letters[random() % 3]);
    size_t changed = random() % 3;
    if (sinks[changed] == 'A') continue;
    std::string better = sinks;
    better[changed] = letters[letters.find(sinks[changed]) + 1];
    Verdict before = Decide(policy, Height(7), Votes(sinks), kStart, kDeadline).verdict;
    Verdict after = Decide(policy, Height(7), Votes(better), kStart, kDeadline).verdict;
    if (before == Verdict::kSatisfied) {
      EXPECT_EQ(after, Verdict::kSatisfied) << sinks << better;
    }
    if (before == Verdict::kWaiting) {
      EXPECT_NE(after, Verdict::kUnsatisfiable) << sinks << better;
    }
  }
}

}  // namespace
}  // namespace sluice
