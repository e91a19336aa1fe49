// SPDX-License-Identifier: Apache-2.0
//
// The Kafka sink's settings: their parsed form (settings_schema.h has the rows that the host
// checks). Threading: values.
#pragma once

#include <chrono>
#include <cstdint>
#include <sluice/plugin.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice_kafka {

enum class Layout { kChanges, kBlocks };
enum class Encoding { kProtobuf, kJson };

struct Settings {
  std::string brokers;
  std::string topic;  // may hold {store}
  Layout layout = Layout::kChanges;
  Encoding encoding = Encoding::kProtobuf;
  bool create = true;
  int partitions = 1;
  int replication = 0;  // 0: the cluster's default
  std::string cleanup_policy = "delete";
  bool transactions = true;
  uint64_t batch_blocks = 1000;
  uint64_t batch_bytes = 8 * 1024 * 1024;
  std::chrono::milliseconds linger{0};
  uint64_t chunk_bytes = 900 * 1024;
  std::string position_topic;  // as used: never empty
  // librdkafka's own, in the order of their names.
  std::vector<std::pair<std::string, std::string>> properties;

  bool topic_per_store() const { return topic.find("{store}") != std::string::npos; }
};

// `json`: completed by the host (durations in milliseconds, sizes in bytes). INVALID: which setting
// is wrong, and what it should be; never with the value of a credential.
sluice::sdk::Status ParseSettings(std::string_view json, std::string_view stream,
                                  Settings* settings);

// Whether the value of the librdkafka property must not be shown.
bool IsCredential(std::string_view property);

// As the settings have them.
const char* NameOf(Layout layout);
const char* NameOf(Encoding encoding);

// The topic of a store's changes.
std::string TopicOf(const Settings& settings, std::string_view store);

}  // namespace sluice_kafka
