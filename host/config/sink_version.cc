// SPDX-License-Identifier: Apache-2.0
#include "config/sink_version.h"

#include <openssl/evp.h>

#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "config/json_tree.h"

namespace sluice {

namespace {

ConfigNode TextList(const std::vector<std::string>& texts) {
  ConfigNode list = ConfigNode::List();
  for (const std::string& text : texts) list.items.push_back(ConfigNode::String(text));
  return list;
}

}  // namespace

std::string SinkConfigVersion(const SinkConfig& sink) {
  ConfigNode map = ConfigNode::Map();
  auto set = [&](std::string_view key, ConfigNode value) { map.Set(key, {}, std::move(value)); };
  auto set_count = [&](std::string_view key, uint64_t value) {
    set(key, ConfigNode::String(std::to_string(value)));
  };
  set("plugin", ConfigNode::String(sink.plugin));
  set("settings", sink.settings_tree);
  // What "*" means is the node's affair, and another list of stores that of its next start.
  set("stores", TextList(sink.all_stores ? std::vector<std::string>{"*"} : sink.stores));
  set("key_prefixes", TextList(sink.key_prefixes));
  set_count("max_in_flight", sink.max_in_flight);
  set_count("workers", sink.workers);
  set_count("queue_bytes", sink.queue_bytes);
  set("start", ConfigNode::Integer(static_cast<int>(sink.start)));
  set("on_gap", ConfigNode::Integer(static_cast<int>(sink.on_gap)));
  set("lazy", ConfigNode::Bool(sink.lazy));
  set("old_values", ConfigNode::Bool(sink.old_values));
  set("isolation", ConfigNode::Integer(static_cast<int>(sink.isolation)));
  set("sha256", ConfigNode::String(sink.sha256));
  set("retry_initial", ConfigNode::Integer(sink.retry.initial.count()));
  set("retry_max", ConfigNode::Integer(sink.retry.max.count()));
  set("retry_factor", ConfigNode::Number(sink.retry.factor));
  set("retry_jitter", ConfigNode::Number(sink.retry.jitter));
  set_count("retry_max_attempts", sink.retry.max_attempts);
  // Sorted: the order of keys in the file is no change.
  std::string text = ToJson(map, KeyOrder::kSorted);
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned int length = 0;
  int done = EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()),
                        &length, EVP_sha256(), nullptr);
  SLUICE_CHECK(done == 1, "SHA-256 failed");
  digest.resize(length);
  return ToHex(digest);
}

}  // namespace sluice
