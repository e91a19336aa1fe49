// SPDX-License-Identifier: Apache-2.0
#include "kafka/topics.h"

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string_view>

namespace sluice_kafka {

using sluice::sdk::Status;

namespace {

// A record's key, headers and framing beside what message.max.bytes counts.
constexpr uint64_t kRecordOverhead = 64 * 1024;
// Of the admin API.
constexpr int kRequestMs = 5000;
// One broker of several may refuse credentials that the others take: they are given this long.
constexpr std::chrono::seconds kRefusedTime{2};

struct DestroyMetadata {
  void operator()(const struct rd_kafka_metadata* metadata) const {
    rd_kafka_metadata_destroy(metadata);
  }
};
struct DestroyNewTopic {
  void operator()(rd_kafka_NewTopic_t* topic) const { rd_kafka_NewTopic_destroy(topic); }
};
struct DestroyOptions {
  void operator()(rd_kafka_AdminOptions_t* options) const {
    rd_kafka_AdminOptions_destroy(options);
  }
};
struct DestroyQueue {
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
};
struct DestroyEvent {
  void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
};

struct DestroyResource {
  void operator()(rd_kafka_ConfigResource_t* resource) const {
    rd_kafka_ConfigResource_destroy(resource);
  }
};

Status Cancelled() { return Status::Cancelled("the call was cancelled"); }

std::string Command(const TopicPlan& plan) {
  std::string text = "kafka-topics.sh --create --topic " + plan.name + " --partitions " +
                     std::to_string(plan.partitions);
  if (plan.replication > 0) text += " --replication-factor " + std::to_string(plan.replication);
  for (const auto& [name, value] : plan.config) text += " --config " + name + "=" + value;
  return text;
}

// What the broker answered for the one topic.
Status ResultOf(rd_kafka_event_t* event, const TopicPlan& plan, bool* again) {
  *again = false;
  rd_kafka_resp_err_t code = rd_kafka_event_error(event);
  std::string text = code == RD_KAFKA_RESP_ERR_NO_ERROR ? "" : rd_kafka_event_error_string(event);
  if (const auto* result = rd_kafka_event_CreateTopics_result(event); result != nullptr) {
    size_t count = 0;
    const rd_kafka_topic_result_t** topics = rd_kafka_CreateTopics_result_topics(result, &count);
    if (count == 1) {
      code = rd_kafka_topic_result_error(topics[0]);
      const char* reason = rd_kafka_topic_result_error_string(topics[0]);
      text = reason == nullptr ? rd_kafka_err2str(code) : reason;
    }
  }
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
    return Status::Ok();
  }
  *again = code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR_NOT_CONTROLLER ||
           code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT;
  const std::string what = "topic " + plan.name + " cannot be created: " + text + " (" +
                           rd_kafka_err2name(code) + "); have it created: " + Command(plan);
  return Status::Retry(what);
}

// The answer to a request of the admin API; null once the call is over.
std::unique_ptr<rd_kafka_event_t, DestroyEvent> WaitFor(rd_kafka_queue_t* queue,
                                                        const CallLimit& limit) {
  std::unique_ptr<rd_kafka_event_t, DestroyEvent> event;
  while (event == nullptr && !limit.cancelled()) {
    event.reset(rd_kafka_queue_poll(queue, limit.SliceMs()));
  }
  return event;
}

// The one resource's value of `name` in an answer; empty: it is not told.
std::string ConfigIn(rd_kafka_event_t* event, std::string_view name) {
  const auto* result = rd_kafka_event_DescribeConfigs_result(event);
  if (result == nullptr) return "";
  size_t count = 0;
  const rd_kafka_ConfigResource_t** resources =
      rd_kafka_DescribeConfigs_result_resources(result, &count);
  if (count != 1) return "";
  size_t entries = 0;
  const rd_kafka_ConfigEntry_t** entry = rd_kafka_ConfigResource_configs(resources[0], &entries);
  for (size_t i = 0; i < entries; ++i) {
    const char* value = rd_kafka_ConfigEntry_value(entry[i]);
    if (name == rd_kafka_ConfigEntry_name(entry[i]) && value != nullptr) return value;
  }
  return "";
}

}  // namespace

TopicPlan PlanDataTopic(const Settings& settings, const std::string& name,
                        uint64_t max_message_bytes) {
  TopicPlan plan;
  plan.name = name;
  plan.partitions = settings.layout == Layout::kBlocks ? 1 : settings.partitions;
  plan.replication = settings.replication;
  plan.config.emplace_back("cleanup.policy", settings.cleanup_policy);
  if (settings.cleanup_policy == "delete") {
    plan.config.emplace_back("retention.ms", "-1");
    plan.config.emplace_back("retention.bytes", "-1");  // whatever the cluster's default is
  }
  plan.config.emplace_back("max.message.bytes",
                           std::to_string(max_message_bytes + kRecordOverhead));
  return plan;
}

TopicPlan PlanPositionTopic(const Settings& settings) {
  TopicPlan plan;
  plan.name = settings.position_topic;
  plan.replication = settings.replication;
  // Small segments that are soon closed: only closed ones are compacted, and the topic is read at
  // every start.
  plan.config = {{"cleanup.policy", "compact"},
                 {"segment.bytes", "4194304"},
                 {"segment.ms", "3600000"},
                 {"min.cleanable.dirty.ratio", "0.1"}};
  return plan;
}

