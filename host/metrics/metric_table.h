// SPDX-License-Identifier: Apache-2.0
//
// Every metric of the node, one row each: its name, what it means, and where its values come from.
// The exposition and docs/metrics.md are both made of these rows. Threading: constant.
#pragma once

#include <prometheus/metric_family.h>

#include <span>
#include <string_view>

#include "metrics/exposition.h"

namespace sluice {

struct MetricRow {
  using Collect = void (*)(const MetricsSource& source, prometheus::MetricFamily* family);

  std::string_view name;
  prometheus::MetricType type;
  std::string_view labels;  // for people: "sink, state"; empty: none
  std::string_view help;
  Collect collect;
};

std::span<const MetricRow> MetricTable();

}  // namespace sluice
