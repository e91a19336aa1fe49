// SPDX-License-Identifier: Apache-2.0
#include "kafka/readback.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <queue>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "kafka/partition_reader.h"
#include "kafka/position.h"
#include "kafka/position_topic.h"
#include "kafka/record_decoder.h"
#include "kafka/topics.h"

namespace sluice_kafka {

using sluice::sdk::Bytes;
using sluice::sdk::ReadbackArgs;
using sluice::sdk::ReadbackCursor;
using sluice::sdk::ReadbackInfo;
using sluice::sdk::ReadbackItem;
using sluice::sdk::Status;

namespace {

constexpr std::chrono::seconds kOpenTimeout{30};

// What is read ahead is bounded, a partition and in all.
Properties BoundedReader() {
  Properties properties = ReaderProperties();
  properties.emplace_back("queued.max.messages.kbytes", "2048");
  properties.emplace_back("queued.min.messages", "1000");
  return properties;
}

// The partitions' records, merged by height and sequence.
class Merge {
 public:
  void Add(std::unique_ptr<PartitionReader> reader) {
    readers_.push_back(std::move(reader));
    Push(readers_.size() - 1);
  }
  bool empty() const { return heads_.empty(); }
  PartitionReader& top() { return *readers_[std::get<2>(heads_.top())]; }
  Status Pop() {
    const size_t index = std::get<2>(heads_.top());
    heads_.pop();
    Status status = readers_[index]->Advance();
    if (status.ok()) Push(index);
    return status;
  }

  // The first height that all partitions hold in full; `all_gone` where one holds nothing any more.
  uint64_t FirstWhole(uint64_t first, uint64_t all_gone) const {
    for (const auto& reader : readers_) {
      if (!reader->truncated()) continue;
      if (reader->at_end()) return all_gone;
      const StoredRecord& record = reader->record();
      // A height of which a partition has lost the beginning.
      first = std::max(first, record.height + 1);
    }
    return first;
  }

 private:
  using Head = std::tuple<uint64_t, uint32_t, size_t>;  // height, sequence, reader
  void Push(size_t index) {
    const PartitionReader& reader = *readers_[index];
    if (reader.at_end()) return;
    heads_.emplace(reader.record().height, reader.record().sequence, index);
  }

  std::vector<std::unique_ptr<PartitionReader>> readers_;
  std::priority_queue<Head, std::vector<Head>, std::greater<>> heads_;
};

class Cursor : public ReadbackCursor {
 public:
  Cursor(std::unique_ptr<Client> consumer, const Settings& settings, Position position)
      : consumer_(std::move(consumer)),
        layout_(settings.layout),
        position_(std::move(position)),
        decoder_(settings.encoding, position_.plain_keys) {}

  Status Open(Client* uncommitted, uint64_t last_height) {
    for (const std::string& topic : position_.topics) {
      int partitions = 0;
      Status status =
          CountPartitions(consumer_.get(), topic, CallLimit(kOpenTimeout, nullptr), &partitions);
      if (status.ok() && partitions == 0) {
        status = Status::Fatal("topic " + topic + " is gone, although the sink stands at height " +
                               std::to_string(position_.height));
      }
      if (!status.ok()) return status;
      if (layout_ == Layout::kBlocks) partitions = 1;
      for (int32_t partition = 0; partition < partitions; ++partition) {
        std::unique_ptr<PartitionReader> reader;
        int64_t low = 0;
        int64_t end = 0;
        status = SettledOffsets(consumer_.get(), uncommitted, topic, partition,
                                CallLimit(kOpenTimeout, nullptr), &low, &end);
        if (status.ok()) {
          status = PartitionReader::Open(consumer_.get(), topic, partition, low, end, layout_,
                                         position_.stream, &reader);
        }
        if (!status.ok()) return status;
        merge_.Add(std::move(reader));
      }
    }
    next_ = merge_.FirstWhole(position_.base + 1, position_.height + 1);
    last_ = std::min(last_height, position_.height);
    return Status::Ok();
  }

  uint64_t first_height() const { return next_ > position_.height ? 0 : next_; }

  Status Next(ReadbackItem* item) override {
    item->kind = SLUICE_READBACK_END;
    if (next_ > last_) return Status::Ok();
    changes_.clear();
    Status status = layout_ == Layout::kBlocks ? ReadBlock(item) : ReadChanges(item);
    if (!status.ok()) return status;
    item->kind = SLUICE_READBACK_HEIGHT;
    item->height = next_++;
    sluice::sdk::GiveChanges(changes_, &views_, item);
    return Status::Ok();
  }

 private:
  // Records of heights that have been given already: an incomplete beginning, or, without
  // transactions, what was delivered twice.
  Status SkipOld() {
    while (!merge_.empty() && merge_.top().record().height < next_) {
      if (Status status = merge_.Pop(); !status.ok()) return status;
    }
    return Status::Ok();
  }

