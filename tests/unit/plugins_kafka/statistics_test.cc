// SPDX-License-Identifier: Apache-2.0
#include "kafka/statistics.h"

#include <gmock/gmock.h>

#include <map>
#include <string>

namespace sluice_kafka {
namespace {

using testing::Contains;
using testing::IsEmpty;
using testing::Pair;

// The host's side of sluice.metrics/1: keeps what it is told.
class MetricsHost {
 public:
  MetricsHost() {
    table_.struct_size = sizeof(table_);
    table_.context = this;
    table_.get_extension = [](void*, const char* id) -> const void* {
      static const sluice_metrics_v1 metrics = {sizeof(metrics), 64, &Set, &Add};
      return std::string_view(id) == SLUICE_EXT_METRICS_V1 ? &metrics : nullptr;
    };
  }
  Statistics statistics() const { return Statistics(sluice::sdk::Metrics(host())); }
  sluice::sdk::Host host() const { return sluice::sdk::Host(&table_); }

  std::map<std::string, int64_t> gauges, counters;

 private:
  static int32_t Set(void* context, sluice_text name, int64_t value) {
    static_cast<MetricsHost*>(context)->gauges[std::string(sluice::sdk::View(name))] = value;
    return SLUICE_OK;
  }
  static int32_t Add(void* context, sluice_text name, uint64_t count) {
    static_cast<MetricsHost*>(context)->counters[std::string(sluice::sdk::View(name))] +=
        static_cast<int64_t>(count);
    return SLUICE_OK;
  }
  sluice_host table_{};
};

// Shortened from a document of librdkafka 2.0.2.
std::string Document(int messages, int connects) {
  return R"({"name":"rdkafka#producer-1","type":"producer","msg_cnt":3,"msg_size":120,"tx":9,"txmsgs":)" +
         std::to_string(messages) +
         R"(,"txmsg_bytes":4000,"brokers":{"a:9092/bootstrap":{"nodeid":-1,"source":"configured","state":"UP","connects":1,"rtt":{"cnt":1,"p99":90}},)"
         R"("a:9092/1":{"nodeid":1,"source":"configured","state":"UP","txretries":2,"txerrs":1,"req_timeouts":4,"disconnects":5,"connects":)" +
         std::to_string(connects) +
         R"(,"rtt":{"cnt":5,"avg":400,"p99":700},"int_latency":{"cnt":4,"p99":31}},)"
         R"("b:9092/2":{"nodeid":2,"source":"learned","state":"DOWN","rtt":{"cnt":0,"p99":0}},)"
         R"("TxnCoordinator":{"nodeid":1,"source":"logical","state":"UP","rtt":{"cnt":2,"p99":2500},"int_latency":{"cnt":2,"p99":7}}}})";
}

TEST(KafkaStatistics, GaugesAreTheLatestOverAllBrokers) {
  MetricsHost host;
  host.statistics().Take(Document(10, 1));
  const std::map<std::string, int64_t> expected = {{"queued_messages", 3},
                                                   {"queued_bytes", 120},
                                                   {"brokers_up", 1},
                                                   {"broker_rtt_p99_micros", 2500},
                                                   {"queue_wait_p99_micros", 31}};
  EXPECT_EQ(host.gauges, expected);
}

TEST(KafkaStatistics, AMeasurementStaysWhileNothingIsMeasured) {
  MetricsHost host;
  Statistics statistics = host.statistics();
  const std::string resting =
      R"({"brokers":{"a:9092/1":{"nodeid":1,"state":"UP","rtt":{"cnt":0,"p99":0},"int_latency":{"cnt":0,"p99":0}}}})";
  statistics.Take(resting);
  EXPECT_EQ(host.gauges.count("broker_rtt_p99_micros"), 0);  // not known is not 0
  statistics.Take(Document(10, 1));
  statistics.Take(resting);
  EXPECT_THAT(host.gauges, Contains(Pair("broker_rtt_p99_micros", 2500)));
  EXPECT_THAT(host.gauges, Contains(Pair("queue_wait_p99_micros", 31)));
}

TEST(KafkaStatistics, CountersGetWhatHasBeenAdded) {
  MetricsHost host;
  Statistics statistics = host.statistics();
  statistics.Take(Document(10, 1));
  statistics.Take(Document(25, 3));
  EXPECT_THAT(host.counters, Contains(Pair("messages_sent", 25)));
  EXPECT_THAT(host.counters, Contains(Pair("message_bytes_sent", 4000)));
  EXPECT_THAT(host.counters, Contains(Pair("connects", 4)));
  EXPECT_THAT(host.counters, Contains(Pair("disconnects", 5)));
  EXPECT_THAT(host.counters, Contains(Pair("request_retries", 2)));
  EXPECT_THAT(host.counters, Contains(Pair("request_errors", 1)));
  EXPECT_THAT(host.counters, Contains(Pair("request_timeouts", 4)));
}

TEST(KafkaStatistics, ATotalThatShrinksAddsNothingAndAnotherInstanceGoesOn) {
  MetricsHost host;
  Statistics statistics = host.statistics();
  statistics.Take(Document(10, 5));
  statistics.Take(Document(12, 2));
  statistics.Take(Document(12, 3));
  EXPECT_THAT(host.counters, Contains(Pair("connects", 7)));  // 6, one fewer is no event, then 1
  host.statistics().Take(Document(8, 1));
  EXPECT_THAT(host.counters, Contains(Pair("messages_sent", 20)));
}

TEST(KafkaStatistics, WhatIsNoDocumentIsPassedOver) {
  MetricsHost host;
  Statistics statistics = host.statistics();
  for (const char* text : {"", "{", "[]", "7", R"("text")"}) statistics.Take(text);
  EXPECT_THAT(host.gauges, IsEmpty());
  statistics.Take(R"({"txmsgs":"many","brokers":[1,{"state":7}],"msg_cnt":1.5})");
  EXPECT_THAT(host.counters, IsEmpty());
  EXPECT_THAT(host.gauges, Contains(Pair("queued_messages", 0)));
}

}  // namespace
}  // namespace sluice_kafka
