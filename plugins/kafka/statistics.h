// SPDX-License-Identifier: Apache-2.0
//
// librdkafka's statistics as the sink's metrics. The table of names is in docs/sinks/kafka.md.
//
// librdkafka tells totals since its client was made, and per broker; the host is told what has been
// added since the last time, over all brokers, so that counters go on over instances.
//
// Threading: one thread at a time. Ownership: a value that borrows nothing but the host's table.
#pragma once

#include <cstdint>
#include <map>
#include <sluice/plugin.hpp>
#include <string>
#include <string_view>

namespace sluice_kafka {

class Statistics {
 public:
  explicit Statistics(sluice::sdk::Metrics metrics) : metrics_(metrics) {}

  // `json`: one document as librdkafka emits it (its STATISTICS.md); anything else is passed over.
  void Take(std::string_view json);

 private:
  void Count(const char* name, int64_t total);

  const sluice::sdk::Metrics metrics_;
  std::map<std::string_view, int64_t> totals_;  // by metric, as told last
};

}  // namespace sluice_kafka
