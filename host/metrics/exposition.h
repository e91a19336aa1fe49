// SPDX-License-Identifier: Apache-2.0
//
// What the node tells Prometheus: the text exposition format, version 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/), from the same values as the
// status document. metric_table.cc says what there is; docs/metrics.md is printed from it.
//
// Threading: pure functions; counters may grow meanwhile.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "commit/pipeline_counters.h"
#include "delivery/sink_counters.h"
#include "node/node_status.h"

namespace sluice {

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

struct MetricsSource {
  struct Sink {
    std::string name;
    const SinkCounters* counters = nullptr;
  };
  NodeStatus status;
  const PipelineCounters* pipeline = nullptr;
  std::vector<Sink> sinks;  // those that have a loop
};

std::string MetricsText(const MetricsSource& source);

// docs/metrics.md.
std::string MetricsReference();
// One object a line: name, type, labels, help.
std::string MetricsReferenceJson();

}  // namespace sluice
