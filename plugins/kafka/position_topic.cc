// SPDX-License-Identifier: Apache-2.0
#include "kafka/position_topic.h"

#include <algorithm>
#include <memory>

#include "kafka/topics.h"

namespace sluice_kafka {

using sluice::sdk::Status;

namespace {

constexpr int32_t kPartition = 0;
// The sink's last record mostly stands near the end.
constexpr int64_t kTail = 2000;
// An answer takes a round trip; cut shorter, a busy broker would be asked again and again.
constexpr int kOffsetsMs = 1000;
// How long a committed transaction is given to become visible.
constexpr std::chrono::seconds kSettleTime{5};

struct DestroyMessage {
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};

Status Unreadable(const std::string& topic, const std::string& why) {
  return Status::Retry("position topic " + topic + " cannot be read: " + why);
}

// One pass over a range of the partition.
class Pass {
 public:
  Pass(Client* consumer, const std::string& topic) : consumer_(consumer), topic_(topic) {}
  ~Pass() {
    if (started_) rd_kafka_consume_stop(handle_, kPartition);
  }
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

  Status Run(int64_t from, int64_t end, const std::string& key, const CallLimit& limit,
             std::optional<Position>* position, bool* found) {
    handle_ = consumer_->Topic(topic_);
    if (rd_kafka_consume_start(handle_, kPartition, from) != 0) {
      return Unreadable(topic_, Describe(rd_kafka_last_error()));
    }
    started_ = true;
    std::string why = "records before its end are part of an open transaction";
    for (int64_t next = from; next < end;) {
      if (limit.cancelled()) return Status::Cancelled("the call was cancelled");
      if (limit.expired()) return Unreadable(topic_, why + consumer_->Trouble());
      const std::unique_ptr<rd_kafka_message_t, DestroyMessage> message(
          rd_kafka_consume(handle_, kPartition, limit.SliceMs()));
      consumer_->Poll(0);
      if (message == nullptr) continue;
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        next = std::max(next, message->offset);
        continue;
      }
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        why = rd_kafka_message_errstr(message.get());
        continue;
      }
      next = message->offset + 1;
      if (key != std::string_view(static_cast<const char*>(message->key), message->key_len)) {
        continue;
      }
      *found = true;
      if (Status status = Take(*message, position); !status.ok()) return status;
    }
    return Status::Ok();
  }

 private:
  Status Take(const rd_kafka_message_t& message, std::optional<Position>* position) const {
    position->reset();  // a tombstone: the operator has the sink start over
    if (message.payload == nullptr) return Status::Ok();
    Position read;
    if (!DecodePosition({static_cast<const char*>(message.payload), message.len}, &read)) {
      return Status::Fatal("position topic " + topic_ + ": offset " +
                           std::to_string(message.offset) +
                           " holds this sink's key and no position; somebody else writes there: "
                           "set position_topic to one of the sink's own");
    }
    *position = std::move(read);
    return Status::Ok();
  }

  Client* const consumer_;
  const std::string& topic_;
  rd_kafka_topic_t* handle_ = nullptr;
  bool started_ = false;
};

}  // namespace

Status AskOffsets(Client* client, const std::string& topic, int32_t partition,
                  const CallLimit& limit, int64_t* low, int64_t* high) {
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
  while (!limit.over()) {
    code = rd_kafka_query_watermark_offsets(client->raw(), topic.c_str(), partition, low, high,
                                            kOffsetsMs);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return Status::Ok();
    const bool refused = code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
                         code == RD_KAFKA_RESP_ERR__AUTHENTICATION;
    if (refused) break;
    client->Poll(limit.SliceMs());
  }
  if (limit.cancelled()) return Status::Cancelled("the call was cancelled");
  return Status::Retry("topic " + topic + " cannot be read: " + Describe(code) + client->Trouble());
}

Properties ReaderProperties() {
  return {{"isolation.level", "read_committed"},
          {"enable.partition.eof", "true"},
          // Topics of others are none of this sink's business to create.
          {"allow.auto.create.topics", "false"},
          {"auto.offset.reset", "error"},
          // At the end of a topic a broker holds a fetch for this long, and whatever else is asked
          // through the same connection waits behind it: by default half a second each time.
          {"fetch.wait.max.ms", "10"}};
}

Properties BoundedReaderProperties() {
  Properties properties = ReaderProperties();
  properties.emplace_back("queued.max.messages.kbytes", "2048");
  properties.emplace_back("queued.min.messages", "1000");
  return properties;
}

Status SettledOffsets(Client* consumer, Client* uncommitted, const std::string& topic,
                      int32_t partition, const CallLimit& limit, int64_t* low, int64_t* end) {
  int64_t written = 0;
  Status status = AskOffsets(uncommitted, topic, partition, limit, low, &written);
  const CallLimit settle(kSettleTime, nullptr);
  while (status.ok()) {
    status = AskOffsets(consumer, topic, partition, limit, low, end);
    if (*end >= written || settle.over() || limit.over()) break;
    consumer->Poll(50);
  }
  return status;
}

Status ReadPosition(Client* consumer, Client* uncommitted, const std::string& topic,
                    const std::string& key, ReadThrough through, const CallLimit& limit,
                    std::optional<Position>* position) {
  position->reset();
  int partitions = 0;
  Status status = CountPartitions(consumer, topic, limit, &partitions);
  if (!status.ok()) return status;
  if (partitions == 0) {
    // A broker that has just come up may not know of it yet, and "no position" would begin anew.
    if (through != ReadThrough::kEnd) return Status::Ok();
    return Unreadable(topic, "the broker that was asked does not know it");
  }
  int64_t low = 0;
  int64_t end = 0;
  if (through == ReadThrough::kSettled) {
    status = SettledOffsets(consumer, uncommitted, topic, kPartition, limit, &low, &end);
  } else {
    Client* const asked = through == ReadThrough::kEnd ? uncommitted : consumer;
    status = AskOffsets(asked, topic, kPartition, limit, &low, &end);
  }
  if (!status.ok()) return status;
  bool found = false;
  const int64_t tail = std::max(low, end - kTail);
  status = Pass(consumer, topic).Run(tail, end, key, limit, position, &found);
  if (!status.ok() || found || tail == low) return status;
  return Pass(consumer, topic).Run(low, end, key, limit, position, &found);
}

}  // namespace sluice_kafka
