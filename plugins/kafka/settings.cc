// SPDX-License-Identifier: Apache-2.0
#include "kafka/settings.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace sluice_kafka {
namespace {

using nlohmann::json;
using sluice::sdk::Status;

constexpr std::string_view kStorePlace = "{store}";

Status Wrong(const std::string& name, const std::string& what) {
  return Status::Invalid("setting " + name + ": " + what);
}

// Reads members of one object; keeps the first thing that is wrong.
class Reader {
 public:
  explicit Reader(const json& object) : object_(object) {}

  void Text(const char* name, std::string* out) {
    const auto found = object_.find(name);
    if (found == object_.end()) return;
    if (!found->is_string()) return Keep(Wrong(name, "must be a text"));
    *out = found->get<std::string>();
  }
  void Flag(const char* name, bool* out) {
    const auto found = object_.find(name);
    if (found == object_.end()) return;
    if (!found->is_boolean()) return Keep(Wrong(name, "true or false"));
    *out = found->get<bool>();
  }
  template <typename Number>
  void Whole(const char* name, Number* out) {
    const auto found = object_.find(name);
    if (found == object_.end()) return;
    if (!found->is_number_unsigned()) return Keep(Wrong(name, "must be a number, 0 or above"));
    *out = found->get<Number>();
  }
  void Keep(Status status) {
    if (status_.ok()) status_ = std::move(status);
  }
  const Status& status() const { return status_; }

