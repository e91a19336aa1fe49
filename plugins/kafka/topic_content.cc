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

}  // namespace

std::string OffsetRange::Place() const {
  return "topic " + topic + ", partition " + std::to_string(partition);
}

Status ReadRange(Client* consumer, const OffsetRange& range, CallLimit limit,
                 const TakeRecord& take) {
  if (range.from >= range.end) return Status::Ok();
  rd_kafka_topic_t* handle = consumer->Topic(range.topic);
  const auto unreadable = [&](const std::string& why) {
    return Status::Retry(range.Place() + " cannot be read: " + why);
  };
  if (rd_kafka_consume_start(handle, range.partition, range.from) != 0) {
    return unreadable(Describe(rd_kafka_last_error()));
  }
  std::string why = "no record for a long time";
  Status status;
  for (int64_t next = range.from; next < range.end;) {
    if (limit.over()) {
      status = limit.cancelled() ? Status::Cancelled("the call was cancelled")
                                 : unreadable(why + consumer->Trouble());
      break;
    }
    const std::unique_ptr<rd_kafka_message_t, DestroyMessage> message(
        rd_kafka_consume(handle, range.partition, limit.SliceMs()));
    consumer->Poll(0);
    if (message == nullptr) continue;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      next = std::max(next, message->offset);
    } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      why = rd_kafka_message_errstr(message.get());
    } else {
      next = message->offset + 1;
      limit.Renew();
      if (next > range.end || !take(*message)) break;
    }
  }
  rd_kafka_consume_stop(handle, range.partition);
  return status;
}

Status AskEnds(Client* consumer, Client* uncommitted, const std::string& topic,
               const CallLimit& limit, std::vector<int64_t>* ends) {
  int partitions = 0;
  Status status = CountPartitions(consumer, topic, limit, &partitions);
  if (status.ok() && partitions == 0) {
    return Status::Retry("topic " + topic + ": the broker that was asked does not know it");
  }
  ends->assign(static_cast<size_t>(partitions), 0);
  for (int32_t i = 0; status.ok() && i < partitions; ++i) {
    int64_t low = 0;
    status = AskOffsets(uncommitted, topic, i, limit, &low, &(*ends)[static_cast<size_t>(i)]);
  }
  return status;
}

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
    if (!status.ok()) break;
    status =
        ReadRange(consumer, {topic, i, low, end}, limit, [&](const rd_kafka_message_t& record) {
          *holds = !own || !own(record);
          return false;
        });
  }
  return status;
}

}  // namespace sluice_kafka