Status CountPartitions(Client* consumer, const std::string& topic, const CallLimit& limit,
                       int* partitions) {
  *partitions = 0;
  rd_kafka_topic_t* handle = consumer->Topic(topic);
  if (handle == nullptr) return Status::Invalid("topic " + topic + ": librdkafka refuses the name");
  std::string why;
  const int refusals_before = consumer->refusals();
  std::optional<CallLimit> refused;
  while (!limit.over()) {
    // Only people can mend that: they are told soon.
    if (refused && refused->over()) break;
    if (!refused && consumer->refusals() > refusals_before) refused.emplace(kRefusedTime, nullptr);
    const struct rd_kafka_metadata* raw = nullptr;
    const rd_kafka_resp_err_t code =
        rd_kafka_metadata(consumer->raw(), 0, handle, &raw, limit.SliceMs());
    const std::unique_ptr<const struct rd_kafka_metadata, DestroyMetadata> metadata(raw);
    consumer->Poll(0);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      why = Describe(code);
      continue;
    }
    if (metadata->topic_cnt != 1) return Status::Ok();
    const rd_kafka_metadata_topic& found = metadata->topics[0];
    if (found.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      *partitions = found.partition_cnt;
      return Status::Ok();
    }
    if (found.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) return Status::Ok();
    why = Describe(found.err);
    if (found.err != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) break;
    consumer->Poll(limit.SliceMs());
  }
  if (limit.cancelled()) return Cancelled();
  return Status::Retry("topic " + topic + ": no answer from the brokers: " + why +
                       consumer->Trouble());
}

Status EnsureTopic(Client* consumer, const Settings& settings, const TopicPlan& plan,
                   const CallLimit& limit) {
  int partitions = 0;
  Status status = CountPartitions(consumer, plan.name, limit, &partitions);
  if (!status.ok() || partitions > 0) return status;
  if (!settings.create) {
    return Status::Invalid("topic " + plan.name +
                           " is not there, and create = false; have it created: " + Command(plan));
  }
  std::array<char, 256> text{};
  const std::unique_ptr<rd_kafka_NewTopic_t, DestroyNewTopic> topic(rd_kafka_NewTopic_new(
      plan.name.c_str(), plan.partitions, plan.replication == 0 ? -1 : plan.replication,
      text.data(), text.size()));
  if (topic == nullptr) return Status::Invalid("topic " + plan.name + ": " + text.data());
  for (const auto& [name, value] : plan.config) {
    rd_kafka_NewTopic_set_config(topic.get(), name.c_str(), value.c_str());
  }
  const std::unique_ptr<rd_kafka_queue_t, DestroyQueue> queue(rd_kafka_queue_new(consumer->raw()));
  do {
    const std::unique_ptr<rd_kafka_AdminOptions_t, DestroyOptions> options(
        rd_kafka_AdminOptions_new(consumer->raw(), RD_KAFKA_ADMIN_OP_CREATETOPICS));
    rd_kafka_AdminOptions_set_request_timeout(options.get(), kRequestMs, nullptr, 0);
    rd_kafka_AdminOptions_set_operation_timeout(options.get(), kRequestMs, nullptr, 0);
    rd_kafka_NewTopic_t* topics[] = {topic.get()};
    rd_kafka_CreateTopics(consumer->raw(), topics, 1, options.get(), queue.get());
    const auto event = WaitFor(queue.get(), limit);
    if (event == nullptr) return Cancelled();
    bool again = false;
    status = ResultOf(event.get(), plan, &again);
    if (status.ok() || !again) break;
    consumer->Poll(limit.SliceMs());  // some of these errors come at once
  } while (!limit.over());
  if (!status.ok()) return status;
  // Created is not yet known everywhere: wait until it is seen.
  while (!limit.over()) {
    status = CountPartitions(consumer, plan.name, limit, &partitions);
    if (!status.ok() || partitions > 0) return status;
    consumer->Poll(limit.SliceMs());
  }
  if (limit.cancelled()) return Cancelled();
  return Status::Retry("topic " + plan.name + " was created, but no broker knows it yet");
}

Status CheckCompacted(Client* consumer, const std::string& topic, const CallLimit& limit) {
  const std::unique_ptr<rd_kafka_ConfigResource_t, DestroyResource> resource(
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
  const std::unique_ptr<rd_kafka_AdminOptions_t, DestroyOptions> options(
      rd_kafka_AdminOptions_new(consumer->raw(), RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS));
  rd_kafka_AdminOptions_set_request_timeout(options.get(), kRequestMs, nullptr, 0);
  const std::unique_ptr<rd_kafka_queue_t, DestroyQueue> queue(rd_kafka_queue_new(consumer->raw()));
  rd_kafka_ConfigResource_t* resources[] = {resource.get()};
  rd_kafka_DescribeConfigs(consumer->raw(), resources, 1, options.get(), queue.get());
  const auto event = WaitFor(queue.get(), limit);
  if (event == nullptr) return Cancelled();
  const std::string policy = ConfigIn(event.get(), "cleanup.policy");
  if (policy.empty() || policy == "compact") return Status::Ok();
  return Status::Invalid("position topic " + topic + " has cleanup.policy=" + policy +
                         ", with which the broker would remove the sink's position some day; set "
                         "it: kafka-configs.sh --alter --entity-type topics --entity-name " +
                         topic + " --add-config cleanup.policy=compact");
}

}  // namespace sluice_kafka