  Status ReadChanges(ReadbackItem* item) {
    item->flags = position_.filtered ? SLUICE_BATCH_FILTERED : 0;
    // A height without a change has no record, and so no digest.
    bool has_digest = next_ == position_.height;
    if (has_digest) item->digest = position_.digest;
    while (!merge_.empty() && merge_.top().record().height <= next_) {
      const StoredRecord& record = merge_.top().record();
      // Without transactions a partition may begin again, at this height or before it. What it
      // repeats is not above what has been read; what is above has not been there yet.
      const bool again = record.height < next_ ||
                         (!changes_.empty() && record.sequence <= changes_.back().sequence);
      if (!again) {
        item->digest = record.digest;
        has_digest = true;
        changes_.emplace_back();
        if (std::string wrong = decoder_.DecodeChange(record, &changes_.back()); !wrong.empty()) {
          return Status::Fatal(merge_.top().Place() + ": " + wrong);
        }
      }
      if (Status status = merge_.Pop(); !status.ok()) return status;
    }
    if (!has_digest) item->flags |= SLUICE_READBACK_NO_DIGEST;
    return Status::Ok();
  }

  Status ReadBlock(ReadbackItem* item) {
    block_.clear();
    for (uint32_t chunk = 0;;) {
      if (Status status = SkipOld(); !status.ok()) return status;
      if (merge_.empty() || merge_.top().record().height != next_) {
        return Status::Fatal("height " + std::to_string(next_) +
                             " is missing, or its chunks are, before " +
                             (merge_.empty() ? "the end of the topic" : merge_.top().Place()));
      }
      const StoredRecord record = merge_.top().record();
      // Without transactions a height may begin again, or one before it.
      if (record.chunk == 0) {
        block_.clear();
        chunk = 0;
      }
      if (record.chunk != chunk) {
        return Status::Fatal(merge_.top().Place() + ": chunk " + std::to_string(record.chunk) +
                             " where " + std::to_string(chunk) + " comes next");
      }
      block_ += record.value;
      item->digest = record.digest;
      item->has_previous_digest = record.previous_digest ? 1 : 0;
      if (record.previous_digest) item->previous_digest = *record.previous_digest;
      if (Status status = merge_.Pop(); !status.ok()) return status;
      if (++chunk >= record.chunks) break;
    }
    bool filtered = false;
    if (std::string wrong = decoder_.DecodeBlock(block_, &changes_, &filtered); !wrong.empty()) {
      return Status::Fatal("height " + std::to_string(next_) + ": " + wrong);
    }
    item->flags = filtered ? SLUICE_BATCH_FILTERED : 0;
    if (decoder_.is_protobuf()) item->canonical = Bytes(block_);
    return Status::Ok();
  }

  const std::unique_ptr<Client> consumer_;  // outlives the readers
  const Layout layout_;
  const Position position_;
  RecordDecoder decoder_;
  Merge merge_;
  uint64_t next_ = 1;
  uint64_t last_ = 0;
  // What the last item points to.
  std::string block_;
  std::vector<StoredChange> changes_;
  std::vector<sluice_change> views_;
};

}  // namespace

Status OpenKafkaReadback(const ReadbackArgs& args, sluice::sdk::Host host, ReadbackInfo* info,
                         std::unique_ptr<ReadbackCursor>* cursor) {
  Settings settings;
  if (Status status = ParseSettings(args.settings(), args.stream_id(), &settings); !status.ok()) {
    return status;
  }
  std::unique_ptr<Client> consumer;
  Status status =
      Client::Open(RD_KAFKA_CONSUMER, settings, {}, BoundedReader(), host, nullptr, &consumer);
  std::unique_ptr<Client> uncommitted;
  if (status.ok()) {
    status = Client::Open(RD_KAFKA_CONSUMER, settings, {},
                          {{"isolation.level", "read_uncommitted"}}, host, nullptr, &uncommitted);
  }
  if (!status.ok()) return status;
  std::optional<Position> stored;
  status = ReadPosition(consumer.get(), uncommitted.get(), settings.position_topic,
                        PositionKey(args.stream_id(), args.sink_name()), ReadThrough::kSettled,
                        CallLimit(kOpenTimeout, nullptr), &stored);
  if (!status.ok()) return status;

  info->content = SLUICE_READBACK_CHANGES;
  sluice::sdk::Position position(&info->position);
  const bool empty = !stored || stored->height == 0;
  if (empty) {
    position.SetEmpty();
  } else {
    position.SetAt(stored->stream, stored->epoch, stored->height, stored->digest);
  }
  auto opened =
      std::make_unique<Cursor>(std::move(consumer), settings, stored.value_or(Position()));
  if (!empty) status = opened->Open(uncommitted.get(), args.last_height());
  if (!status.ok()) return status;
  info->first_height = empty ? 0 : opened->first_height();
  const bool filtered = stored && stored->filtered;
  const bool truncated = !empty && info->first_height != 1;
  info->flags =
      (filtered ? SLUICE_READBACK_FILTERED : 0) | (truncated ? SLUICE_READBACK_TRUNCATED : 0);
  *cursor = std::move(opened);
  return Status::Ok();
}

}  // namespace sluice_kafka
