// SPDX-License-Identifier: Apache-2.0
#include "kafka/partition_reader.h"

#include <algorithm>
#include <utility>

namespace sluice_kafka {

using sluice::sdk::Status;

namespace {

// Without any record for this long the reading is given up.
constexpr std::chrono::seconds kNoProgress{30};

struct DestroyMessage {
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};

}  // namespace

Status PartitionReader::Open(Client* consumer, const std::string& topic, int32_t partition,
                             int64_t low, int64_t end, Layout layout, const std::string& stream,
                             std::unique_ptr<PartitionReader>* out) {
  std::unique_ptr<PartitionReader> reader(
      new PartitionReader(consumer, topic, partition, layout, stream));
  reader->low_ = low;
  reader->end_ = end;
  reader->next_ = low;
  reader->handle_ = consumer->Topic(topic);
  if (low < end) {
    reader->started_ = rd_kafka_consume_start(reader->handle_, partition, low) == 0;
    if (!reader->started_) {
      return Status::Retry("topic " + topic + ", partition " + std::to_string(partition) +
                           " cannot be read: " + Describe(rd_kafka_last_error()));
    }
  }
  *out = std::move(reader);
  return (*out)->Advance();
}

PartitionReader::~PartitionReader() {
  if (started_) rd_kafka_consume_stop(handle_, partition_);
}

std::string PartitionReader::Place() const {
  return "topic " + topic_ + ", partition " + std::to_string(partition_) + ", offset " +
         std::to_string(next_ - 1);
}

Status PartitionReader::Advance() {
  CallLimit limit(kNoProgress, nullptr);
  std::string why = "no record for a long time";
  while (next_ < end_) {
    if (limit.over()) return Status::Retry(Place() + ": " + why + consumer_->Trouble());
    const std::unique_ptr<rd_kafka_message_t, DestroyMessage> message(
        rd_kafka_consume(handle_, partition_, limit.SliceMs()));
    consumer_->Poll(0);
    if (message == nullptr) continue;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      next_ = std::max(next_, message->offset);
      continue;
    }
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      why = rd_kafka_message_errstr(message.get());
      continue;
    }
    next_ = message->offset + 1;
    if (next_ > end_) break;
    if (std::string wrong = ReadRecord(*message, layout_, &record_); !wrong.empty()) {
      return Status::Fatal(Place() + ": " + wrong +
                           "; somebody else writes to this topic, or it has another layout");
    }
    if (record_.stream != stream_) {
      return Status::Fatal(Place() + " belongs to stream " + record_.stream + ", not to " +
                           stream_);
    }
    return Status::Ok();
  }
  at_end_ = true;
  return Status::Ok();
}

}  // namespace sluice_kafka
