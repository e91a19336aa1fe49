// SPDX-License-Identifier: Apache-2.0
#include "metrics/metric_table.h"

#include <array>
#include <utility>

#include "base/types.h"
#include "lifecycle/step.h"

namespace sluice {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

void Gauge(MetricFamily* family, Labels labels, double value) {
  ClientMetric metric;
  metric.label = std::move(labels);
  metric.gauge.value = value;
  family->metric.push_back(std::move(metric));
}

void Counter(MetricFamily* family, Labels labels, uint64_t value) {
  ClientMetric metric;
  metric.label = std::move(labels);
  metric.counter.value = static_cast<double>(value);
  family->metric.push_back(std::move(metric));
}

void Histogram(MetricFamily* family, Labels labels, const LatencyHistogram& histogram) {
  const LatencyHistogram::Totals totals = histogram.totals();
  ClientMetric metric;
  metric.label = std::move(labels);
  for (const auto& bucket : totals.buckets) {
    metric.histogram.bucket.push_back({bucket.count, bucket.upper_seconds});
  }
  metric.histogram.sample_count = totals.count;
  metric.histogram.sample_sum = totals.sum_seconds;
  family->metric.push_back(std::move(metric));
}

double Number(Height height) { return static_cast<double>(height.value()); }
double Number(uint64_t count) { return static_cast<double>(count); }

// A gauge for each sink.
template <auto kField>
void SinkGauge(const MetricsSource& source, MetricFamily* family) {
  for (const SinkStatus& sink : source.status.sinks) {
    Gauge(family, {{"sink", sink.name}}, static_cast<double>(sink.*kField));
  }
}

void SinkWatermark(const MetricsSource& source, MetricFamily* family) {
  for (const SinkStatus& sink : source.status.sinks) {
    Gauge(family, {{"sink", sink.name}}, Number(sink.watermark));
  }
}

template <auto kField>
void SinkTotal(const MetricsSource& source, MetricFamily* family) {
  for (const MetricsSource::Sink& sink : source.sinks) {
    Counter(family, {{"sink", sink.name}}, (sink.counters->*kField).load());
  }
}

template <auto kField>
void SinkHistogram(const MetricsSource& source, MetricFamily* family) {
  for (const MetricsSource::Sink& sink : source.sinks) {
    Histogram(family, {{"sink", sink.name}}, sink.counters->*kField);
  }
}

// One of these is 1, so that a state can be counted and drawn.
void SinkLifecycle(const MetricsSource& source, MetricFamily* family) {
  constexpr std::array kStates = {LifecycleState::kInitializing, LifecycleState::kRunning,
                                  LifecycleState::kRepairing,    LifecycleState::kSuspending,
                                  LifecycleState::kSuspended,    LifecycleState::kDeleting};
  for (const SinkStatus& sink : source.status.sinks) {
    for (LifecycleState state : kStates) {
      const std::string_view name = LifecycleStateName(state);
      Gauge(family, {{"sink", sink.name}, {"state", std::string(name)}},
            sink.lifecycle == name ? 1 : 0);
    }
  }
}

void Errors(const MetricsSource& source, MetricFamily* family) {
  for (const MetricsSource::Sink& sink : source.sinks) {
    for (const auto& [code, count] : sink.counters->errors()) {
      Counter(family, {{"sink", sink.name}, {"code", std::string(StatusCodeName(code))}}, count);
    }
  }
}

// A counter for each sink, of those that the status document has too.
template <auto kField>
void SinkCounter(const MetricsSource& source, MetricFamily* family) {
  for (const SinkStatus& sink : source.status.sinks) {
    Counter(family, {{"sink", sink.name}}, sink.*kField);
  }
}

void PluginNumbers(const MetricsSource& source, MetricFamily* family) {
  for (const SinkStatus& sink : source.status.sinks) {
    for (const PluginMetrics::Value& metric : sink.metrics) {
      Gauge(family, {{"sink", sink.name}, {"name", metric.name}},
            static_cast<double>(metric.value));
    }
  }
}

void PolicyFailures(const MetricsSource& source, MetricFamily* family) {
  constexpr std::array kActions = {
      std::pair{OnFailure::kRecover, "recover"}, std::pair{OnFailure::kHalt, "halt"},
      std::pair{OnFailure::kWait, "wait"}, std::pair{OnFailure::kDegrade, "degrade"}};
  for (const auto& [action, name] : kActions) {
    Counter(family, {{"action", name}}, source.pipeline->policy_failures(action));
  }
}

constexpr MetricRow kRows[] = {
    {"sluice_build_info", MetricType::Gauge, "version", "Always 1; which program this is.",
     [](const MetricsSource& source, MetricFamily* family) {
       Gauge(family, {{"version", source.status.version}}, 1);
     }},
    {"sluice_height", MetricType::Gauge, "", "Committed height.",
     [](const MetricsSource& source, MetricFamily* family) {
       Gauge(family, {}, Number(source.status.height));
     }},
    {"sluice_journaled_height", MetricType::Gauge, "", "Journaled height, which will commit.",
     [](const MetricsSource& source, MetricFamily* family) {
       Gauge(family, {}, Number(source.status.journaled_height));
     }},
    {"sluice_commit_seconds", MetricType::Histogram, "", "From sealed to committed, a height.",
     [](const MetricsSource& source, MetricFamily* family) {
       Histogram(family, {}, source.pipeline->commit_time);
     }},
    {"sluice_gate_wait_seconds", MetricType::Histogram, "",
     "From delivered to let through by the policy, a height.",
     [](const MetricsSource& source, MetricFamily* family) {
       Histogram(family, {}, source.pipeline->gate_wait);
     }},
    {"sluice_fsync_seconds", MetricType::Histogram, "",
     "Writing one synced batch to the store, its fsync included.",
     [](const MetricsSource& source, MetricFamily* family) {
       Histogram(family, {}, source.pipeline->sync_time);
     }},
    {"sluice_policy_failures_total", MetricType::Counter, "action",
     "Heights whose policy did not hold in time, by what was done (commit.on_failure).",
     PolicyFailures},
    {"sluice_unacked_commits_total", MetricType::Counter, "",
     "Heights committed without the acks that the policy asks for.",
     [](const MetricsSource& source, MetricFamily* family) {
       Counter(family, {}, source.pipeline->unacked_commits.load());
     }},
    {"sluice_degraded", MetricType::Gauge, "", "1 while heights commit without all acks.",
     [](const MetricsSource& source, MetricFamily* family) {
       Gauge(family, {}, source.status.degraded ? 1 : 0);
     }},
    {"sluice_journal_bytes", MetricType::Gauge, "", "Estimated bytes that the journal holds.",
     [](const MetricsSource& source, MetricFamily* family) {
       Gauge(family, {}, Number(source.status.journal_bytes));
     }},
    {"sluice_journal_max_bytes", MetricType::Gauge, "", "The journal's cap; 0: none.",
     [](const MetricsSource& source, MetricFamily* family) {
       Gauge(family, {}, Number(source.status.journal_max_bytes));
     }},
    {"sluice_journal_first_height", MetricType::Gauge, "", "The lowest height that is kept.",
     [](const MetricsSource& source, MetricFamily* family) {
       Gauge(family, {}, Number(source.status.journal_first));
     }},
    {"sluice_sink_lifecycle", MetricType::Gauge, "sink, state",
     "1 for the state that the sink is in, 0 for the others.", SinkLifecycle},
    {"sluice_sink_watermark", MetricType::Gauge, "sink", "Acked up to here without a gap.",
     SinkWatermark},
    {"sluice_sink_lag_blocks", MetricType::Gauge, "sink", "Heights behind the journaled height.",
     SinkGauge<&SinkStatus::lag_blocks>},
    {"sluice_sink_lag_bytes", MetricType::Gauge, "sink", "Estimated bytes of those heights.",
     SinkGauge<&SinkStatus::lag_bytes>},
    {"sluice_sink_lag_seconds", MetricType::Gauge, "sink",
     "How long the oldest unacked height has been waiting.", SinkGauge<&SinkStatus::lag_seconds>},
    {"sluice_sink_queue_bytes", MetricType::Gauge, "sink", "Held in memory for the sink.",
     SinkGauge<&SinkStatus::queue_bytes>},
    {"sluice_ack_seconds", MetricType::Histogram, "sink",
     "From delivered to acked at the sink's level, a height.",
     SinkHistogram<&SinkCounters::ack_time>},
    {"sluice_delivered_blocks_total", MetricType::Counter, "sink",
     "Heights that the sink has taken, repeated ones too.",
     SinkTotal<&SinkCounters::delivered_blocks>},
    {"sluice_delivered_changes_total", MetricType::Counter, "sink", "Changes in those heights.",
     SinkTotal<&SinkCounters::delivered_changes>},
    {"sluice_delivered_bytes_total", MetricType::Counter, "sink",
     "Canonical bytes of those heights, after the sink's filter.",
     SinkTotal<&SinkCounters::delivered_bytes>},
    {"sluice_retries_total", MetricType::Counter, "sink",
     "Heights delivered again and instances begun again after a failure.",
     SinkCounter<&SinkStatus::retries>},
    {"sluice_errors_total", MetricType::Counter, "sink, code",
     "Failures of heights and of instances, by the code that last_error shows.", Errors},
    {"sluice_stale_acks_total", MetricType::Counter, "sink",
     "Acks and nacks that were refused: of an earlier instance, an earlier attempt, or of what was "
     "not delivered.",
     SinkCounter<&SinkStatus::stale_acks>},
    {"sluice_lifecycle_loop_seconds", MetricType::Histogram, "sink",
     "One round of the sink's control loop.", SinkHistogram<&SinkCounters::loop_time>},
    {"sluice_plugin_metric", MetricType::Gauge, "sink, name",
     "What a plugin counts or measures itself, by its own name, whose end is the unit.",
     PluginNumbers},
};

}  // namespace

std::span<const MetricRow> MetricTable() { return kRows; }

}  // namespace sluice
