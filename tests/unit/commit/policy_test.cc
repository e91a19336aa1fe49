// SPDX-License-Identifier: Apache-2.0
#include "commit/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice {
namespace {

using testing::HasSubstr;

std::vector<PolicySink> Sinks() {
  return {{SinkName("audit")},
          {SinkName("kafka")},
          {SinkName("pg")},
          {SinkName("quiet"), /*counted=*/false},
          {SinkName("off"), /*counted=*/true, /*enabled=*/false}};
}

Policy Resolved(std::string_view text) {
  Result<Policy> policy = ResolvePolicy(text, Sinks());
  EXPECT_TRUE(policy) << policy.error().message();
  return policy ? *policy : Policy();
}

std::string Refused(std::string_view text) {
  Result<Policy> policy = ResolvePolicy(text, Sinks());
  EXPECT_FALSE(policy) << text << " was taken";
  if (policy) return "";
  EXPECT_EQ(policy.error().code(), StatusCode::kConfiguration);
  return policy.error().message();
}

TEST(AckPolicy, AllMeansEveryCountingEnabledSink) {
  Policy policy = Resolved("all");
  ASSERT_EQ(policy.terms.size(), 1u);
  EXPECT_EQ(policy.terms[0].needed, 3u);
  EXPECT_EQ(policy.terms[0].sinks, (std::vector<size_t>{0, 1, 2}));
  EXPECT_FALSE(policy.Involves(3));
}

TEST(AckPolicy, TermsAreJoinedByAnd) {
  Policy policy = Resolved("  all( audit )and 1 of(kafka,pg)");
  ASSERT_EQ(policy.terms.size(), 2u);
  EXPECT_EQ(policy.terms[0].needed, 1u);
  EXPECT_EQ(policy.terms[1].needed, 1u);
  EXPECT_EQ(policy.terms[1].sinks, (std::vector<size_t>{1, 2}));
}

TEST(AckPolicy, FireAndForgetNeedsNobody) {
  EXPECT_TRUE(Resolved("fire-and-forget").fire_and_forget);
  EXPECT_TRUE(ResolvePolicy("fire-and-forget", {})) << "no sinks at all is a plain store";
}

TEST(AckPolicy, GrammarErrorsNameTheColumn) {
  EXPECT_THAT(Refused(""), HasSubstr("column 1: expected 'fire-and-forget'"));
  EXPECT_THAT(Refused("2 kafka"), HasSubstr("column 3: expected 'of'"));
  EXPECT_THAT(Refused("2 of kafka"), HasSubstr("column 6: expected '('"));
  EXPECT_THAT(Refused("2 of (kafka pg)"), HasSubstr("column 13: expected ',' or ')'"));
  EXPECT_THAT(Refused("all(kafka,)"), HasSubstr("column 11: expected a sink's name"));
  EXPECT_THAT(Refused("all or pg"), HasSubstr("column 5: expected 'and' or the end"));
  EXPECT_THAT(Refused("fire-and-forget and all"), HasSubstr("column 17"));
  EXPECT_THAT(Refused("99999 of (pg)"), HasSubstr("column 1"));
}

TEST(AckPolicy, NamesAreChecked) {
  EXPECT_THAT(Refused("all(kafak)"), HasSubstr("did you mean 'kafka'?"));
  EXPECT_THAT(Refused("all(pg, pg)"), HasSubstr("twice"));
  EXPECT_THAT(Refused("all(quiet)"), HasSubstr("ack = false"));
  EXPECT_THAT(Refused("all(off)"), HasSubstr("enabled = false"));
  EXPECT_THAT(Refused("3 of (kafka, pg)"), HasSubstr("can never hold"));
  EXPECT_THAT(Refused("0 of (kafka, pg)"), HasSubstr("always true"));
}

TEST(AckPolicy, AllWithoutACountingSinkIsAnError) {
  Result<Policy> policy = ResolvePolicy("all", {{SinkName("quiet"), false}});
  ASSERT_FALSE(policy);
  EXPECT_THAT(policy.error().message(), HasSubstr("no sink to wait for"));
}

TEST(AckPolicy, IsSaidInWords) {
  EXPECT_EQ(
      DescribePolicy(Resolved("all(audit) and 1 of (kafka, pg)"), Sinks(), AckLevel::kDurable),
      "a height commits when audit has acked it, and at least 1 of kafka and pg has acked it "
      "(level durable)");
}

}  // namespace
}  // namespace sluice
