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

Status PartitionReader::Open(Client* consumer, OffsetRange range, Layout layout,
                             const Position& position, std::unique_ptr<PartitionReader>* out) {
  const int64_t begin = position.BeginOf(range.topic, range.partition);
  const bool truncated = range.from > begin;
  range.from = std::max(range.from, begin);
  std::unique_ptr<PartitionReader> reader(
      new PartitionReader(consumer, std::move(range), layout, position));
  reader->truncated_ = truncated;
  reader->next_ = reader->range_.from;
  reader->handle_ = consumer->Topic(reader->range_.topic);
  if (reader->range_.from < reader->range_.end) {
    reader->started_ =
        rd_kafka_consume_start(reader->handle_, reader->range_.partition, reader->range_.from) == 0;
    if (!reader->started_) {
      return Status::Retry(reader->range_.Place() +
                           " cannot be read: " + Describe(rd_kafka_last_error()));
    }
  }
  *out = std::move(reader);
  return (*out)->Advance();
}

PartitionReader::~PartitionReader() {
  if (started_) rd_kafka_consume_stop(handle_, range_.partition);
}

std::string PartitionReader::Place() const {
  return range_.Place() + ", offset " + std::to_string(next_ - 1);
}

bool PartitionReader::IsOfOtherCopy(const StoredRecord& record) const {
  const std::optional<CopyMark>& copy = position_.snapshot;
  return record.of_copy &&
         (!copy || record.height != copy->height || record.copy_epoch != copy->epoch);
}

Status PartitionReader::Advance() {
  CallLimit limit(kNoProgress, nullptr);
  std::string why = "no record for a long time";
  while (next_ < range_.end) {
    if (limit.over()) return Status::Retry(Place() + ": " + why + consumer_->Trouble());
    const std::unique_ptr<rd_kafka_message_t, DestroyMessage> message(
        rd_kafka_consume(handle_, range_.partition, limit.SliceMs()));
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
    if (next_ > range_.end) break;
    limit.Renew();
    if (std::string wrong = ReadRecord(*message, layout_, &record_); !wrong.empty()) {
      return Status::Fatal(Place() + ": " + wrong +
                           "; somebody else writes to this topic, or it has another layout");
    }
    if (record_.stream != position_.stream) {
      return Status::Fatal(Place() + " belongs to stream " + record_.stream + ", not to " +
                           position_.stream);
    }
    if (IsOfOtherCopy(record_)) continue;
    return Status::Ok();
  }
  at_end_ = true;
  return Status::Ok();
}

}  // namespace sluice_kafka
