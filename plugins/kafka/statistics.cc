// SPDX-License-Identifier: Apache-2.0
#include "kafka/statistics.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

namespace sluice_kafka {
namespace {

using nlohmann::json;

// 0 where it is missing: no version of librdkafka is held to the whole of its list.
int64_t Number(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

bool Is(const json& object, const char* name, const char* text) {
  const auto found = object.find(name);
  return found != object.end() && *found == text;
}

// The largest of what brokers measured in the time that a document tells about; nothing where none
// measured anything, which is no 0.
class Largest {
 public:
  void Take(const json& broker, const char* window) {
    const auto found = broker.find(window);
    if (found == broker.end() || !found->is_object() || Number(*found, "cnt") == 0) return;
    value_ = std::max(value_.value_or(0), Number(*found, "p99"));
  }
  const std::optional<int64_t>& value() const { return value_; }

 private:
  std::optional<int64_t> value_;
};

}  // namespace

void Statistics::Count(const char* name, int64_t total) {
  int64_t& last = totals_[name];
  // A broker that has left the cluster takes its share of a total with it.
  if (total > last) metrics_.Add(name, static_cast<uint64_t>(total - last));
  last = total;
}

void Statistics::Take(std::string_view text) {
  const json document = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) return;
  Count("messages_sent", Number(document, "txmsgs"));
  Count("message_bytes_sent", Number(document, "txmsg_bytes"));
  metrics_.Set("queued_messages", Number(document, "msg_cnt"));
  metrics_.Set("queued_bytes", Number(document, "msg_size"));

  const auto brokers = document.find("brokers");
  if (brokers == document.end() || !brokers->is_object()) return;
  int64_t up = 0, connects = 0, disconnects = 0, retries = 0, errors = 0, timeouts = 0;
  Largest round_trip, waited;
  for (const json& broker : *brokers) {
    if (!broker.is_object()) continue;
    // A bootstrap address has no number before it is known who answers there; the coordinator has
    // an entry of its own beside its broker's.
    const bool is_member = Number(broker, "nodeid") >= 0 && !Is(broker, "source", "logical");
    if (is_member && Is(broker, "state", "UP")) ++up;
    connects += Number(broker, "connects");
    disconnects += Number(broker, "disconnects");
    retries += Number(broker, "txretries");
    errors += Number(broker, "txerrs");
    timeouts += Number(broker, "req_timeouts");
    round_trip.Take(broker, "rtt");
    waited.Take(broker, "int_latency");
  }
  Count("connects", connects);
  Count("disconnects", disconnects);
  Count("request_retries", retries);
  Count("request_errors", errors);
  Count("request_timeouts", timeouts);
  metrics_.Set("brokers_up", up);
  // While a sink rests its last measurements stay.
  if (round_trip.value()) metrics_.Set("broker_rtt_p99_micros", *round_trip.value());
  if (waited.value()) metrics_.Set("queue_wait_p99_micros", *waited.value());
}

}  // namespace sluice_kafka
