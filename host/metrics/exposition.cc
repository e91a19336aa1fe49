// SPDX-License-Identifier: Apache-2.0
#include "metrics/exposition.h"

#include <fmt/core.h>
#include <prometheus/text_serializer.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "metrics/metric_table.h"

namespace sluice {
namespace {

std::string_view TypeName(prometheus::MetricType type) {
  switch (type) {
    case prometheus::MetricType::Counter:
      return "counter";
    case prometheus::MetricType::Gauge:
      return "gauge";
    case prometheus::MetricType::Histogram:
      return "histogram";
    default:
      return "untyped";
  }
}

}  // namespace

std::string MetricsText(const MetricsSource& source) {
  std::vector<prometheus::MetricFamily> families;
  for (const MetricRow& row : MetricTable()) {
    prometheus::MetricFamily family;
    family.name = row.name;
    family.help = row.help;
    family.type = row.type;
    row.collect(source, &family);
    families.push_back(std::move(family));
  }
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return std::move(out).str();
}

std::string MetricsReference() {
  std::string out =
      "# Metrics\n\n"
      "`GET /metrics` at `admin.metrics_listen`, in Prometheus's text format. Times are in "
      "seconds;\n"
      "histograms have buckets from 1 µs to 1000 s. `sluice config reference --metrics` prints "
      "this "
      "page.\n\n"
      "| metric | type | labels | means |\n|---|---|---|---|\n";
  for (const MetricRow& row : MetricTable()) {
    out += fmt::format("| `{}` | {} | {} | {} |\n", row.name, TypeName(row.type), row.labels,
                       row.help);
  }
  return out;
}

std::string MetricsReferenceJson() {
  std::string out;
  for (const MetricRow& row : MetricTable()) {
    const nlohmann::ordered_json object = {{"name", row.name},
                                           {"type", TypeName(row.type)},
                                           {"labels", row.labels},
                                           {"help", row.help}};
    out += object.dump() + "\n";
  }
  return out;
}

}  // namespace sluice
