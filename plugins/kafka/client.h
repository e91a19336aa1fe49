// SPDX-License-Identifier: Apache-2.0
//
// One client of librdkafka, a producer or a consumer: its configuration, checked by librdkafka
// itself, what it logs, and the last trouble it had with a broker.
//
// Threading: one thread; librdkafka's own threads only log. Ownership: destroyed with the object,
// which ends its threads and connections.
#pragma once

#include <librdkafka/rdkafka.h>

#include <functional>
#include <map>
#include <memory>
#include <sluice/plugin.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kafka/call_limit.h"
#include "kafka/settings.h"

namespace sluice_kafka {

using Properties = std::vector<std::pair<std::string, std::string>>;

struct DestroyError {
  void operator()(rd_kafka_error_t* error) const { rd_kafka_error_destroy(error); }
};
using ErrorPointer = std::unique_ptr<rd_kafka_error_t, DestroyError>;

class Client {
 public:
  // Called for each record that could not be stored, while the client is polled.
  using FailedRecord = std::function<void(const rd_kafka_message_t& record)>;
  // A document of librdkafka's statistics, while the client is polled.
  using StatisticsTaker = std::function<void(std::string_view json)>;

  // `own`: the sink's properties; those of the settings come after the ones in `defaults` (and
  // those that every client has) and before the ones in `own`. INVALID with librdkafka's text: a
  // property it does not take.
  static sluice::sdk::Status Open(rd_kafka_type_t type, const Settings& settings,
                                  const Properties& defaults, const Properties& own,
                                  sluice::sdk::Host host, FailedRecord failed_record,
                                  std::unique_ptr<Client>* out);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  rd_kafka_t* raw() const { return handle_; }
  // A handle of the topic, kept as long as the client. Null: librdkafka refuses the name.
  rd_kafka_topic_t* Topic(const std::string& name);
  // Of a producer; every statistics.interval.ms from now on.
  void set_statistics_taker(StatisticsTaker taker) { statistics_taker_ = std::move(taker); }
  // Serves callbacks; waits at most `timeout_ms` for one.
  void Poll(int timeout_ms) { rd_kafka_poll(handle_, timeout_ms); }

  // ": <what librdkafka said last about its brokers>", or nothing.
  std::string Trouble() const;
  // How often a broker has refused the client's credentials, or the two could not agree on TLS.
  int refusals() const { return refusals_; }
  // Bytes; the largest record that librdkafka itself lets through.
  uint64_t max_message_bytes() const { return max_message_bytes_; }
  std::chrono::milliseconds transaction_timeout() const { return transaction_timeout_; }

 private:
  Client(sluice::sdk::Host host, FailedRecord failed_record)
      : host_(host), failed_record_(std::move(failed_record)) {}

  static void OnLog(const rd_kafka_t* handle, int level, const char* facility, const char* text);
  static void OnError(rd_kafka_t* handle, int code, const char* reason, void* opaque);
  static void OnReport(rd_kafka_t* handle, const rd_kafka_message_t* record, void* opaque);
  static int OnStatistics(rd_kafka_t* handle, char* json, size_t size, void* opaque);

  const sluice::sdk::Host host_;
  const FailedRecord failed_record_;
  rd_kafka_t* handle_ = nullptr;
  uint64_t max_message_bytes_ = 0;
  std::chrono::milliseconds transaction_timeout_{0};
  std::map<std::string, rd_kafka_topic_t*, std::less<>> topics_;
  std::string trouble_;
  int refusals_ = 0;
  StatisticsTaker statistics_taker_;
};

// "<text of the error> (<its name>)"
std::string Describe(rd_kafka_resp_err_t code);

}  // namespace sluice_kafka
