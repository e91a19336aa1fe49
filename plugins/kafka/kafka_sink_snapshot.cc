// SPDX-License-Identifier: Apache-2.0
//
// A copy of the state that replaces what the sink holds (sluice.snapshot/1). A log forgets nothing
// at once, so the position says what counts: from begin on nothing, which makes resume answer
// EMPTY; from end on the copy, and what follows it. In between every transaction carries the first
// of these positions, with the topics that it writes to, so that a copy that is not ended leaves
// nothing that the next one does not know of.
#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "kafka/kafka_sink.h"
#include "kafka/position_topic.h"
#include "kafka/stale_keys.h"
#include "kafka/topic_content.h"

namespace sluice_kafka {

using sluice::sdk::SnapshotArgs;
using sluice::sdk::SnapshotPart;
using sluice::sdk::Status;

namespace {

// Between two records that are read; the whole reading takes as long as it takes.
constexpr std::chrono::seconds kReadPatience{60};

Status NotBegun(const char* what) {
  return Status::Fatal(std::string("a snapshot's ") + what + " without its begin");
}

}  // namespace

Status KafkaSink::BeginSnapshot(const SnapshotArgs& args) {
  std::lock_guard lock(mutex_);
  if (Status status = CheckStream(); !status.ok()) return status;
  return BeginCopy(args);
}

Status KafkaSink::BeginCopy(const sluice_snapshot_args& args) {
  attached_ = false;
  ClearGroup();
  copying_.emplace(Copying{args, CopyEncoder(settings_, stream_, plain_keys_, epoch_, args), {}});
  Position empty = Shape();
  empty.copying = true;
  empty.filtered = (args.flags & SLUICE_BATCH_FILTERED) != 0;
  empty.all_topics = all_topics_are_listed_;
  empty.topics = committed_.topics;
  empty.begins = committed_.begins;
  const CallLimit limit = TransactionLimit();
  Status status = FindBegins(&empty.topics, limit);
  if (status.ok()) status = BeginTransaction(limit);
  return EndCopyStep(std::move(status), empty, limit);
}

Status KafkaSink::FindBegins(std::set<std::string>* topics, const CallLimit& limit) {
  for (auto topic = topics->begin(); topic != topics->end();) {
    Status status = EnsureDataTopic(*topic, limit);
    std::vector<int64_t> ends;
    if (status.ok()) status = AskEnds(consumer_.get(), producer_->client(), *topic, limit, &ends);
    if (!status.ok()) return status;
    known_topics_.insert(*topic);
    const bool written = std::any_of(ends.begin(), ends.end(), [](int64_t end) { return end > 0; });
    if (written) copying_->begins.emplace(*topic, std::move(ends));
    topic = written ? std::next(topic) : topics->erase(topic);
  }
  return Status::Ok();
}

Status KafkaSink::TakeSnapshotPart(const SnapshotPart& part) {
  std::lock_guard lock(mutex_);
  if (!copying_) return NotBegun("part");
  if (part.number() != copying_->encoder.parts()) {
    return Status::Fatal("part " + std::to_string(part.number()) + " of a snapshot, where " +
                         std::to_string(copying_->encoder.parts()) + " comes next");
  }
  const CallLimit limit = TransactionLimit();
  Status status = BeginTransaction(limit);
  if (status.ok()) {
    status = copying_->encoder.EncodePart(
        part, [&](const Record& record) { return AddRecord(record, limit); });
  }
  return EndCopyStep(std::move(status), group_, limit);
}

Status KafkaSink::EndSnapshot() {
  std::lock_guard lock(mutex_);
  if (!copying_) return NotBegun("end");
  if (Status status = BuryStaleKeys(); !status.ok()) return status;
  const CallLimit limit = TransactionLimit();
  Status status = BeginTransaction(limit);
  if (status.ok()) {
    status =
        copying_->encoder.EncodeEnd([&](const Record& record) { return AddRecord(record, limit); });
  }
  const CopyEncoder& copy = copying_->encoder;
  Position next = group_;
  next.copying = false;
  next.height = next.base = copying_->args.height;
  next.digest = copying_->args.digest;
  next.snapshot = CopyMark{copying_->args.height, epoch_, copy.parts(), copy.rows()};
  next.begins = copying_->begins;
  status = EndCopyStep(std::move(status), next, limit);
  copying_.reset();
  return status;
}

Status KafkaSink::EndCopyStep(Status added, const Position& next, const CallLimit& limit) {
  if (added.ok()) added = CommitPosition(next, limit);
  group_bytes_ = 0;
  if (added.ok()) return added;
  copying_.reset();
  return Dropped(std::move(added), 0);
}

Status KafkaSink::BuryStaleKeys() {
  if (settings_.layout == Layout::kBlocks) return Status::Ok();
  std::unique_ptr<Client> reader;
  Status status = Client::Open(RD_KAFKA_CONSUMER, settings_, {}, BoundedReaderProperties(), host_,
                               nullptr, &reader);
  for (auto topic = copying_->begins.begin(); status.ok() && topic != copying_->begins.end();) {
    // Where it fails the copy is gone, with its topics.
    status = BuryStaleKeysOf(reader.get(), topic->first);
    if (status.ok()) ++topic;
  }
  if (!status.ok()) copying_.reset();
  return status;
}

Status KafkaSink::BuryStaleKeysOf(Client* reader, const std::string& topic) {
  const CallLimit limit = Limit(kReadPatience);
  const std::vector<int64_t>& begins = copying_->begins.at(topic);
  std::vector<int64_t> ends;
  Status status = AskEnds(consumer_.get(), producer_->client(), topic, limit, &ends);
  StaleKeySearch search;
  search.topic = topic;
  search.stream = stream_;
  for (size_t i = 0; status.ok() && i < ends.size(); ++i) {
    const auto partition = static_cast<int32_t>(i);
    int64_t low = 0;
    int64_t end = 0;
    status = AskOffsets(producer_->client(), topic, partition, limit, &low, &end);
    search.partitions.push_back({std::max(low, committed_.BeginOf(topic, partition)),
                                 i < begins.size() ? begins[i] : 0, ends[i]});
  }
  if (!status.ok()) return status;
  return FindStaleKeys(reader, search, limit,
                       [&](const KeyTable& keys) { return BuryKeys(topic, keys); });
}

Status KafkaSink::BuryKeys(const std::string& topic, const KeyTable& keys) {
  for (auto at = keys.keys().begin(); at != keys.keys().end();) {
    const CallLimit limit = TransactionLimit();
    Status status = BeginTransaction(limit);
    for (; status.ok() && at != keys.keys().end() && group_bytes_ < settings_.batch_bytes; ++at) {
      status = copying_->encoder.EncodeTombstone(at->second.partition, at->second.store, at->first,
                                                 [&](const Record& record) {
                                                   // Where it was found, whatever the settings say
                                                   // today.
                                                   group_bytes_ += record.key.size();
                                                   return producer_->Add(topic, record, limit);
                                                 });
    }
    if (status = EndCopyStep(std::move(status), group_, limit); !status.ok()) return status;
  }
  return Status::Ok();
}

}  // namespace sluice_kafka
