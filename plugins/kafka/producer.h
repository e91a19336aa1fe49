// SPDX-License-Identifier: Apache-2.0
//
// Writing groups of records: all of a group or nothing, with transactions; without, in order and
// without repetition within one connection's life, and nothing of a partition after a record that
// was not stored: librdkafka then gives up for good, and Abort makes a new client.
//
// Statuses of all functions:
//   RETRY      nothing of the group is visible (Abort has to be called); it may be written again
//   REJECT     the same, and refused_height() will never be taken
//   CANCELLED  the host wants the call to end; the group's outcome is not known
//   FENCED     another producer with this transactional id has been initialised since
//   FATAL      the producer is of no more use, or the outcome of a commit is not known: a new one,
//              once initialised, tells by the position topic
//
// Threading: one thread at a time. Ownership: the client, with its threads and connections.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <sluice/plugin.hpp>
#include <string>
#include <utility>

#include "kafka/call_limit.h"
#include "kafka/client.h"
#include "kafka/errors.h"
#include "kafka/record.h"
#include "kafka/settings.h"

namespace sluice_kafka {

class Producer {
 public:
  static sluice::sdk::Status Open(const Settings& settings, const std::string& transactional_id,
                                  sluice::sdk::Host host, std::unique_ptr<Producer>* out);

  // Fences older producers of this id, and ends what they left open.
  sluice::sdk::Status Initialize(const CallLimit& limit);
  // Makes the topic known, so that the first record need not wait for it.
  void WarmUp(const std::string& topic, const CallLimit& limit);

  sluice::sdk::Status Begin(const CallLimit& limit);
  // Copies the record. OK: taken, not yet stored.
  sluice::sdk::Status Add(const std::string& topic, const Record& record, const CallLimit& limit);
  // Stores everything, and last the position.
  sluice::sdk::Status Commit(const std::string& position_topic, const Record& position,
                             const CallLimit& limit);
  // RETRY, REJECT or FATAL; drops what is open.
  sluice::sdk::Status Abort(const CallLimit& limit);

  // Valid until the next Abort.
  Client* client() { return client_.get(); }
  // Of this client and those after it; every statistics.interval.ms from now on.
  void set_statistics_taker(Client::StatisticsTaker taker);
  bool open() const { return open_; }
  // After REJECT; 0: not known.
  uint64_t refused_height() const { return refused_height_; }
  // Whether the transaction that ended last had been open for longer than the broker allows.
  bool outlived_timeout() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct FailedRecord {
    uint64_t height;
    rd_kafka_resp_err_t code;
    size_t bytes;  // of its value
    std::string text;
  };

  Producer(Settings settings, std::string transactional_id, sluice::sdk::Host host)
      : settings_(std::move(settings)),
        transactional_id_(std::move(transactional_id)),
        host_(host),
        transactions_(settings_.transactions) {}
  sluice::sdk::Status OpenClient();
  void OnFailedRecord(const rd_kafka_message_t& record);
  // Calls `call(slice)` until it is through; `what` begins the text of a failure.
  template <typename Call>
  sluice::sdk::Status Repeat(const std::string& what, const CallLimit& limit, Call&& call);
  sluice::sdk::Status Flush(const CallLimit& limit);
  // Of the record that failed; sets refused_height_.
  sluice::sdk::Status StatusOfFailedRecord();
  // Waits a moment until the record is known whose failure has stopped librdkafka.
  void HearFailedRecord(const CallLimit& limit);

  const Settings settings_;
  const std::string transactional_id_;
  const sluice::sdk::Host host_;
  const bool transactions_;
  Client::StatisticsTaker statistics_taker_;
  std::unique_ptr<Client> client_;
  bool open_ = false;
  Clock::time_point began_at_;
  Clock::time_point ended_at_;
  std::set<std::string> topics_;  // of what is open
  std::optional<FailedRecord> failed_record_;
  uint64_t refused_height_ = 0;
};

}  // namespace sluice_kafka