 private:
  const json& object_;
  Status status_;
};

// {"sasl":{"username":"x"}} and {"sasl.username":"x"} name the same property.
Status Flatten(const json& table, const std::string& prefix,
               std::vector<std::pair<std::string, std::string>>* out) {
  for (const auto& [name, value] : table.items()) {
    const std::string path = prefix + name;
    if (value.is_object()) {
      if (Status status = Flatten(value, path + ".", out); !status.ok()) return status;
    } else if (value.is_string()) {
      out->emplace_back(path, value.get<std::string>());
    } else if (value.is_boolean() || value.is_number()) {
      out->emplace_back(path, value.dump());
    } else {
      return Wrong("producer." + path, "must be a text, a number, true or false");
    }
  }
  return Status::Ok();
}

// What the sink itself decides, and would break if it were another's.
Status CheckProperty(const std::string& name, const std::string& value) {
  const std::string setting = "producer." + name;
  if (name == "bootstrap.servers" || name == "metadata.broker.list") {
    return Wrong(setting, "is given by the setting brokers");
  }
  if (name == "transactional.id") return Wrong(setting, "is <stream>.<sink>; remove it");
  if (name == "enable.idempotence" && value != "true") {
    return Wrong(setting, "must stay true: without it the broker may reorder and repeat records");
  }
  if (name == "partitioner" && (value == "random" || value == "consistent_random")) {
    return Wrong(setting, "must give each key one partition, also the empty one: " + value +
                              " does not; use murmur2, consistent or fnv1a");
  }
  if (name == "enable.gapless.guarantee" || name == "isolation.level" ||
      name == "allow.auto.create.topics") {
    return Wrong(setting, "is decided by the sink; remove it");
  }
  return Status::Ok();
}

// As the broker has it: at most 249 of [a-zA-Z0-9._-], neither "." nor "..".
bool IsTopicName(std::string_view name) {
  if (name.empty() || name.size() > 249 || name == "." || name == "..") return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

Status CheckTopics(const Settings& settings) {
  std::string plain = settings.topic;
  if (const size_t at = plain.find(kStorePlace); at != std::string::npos) {
    plain.replace(at, kStorePlace.size(), "s");
  }
  if (!IsTopicName(plain)) {
    return Wrong("topic", "\"" + settings.topic +
                              "\" is no topic name: at most 249 of a-z, A-Z, 0-9, '.', '_', '-', "
                              "and {store} once");
  }
  if (!IsTopicName(settings.position_topic)) {
    return Wrong("position_topic", "\"" + settings.position_topic + "\" is no topic name");
  }
  if (settings.topic == settings.position_topic) {
    return Wrong("position_topic", "must be another topic than the one of the records");
  }
  if (settings.layout == Layout::kBlocks && settings.topic_per_store()) {
    return Wrong("topic", "{store} goes with layout changes only: a block holds several stores");
  }
  if (settings.layout == Layout::kBlocks && settings.cleanup_policy != "delete") {
    return Wrong("cleanup_policy", "layout blocks needs delete: compaction would remove blocks");
  }
  return Status::Ok();
}

}  // namespace

Status ParseSettings(std::string_view text, std::string_view stream, Settings* settings) {
  *settings = Settings();
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return Status::Invalid("the settings are not a JSON object");

  std::string layout = "changes";
  std::string encoding = "protobuf";
  int64_t linger_ms = 0;
  Reader reader(object);
  reader.Text("brokers", &settings->brokers);
  reader.Text("topic", &settings->topic);
  reader.Text("layout", &layout);
  reader.Text("encoding", &encoding);
  reader.Flag("create", &settings->create);
  reader.Whole("partitions", &settings->partitions);
  reader.Whole("replication", &settings->replication);
  reader.Text("cleanup_policy", &settings->cleanup_policy);
  reader.Flag("transactions", &settings->transactions);
  reader.Whole("batch_blocks", &settings->batch_blocks);
  reader.Whole("batch_bytes", &settings->batch_bytes);
  reader.Whole("linger", &linger_ms);
  reader.Whole("chunk_bytes", &settings->chunk_bytes);
  reader.Text("position_topic", &settings->position_topic);
  if (!reader.status().ok()) return reader.status();
  settings->linger = std::chrono::milliseconds(linger_ms);

  if (settings->brokers.empty()) return Wrong("brokers", "names the brokers and must be given");
  if (layout != "changes" && layout != "blocks") return Wrong("layout", "changes or blocks");
  settings->layout = layout == "blocks" ? Layout::kBlocks : Layout::kChanges;
  if (encoding != "protobuf" && encoding != "json") return Wrong("encoding", "protobuf or json");
  settings->encoding = encoding == "json" ? Encoding::kJson : Encoding::kProtobuf;
  if (settings->batch_blocks == 0) return Wrong("batch_blocks", "must be at least 1");
  if (settings->chunk_bytes == 0) return Wrong("chunk_bytes", "must be above 0");
  if (settings->position_topic.empty()) {
    settings->position_topic = "sluice." + std::string(stream) + ".position";
  }
  if (Status status = CheckTopics(*settings); !status.ok()) return status;

  const auto producer = object.find("producer");
  if (producer == object.end()) return Status::Ok();
  if (!producer->is_object()) return Wrong("producer", "must be a table of librdkafka properties");
  if (Status status = Flatten(*producer, "", &settings->properties); !status.ok()) return status;
  std::sort(settings->properties.begin(), settings->properties.end());
  for (const auto& [name, value] : settings->properties) {
    if (Status status = CheckProperty(name, value); !status.ok()) return status;
    if (settings->transactions) continue;
    if (name == "message.timeout.ms" || name == "delivery.timeout.ms") {
      return Wrong("producer." + name,
                   "goes with transactions only: without them a record that timed out would be "
                   "missing between others; remove it");
    }
    if (name == "max.in.flight" || name == "max.in.flight.requests.per.connection") {
      return Wrong("producer." + name,
                   "goes with transactions only: without them one request at a time keeps a "
                   "record from being stored after one that was refused; remove it");
    }
  }
  return Status::Ok();
}

bool IsCredential(std::string_view property) {
  constexpr std::array<std::string_view, 6> kParts = {"password",    "secret",  "token",
                                                      "oauthbearer", "key.pem", "_key"};
  return std::any_of(kParts.begin(), kParts.end(), [&](std::string_view part) {
    return property.find(part) != std::string_view::npos;
  });
}

const char* NameOf(Layout layout) { return layout == Layout::kBlocks ? "blocks" : "changes"; }

const char* NameOf(Encoding encoding) { return encoding == Encoding::kJson ? "json" : "protobuf"; }

std::string TopicOf(const Settings& settings, std::string_view store) {
  std::string topic = settings.topic;
  if (const size_t at = topic.find(kStorePlace); at != std::string::npos) {
    topic.replace(at, kStorePlace.size(), store);
  }
  return topic;
}

}  // namespace sluice_kafka
