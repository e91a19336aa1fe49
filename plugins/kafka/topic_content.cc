// SPDX-License-Identifier: Apache-2.0
#include "kafka/topic_content.h"

#include <algorithm>
#include <memory>

#include "kafka/position_topic.h"
#include "kafka/topics.h"

namespace sluice_kafka {

using sluice::sdk::Status;

namespace {

struct DestroyMessage {
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};

Status FindRecord(Client* consumer, const std::string& topic, int32_t partition, int64_t low,
                  int64_t end, const IsOwn& own, const CallLimit& limit, bool* found) {
  rd_kafka_topic_t* handle = consumer->Topic(topic);
  const std::string place = "topic " + topic + ", partition " + std::to_string(partition);
  if (rd_kafka_consume_start(handle, partition, low) != 0) {
    return Status::Retry(place + " cannot be read: " + Describe(rd_kafka_last_error()));
  }
  std::string why = "no record for a long time";
  Status status;
  for (int64_t next = low; next < end;) {
    if (limit.over()) {
      status = limit.cancelled()
                   ? Status::Cancelled("the call was cancelled")
                   : Status::Retry(place + " cannot be read: " + why + consumer->Trouble());
      break;
    }
    const std::unique_ptr<rd_kafka_message_t, DestroyMessage> message(
        rd_kafka_consume(handle, partition, limit.SliceMs()));
    consumer->Poll(0);
    if (message == nullptr) continue;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      next = std::max(next, message->offset);
    } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      why = rd_kafka_message_errstr(message.get());
    } else {
      *found = !own || !own(*message);
      break;
    }
  }
  rd_kafka_consume_stop(handle, partition);
  return status;
}

}  // namespace

Status IsWritten(Client* consumer, Client* uncommitted, const std::string& topic,
                 const CallLimit& limit, bool* written) {
  *written = false;
  int partitions = 0;
  Status status = CountPartitions(consumer, topic, limit, &partitions);
  for (int32_t i = 0; status.ok() && i < partitions && !*written; ++i) {
    int64_t low = 0;
    int64_t end = 0;
    status = AskOffsets(uncommitted, topic, i, limit, &low, &end);
    *written = end > 0;
  }
  return status;
}

Status HoldsRecords(Client* consumer, const std::string& topic, const IsOwn& own,
                    const CallLimit& limit, bool* holds) {
  *holds = false;
  int partitions = 0;
  Status status = CountPartitions(consumer, topic, limit, &partitions);
  for (int32_t i = 0; status.ok() && i < partitions && !*holds; ++i) {
    int64_t low = 0;
    int64_t end = 0;
    status = AskOffsets(consumer, topic, i, limit, &low, &end);
    if (status.ok() && low < end) {
      status = FindRecord(consumer, topic, i, low, end, own, limit, holds);
    }
  }
  return status;
}

}  // namespace sluice_kafka
