// SPDX-License-Identifier: Apache-2.0
#include "metrics/exposition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <set>

#include "metrics/metric_table.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

class Exposition : public testing::Test {
 protected:
  Exposition() {
    source_.pipeline = &pipeline_;
    source_.sinks = {{"audit", &audit_}};
    SinkStatus sink;
    sink.name = "audit";
    sink.lifecycle = "repairing";
    sink.watermark = Height(41);
    sink.lag_seconds = 1.5;
    sink.retries = 3;
    source_.status.sinks = {sink};
    source_.status.height = Height(42);
    source_.status.version = "1.2.3";
  }

  PipelineCounters pipeline_;
  SinkCounters audit_;
  MetricsSource source_;
};

TEST_F(Exposition, SaysWhereTheNodeStands) {
  pipeline_.commit_time.Record(milliseconds(3));
  pipeline_.CountPolicyFailure(OnFailure::kDegrade);
  const std::string text = MetricsText(source_);
  EXPECT_THAT(text, HasSubstr("# TYPE sluice_height gauge\nsluice_height 42\n"));
  EXPECT_THAT(text, HasSubstr("sluice_build_info{version=\"1.2.3\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE sluice_commit_seconds histogram\n"));
  EXPECT_THAT(text, HasSubstr("sluice_commit_seconds_count 1\nsluice_commit_seconds_sum 0.003"));
  EXPECT_THAT(text, HasSubstr("sluice_commit_seconds_bucket{le=\"0.0025\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("sluice_commit_seconds_bucket{le=\"0.005"));
  EXPECT_THAT(text, HasSubstr("sluice_commit_seconds_bucket{le=\"+Inf\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("sluice_policy_failures_total{action=\"degrade\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("sluice_policy_failures_total{action=\"halt\"} 0\n"));
}

TEST_F(Exposition, SaysWhereEachSinkStands) {
  audit_.CountError(StatusCode::kRetry);
  audit_.CountError(StatusCode::kRetry);
  audit_.CountError(StatusCode::kFailed);
  audit_.delivered_changes = 7;
  const std::string text = MetricsText(source_);
  EXPECT_THAT(text, HasSubstr("sluice_sink_watermark{sink=\"audit\"} 41\n"));
  EXPECT_THAT(text, HasSubstr("sluice_sink_lag_seconds{sink=\"audit\"} 1.5\n"));
  EXPECT_THAT(text, HasSubstr("sluice_sink_lifecycle{sink=\"audit\",state=\"repairing\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("sluice_sink_lifecycle{sink=\"audit\",state=\"running\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("sluice_delivered_changes_total{sink=\"audit\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("sluice_retries_total{sink=\"audit\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("sluice_errors_total{sink=\"audit\",code=\"RETRY\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("sluice_errors_total{sink=\"audit\",code=\"FAILED\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("code=\"BUSY\"")));
}

TEST_F(Exposition, LabelIsQuoted) {
  source_.status.version = "a\"b\\c\nd";
  EXPECT_THAT(MetricsText(source_), HasSubstr(R"(version="a\"b\\c\nd")"));
}

TEST_F(Exposition, NamesAreOfTheirKindAndStandOnce) {
  std::set<std::string_view> names;
  for (const MetricRow& row : MetricTable()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_EQ(row.name.substr(0, 7), "sluice_");
    EXPECT_EQ(row.name.ends_with("_total"), row.type == prometheus::MetricType::Counter)
        << row.name;
    if (row.type == prometheus::MetricType::Histogram) {
      EXPECT_TRUE(row.name.ends_with("_seconds")) << row.name;
    }
    EXPECT_FALSE(row.help.empty());
    EXPECT_THAT(MetricsReference(), HasSubstr("`" + std::string(row.name) + "`"));
  }
}

}  // namespace
}  // namespace sluice
