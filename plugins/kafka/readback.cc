// SPDX-License-Identifier: Apache-2.0
#include "kafka/readback.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kafka/partition_merge.h"
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
          status = PartitionReader::Open(consumer_.get(), {topic, partition, low, end}, layout_,
                                         position_, &reader);
        }
        if (!status.ok()) return status;
        merge_.Add(std::move(reader));
      }
    }
    in_copy_ = position_.snapshot && merge_.IsWhole();
    next_ = in_copy_ ? position_.snapshot->height
                     : merge_.FirstWhole(position_.base + 1, position_.height + 1);
    last_ = std::min(last_height, position_.height);
    return Status::Ok();
  }

  uint64_t first_height() const { return next_ > position_.height ? 0 : next_; }
  // Whether what it gives begins with the state of the first height, or with height 1.
  bool is_whole() const { return in_copy_ || next_ == 1; }

  Status Next(ReadbackItem* item) override {
    item->kind = SLUICE_READBACK_END;
    if (next_ > last_) return Status::Ok();
    if (in_copy_) {
      Status status = layout_ == Layout::kBlocks ? ReadRowOfPart(item) : ReadRow(item);
      if (!status.ok() || item->kind == SLUICE_READBACK_ROW) return status;
      in_copy_ = false;
      if (++next_ > last_) return Status::Ok();
    }
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

  // Layout changes: the copy's next row; none where there is no further one.
  Status ReadRow(ReadbackItem* item) {
    while (!merge_.empty() && merge_.top().record().height <= next_) {
      const StoredRecord& record = merge_.top().record();
      // Without a value: a key that the state did not have any more.
      const bool is_row = record.of_copy && !record.is_tombstone;
      if (is_row) {
        changes_.resize(1);
        if (std::string wrong = decoder_.DecodeChange(record, &changes_.front()); !wrong.empty()) {
          return Status::Fatal(merge_.top().Place() + ": " + wrong);
        }
        GiveRow(changes_.front(), record.digest, item);
      }
      if (Status status = merge_.Pop(); !status.ok() || is_row) return status;
    }
    return Status::Ok();
  }

  // Layout blocks: the same.
  Status ReadRowOfPart(ReadbackItem* item) {
    for (; row_ == changes_.size(); ++parts_) {
      if (Status status = SkipOld(); !status.ok()) return status;
      if (!merge_.empty() && merge_.top().record().copy_parts) {
        if (*merge_.top().record().copy_parts == parts_) return merge_.Pop();
        return NotWhole();
      }
      StoredRecord first;
      if (Status status = ReadChunks(&first); !status.ok()) return status;
      if (!first.of_copy || first.copy_part != parts_) return NotWhole();
      bool filtered = false;
      if (std::string wrong = decoder_.DecodeBlock(block_, &changes_, &filtered); !wrong.empty()) {
        return Status::Fatal("part " + std::to_string(parts_) + " of the copy at height " +
                             std::to_string(next_) + ": " + wrong);
      }
      part_digest_ = first.digest;
      row_ = 0;
    }
    GiveRow(changes_[row_++], part_digest_, item);
    return Status::Ok();
  }

  void GiveRow(const StoredChange& row, const sluice_digest& digest, ReadbackItem* item) const {
    item->kind = SLUICE_READBACK_ROW;
    item->flags = position_.filtered ? SLUICE_BATCH_FILTERED : 0;
    item->height = next_;
    item->digest = digest;
    item->store = sluice::sdk::Text(row.store);
    item->key = Bytes(row.key);
    item->value = Bytes(row.value);
  }

  Status NotWhole() const {
    return Status::Fatal("part " + std::to_string(parts_) + " of the copy at height " +
                         std::to_string(next_) + " is missing before " +
                         (merge_.empty() ? "the end of the topic" : merge_.top().Place()));
  }

  // Puts the chunks of a height, or of a copy's part, together in block_; *first is one of them.
  Status ReadChunks(StoredRecord* first) {
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
        *first = record;
      }
      if (record.chunk != chunk) {
        return Status::Fatal(merge_.top().Place() + ": chunk " + std::to_string(record.chunk) +
                             " where " + std::to_string(chunk) + " comes next");
      }
      block_ += record.value;
      if (Status status = merge_.Pop(); !status.ok()) return status;
      if (++chunk >= record.chunks) return Status::Ok();
    }
  }

  Status ReadBlock(ReadbackItem* item) {
    StoredRecord first;
    if (Status status = ReadChunks(&first); !status.ok()) return status;
    item->digest = first.digest;
    item->has_previous_digest = first.previous_digest ? 1 : 0;
    if (first.previous_digest) item->previous_digest = *first.previous_digest;
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
  PartitionMerge merge_;
  uint64_t next_ = 1;
  uint64_t last_ = 0;
  bool in_copy_ = false;  // rows of the height next_ come next
  uint64_t parts_ = 0;    // of it, read so far; layout blocks
  size_t row_ = 0;        // in changes_, of the present part
  sluice_digest part_digest_{};
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
  Status status = Client::Open(RD_KAFKA_CONSUMER, settings, {}, BoundedReaderProperties(), host,
                               nullptr, &consumer);
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
  const bool truncated = !empty && !opened->is_whole();
  info->flags =
      (filtered ? SLUICE_READBACK_FILTERED : 0) | (truncated ? SLUICE_READBACK_TRUNCATED : 0);
  *cursor = std::move(opened);
  return Status::Ok();
}

}  // namespace sluice_kafka
