// SPDX-License-Identifier: Apache-2.0
#include "kafka/kafka_sink.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "kafka/position_topic.h"
#include "kafka/readback.h"
#include "kafka/record_decoder.h"
#include "kafka/topic_content.h"
#include "kafka/topics.h"

namespace sluice_kafka {

using sluice::sdk::AttachArgs;
using sluice::sdk::Batch;
using sluice::sdk::StartArgs;
using sluice::sdk::StartResult;
using sluice::sdk::Status;
// Of digests; clang-tidy 14 does not see that.
using sluice::sdk::operator==;  // NOLINT(misc-unused-using-decls)

namespace {

// Long enough for a failover of the coordinator.
constexpr std::chrono::seconds kPositionTimeout{20};
constexpr std::chrono::seconds kAbortTimeout{10};
constexpr std::chrono::milliseconds kOrderlyAbort{1000};  // at the end of an instance
constexpr std::chrono::milliseconds kHastyAbort{100};     // of one that has been cancelled
// A group ends after this time even while more heights wait, so that an ack never takes long.
constexpr std::chrono::milliseconds kGroupTime{200};

// How often librdkafka's callbacks are served while nothing is delivered.
constexpr std::chrono::milliseconds kIdlePoll{500};

std::string Height(uint64_t height) { return "height " + std::to_string(height); }

}  // namespace

KafkaSink::~KafkaSink() {
  // The host cancels its own calls only: the tender may be waiting for a broker, with the lock.
  const bool in_haste = cancelled_.exchange(true, std::memory_order_acq_rel);
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  tender_changed_.notify_all();
  if (tender_.joinable()) tender_.join();
  // An open transaction would hold readers back until it times out.
  if (producer_ != nullptr && producer_->open()) {
    (void)producer_->Abort(CallLimit(in_haste ? kHastyAbort : kOrderlyAbort, nullptr));
  }
}

Status KafkaSink::Start(const StartArgs& args, StartResult* result) {
  stream_ = args.stream_id();
  sink_ = args.sink_name();
  epoch_ = args.epoch();
  if (Status status = ParseSettings(args.settings(), stream_, &settings_); !status.ok()) {
    return status;
  }
  plain_keys_ = settings_.topic_per_store() || args.raw()->store_count == 1;
  // Short of the deadline, so that what is in the way is still said.
  const CallLimit limit = Limit(args.deadline() * 4 / 5);
  // The producer first: librdkafka checks the settings with it, without any broker.
  Status status = Producer::Open(settings_, key(), host_, &producer_);
  if (status.ok()) status = CheckLinger();
  if (status.ok()) {
    status = Client::Open(RD_KAFKA_CONSUMER, settings_, {}, ReaderProperties(), host_, nullptr,
                          &consumer_);
  }
  if (!status.ok()) return status;

  std::optional<Position> stored;
  status = ReadPosition(consumer_.get(), nullptr, settings_.position_topic, key(),
                        ReadThrough::kStable, limit, &stored);
  if (status.ok()) status = CheckEpoch(stored);
  if (status.ok()) status = CheckShape(stored);
  if (status.ok()) status = CheckTopicsAreThere(stored, limit);
  if (status.ok()) status = PrepareTopics(limit);
  if (status.ok()) status = producer_->Initialize(limit);
  if (!status.ok()) return status;
  producer_->WarmUp(settings_.position_topic, limit);
  for (const std::string& topic : known_topics_) producer_->WarmUp(topic, limit);

  encoder_ = std::make_unique<RecordEncoder>(settings_, stream_, plain_keys_);
  statistics_.emplace(sluice::sdk::Metrics(host_));
  producer_->set_statistics_taker([this](std::string_view json) { statistics_->Take(json); });
  tender_ = std::thread([this] { Tend(); });
  if (!settings_.transactions) {
    result->capabilities = SLUICE_CAP_AT_LEAST_ONCE;
    host_.Log(SLUICE_LOG_WARN,
              "transactions = false: readers get each height at least once, and deduplicate by "
              "sluice-height and sluice-seq");
  }
  result->level = SLUICE_LEVEL_DURABLE;
  return Status::Ok();
}

Status KafkaSink::CheckLinger() const {
  const std::chrono::milliseconds longest = producer_->client()->transaction_timeout() / 2;
  if (!settings_.transactions || settings_.linger <= longest) return Status::Ok();
  return Status::Invalid("setting linger: more than " + std::to_string(longest.count()) +
                         " ms, half of what the broker lets a transaction take; lower it, or raise "
                         "producer.transaction.timeout.ms");
}

Status KafkaSink::CheckEpoch(const std::optional<Position>& stored) const {
  if (!stored || stored->stream != stream_ || stored->epoch < epoch_) return Status::Ok();
  return OlderThan(*stored);
}

Status KafkaSink::OlderThan(const Position& stored) const {
  return Status::Fenced("position topic " + settings_.position_topic + " holds epoch " +
                        std::to_string(stored.epoch) + ", this start has epoch " +
                        std::to_string(epoch_) +
                        "; a newer start of the node, or another node, writes here; nothing was "
                        "changed");
}

Position KafkaSink::Shape() const {
  Position shape;
  shape.stream = stream_;
  shape.sink = sink_;
  shape.epoch = epoch_;
  shape.plain_keys = plain_keys_;
  shape.layout = NameOf(settings_.layout);
  shape.encoding = NameOf(settings_.encoding);
  shape.topic = settings_.topic;
  return shape;
}

Status KafkaSink::CheckShape(const std::optional<Position>& stored) const {
  if (!stored || stored->stream != stream_) return Status::Ok();
  // A copy that was given up has left records, too.
  const bool has_written = stored->height > 0 || stored->copying || !stored->topics.empty();
  if (!has_written) return Status::Ok();
  const std::string changed = ChangedSetting(*stored, Shape());
  if (changed.empty()) return Status::Ok();
  return Status::Invalid(changed + " when the sink wrote what it holds, through " +
                         Height(stored->height) +
                         ": set it back, or start over with a topic that is empty and a tombstone "
                         "with key " +
                         key() + " in " + settings_.position_topic);
}

Status KafkaSink::CheckTopicsAreThere(const std::optional<Position>& stored,
                                      const CallLimit& limit) {
  const bool has_written =
      stored && stored->stream == stream_ && (stored->height > stored->base || stored->snapshot);
  if (!has_written) return Status::Ok();
  for (const std::string& topic : stored->topics) {
    bool written = false;
    Status status = IsWritten(consumer_.get(), producer_->client(), topic, limit, &written);
    if (!status.ok()) return status;
    // Also where a client of somebody else's has had the broker create it anew.
    if (written) continue;
    return Status::Invalid("topic " + topic + " is gone, although the sink stands at " +
                           Height(stored->height) +
                           ": what it held is lost; to start over, write a tombstone with key " +
                           key() + " to " + settings_.position_topic + ", or restore the topic");
  }
  return Status::Ok();
}

Status KafkaSink::CheckUnwritten(const std::string& topic, const CallLimit& limit) {
  if (!all_topics_are_listed_ || committed_.topics.count(topic) != 0) return Status::Ok();
  // Without transactions records come before the position that lists their topic: those that are
  // above it, or of a copy, may be the sink's own.
  IsOwn own;
  if (!settings_.transactions && committed_.epoch != 0) {
    own = [this](const rd_kafka_message_t& message) {
      StoredRecord record;
      return ReadRecord(message, settings_.layout, &record).empty() && record.stream == stream_ &&
             (record.height > committed_.height || record.of_copy);
    };
  }
  bool holds = false;
  Status status = HoldsRecords(consumer_.get(), topic, own, limit, &holds);
  if (!status.ok() || !holds) return status;
  return Status::Invalid(
      "topic " + topic + " holds records, but there is no position of this sink, key " + key() +
      " in " + settings_.position_topic +
      ", that says so: heights would come a second time, or stand among those of others; delete "
      "the topic, restore the position, or name another topic");
}

Status KafkaSink::PrepareTopics(const CallLimit& limit) {
  Status status = EnsureTopic(consumer_.get(), settings_, PlanPositionTopic(settings_), limit);
  if (status.ok()) status = CheckCompacted(consumer_.get(), settings_.position_topic, limit);
  if (!status.ok() || settings_.topic_per_store()) return status;
  status = EnsureDataTopic(settings_.topic, limit);
  if (status.ok()) known_topics_.insert(settings_.topic);
  return status;
}

Status KafkaSink::EnsureDataTopic(const std::string& topic, const CallLimit& limit) {
  return EnsureTopic(consumer_.get(), settings_,
                     PlanDataTopic(settings_, topic, producer_->client()->max_message_bytes()),
                     limit);
}

Status KafkaSink::Resume(sluice::sdk::Position* position) {
  std::lock_guard lock(mutex_);
  std::optional<Position> stored;
  Status status = ReadPosition(consumer_.get(), producer_->client(), settings_.position_topic,
                               key(), ReadThrough::kEnd, Limit(kPositionTimeout), &stored);
  if (!status.ok()) return status;
  // Committed between the two readings, or by somebody whom the first one could not see.
  if (stored && stored->stream == stream_ && stored->epoch > epoch_) return OlderThan(*stored);
  committed_ = stored.value_or(Position());
  ClearGroup();
  all_topics_are_listed_ = !stored || (stored->stream == stream_ && stored->all_topics);
  // Not sooner: before it is initialised a commit may be under way, seen in one topic only.
  if (!settings_.topic_per_store()) {
    status = CheckUnwritten(settings_.topic, Limit(kPositionTimeout));
    if (!status.ok()) return status;
  }
  if (!stored || stored->height == 0) {
    position->SetEmpty();
  } else {
    position->SetAt(stored->stream, stored->epoch, stored->height, stored->digest);
  }
  return Status::Ok();
}

Status KafkaSink::CheckStream() const {
  if (committed_.epoch == 0 || committed_.stream == stream_) return Status::Ok();
  return Status::Invalid("position topic " + settings_.position_topic + " holds stream " +
                         committed_.stream + " under key " + key() +
                         "; give the sink a position_topic of its own");
}

Status KafkaSink::CheckBase(const AttachArgs& args) const {
  if (Status status = CheckStream(); !status.ok()) return status;
  const bool has_position = committed_.epoch != 0;
  if (has_position && args.height < committed_.height) {
    return Status::Invalid("the sink holds heights through " + std::to_string(committed_.height) +
                           ", the base is " + Height(args.height));
  }
  const bool holds_base =
      has_position && args.height == committed_.height && committed_.digest == args.digest;
  if (args.reason == SLUICE_ATTACH_RESUMED && !holds_base) {
    return Status::Invalid("resumed at " + Height(args.height) + ", where the sink does not stand");
  }
  const bool holds_copy =
      holds_base && committed_.snapshot && committed_.snapshot->height == args.height;
  if (args.reason == SLUICE_ATTACH_AFTER_SNAPSHOT && !holds_copy) {
    return Status::Invalid("the sink holds no whole copy of the state at " + Height(args.height));
  }
  return Status::Ok();
}

Status KafkaSink::Attach(const AttachArgs& args) {
  std::lock_guard lock(mutex_);
  if (Status status = CheckBase(args); !status.ok()) return status;
  Position next = Shape();
  next.base = args.height;
  if (args.reason == SLUICE_ATTACH_RESUMED || args.reason == SLUICE_ATTACH_AFTER_SNAPSHOT) {
    next.base = committed_.base;
    next.filtered = committed_.filtered;
    next.snapshot = committed_.snapshot;
  }
  next.height = args.height;
  next.digest = args.digest;
  next.all_topics = all_topics_are_listed_;
  next.topics = committed_.topics;
  next.begins = committed_.begins;
  if (committed_.copying) {
    // What a copy that was not ended has left, and what was there before it, does not count.
    sluice_snapshot_args nothing{};
    nothing.height = args.height;
    nothing.digest = args.digest;
    Status status = BeginCopy(nothing);
    if (status.ok()) status = BuryStaleKeys();
    if (!status.ok()) return status;
    next.topics = committed_.topics;
    next.begins = copying_->begins;
    copying_.reset();
  }
  const CallLimit limit = Limit(kPositionTimeout);
  Status status = producer_->Begin(limit);
  if (status.ok()) status = CommitPosition(next, limit);
  if (!status.ok()) return Dropped(std::move(status), 0);
  attached_ = true;
  return Status::Ok();
}

Status KafkaSink::CommitPosition(const Position& next, const CallLimit& limit) {
  const std::string position_key = key();
  const std::string value = EncodePosition(next);
  Record record;
  record.height = next.height;
  record.partition = 0;
  record.key = position_key;
  record.value = value;
  Status status = producer_->Commit(settings_.position_topic, record, limit);
  if (status.ok()) {
    committed_ = next;
    group_ = next;
  }
  return status;
}

Status KafkaSink::CheckBatch(const Batch& batch) const {
  if (!attached_) return Status::Fatal("deliver before attach");
  if (batch.epoch() != epoch_) {
    return Status::Fenced(Height(batch.height()) + " is of epoch " + std::to_string(batch.epoch()) +
                          ", this instance is of epoch " + std::to_string(epoch_));
  }
  if (batch.part() != 0 || !batch.last_part()) {
    return Status::Unsupported("the Kafka sink takes whole heights, not parts");
  }
  for (const sluice_change& change : batch.changes()) {
    const bool known = change.kind == SLUICE_CHANGE_SET || change.kind == SLUICE_CHANGE_DELETE;
    if (!known && (change.flags & SLUICE_CHANGE_MUST_UNDERSTAND) != 0) {
      return Status::Unsupported(Height(batch.height()) + " holds a change of kind " +
                                 std::to_string(change.kind) +
                                 ", which this version of the Kafka sink does not know");
    }
  }
  return Status::Ok();
}

Status KafkaSink::Deliver(const Batch& batch) {
  std::lock_guard lock(mutex_);
  if (Status status = CheckBatch(batch); !status.ok()) return status;
  if (batch.height() <= committed_.height) {
    if (batch.height() < committed_.height || batch.digest() == committed_.digest) {
      return Status::Ok();
    }
    return Status::Fatal("the sink has diverged: it holds " + Height(batch.height()) +
                         " with another digest");
  }
  if (batch.height() != group_.height + 1) {
    return Status::Fatal(Height(group_.height + 1) + " comes next, not " + Height(batch.height()) +
                         "; ask where the sink stands and deliver from there");
  }
  if (!(batch.previous_digest() == group_.digest)) {
    return Status::Fatal("the sink has diverged: " + Height(batch.height()) +
                         " is not chained to the digest that it holds for " +
                         Height(group_.height));
  }
  if (Status status = AddHeight(batch); !status.ok()) {
    return Dropped(std::move(status), batch.height());
  }
  const bool more_waits = batch.height() < batch.newest_height();
  if (!GroupIsFull(batch)) {
    if (more_waits) return Status::Pending();
    if (settings_.linger.count() > 0) {
      lingering_ = true;
      tender_changed_.notify_all();
      return Status::Pending();
    }
  }
  const bool alone = in_flight_.size() == 1;
  Status status = EndGroup(batch.height(), TransactionLimit());
  if (!status.ok()) return status;
  return alone ? Status::Ok() : Status::Pending();
}

Status KafkaSink::AddHeight(const Batch& batch) {
  lingering_ = false;
  const CallLimit limit = TransactionLimit();
  if (!producer_->open()) {
    if (Status status = BeginTransaction(limit); !status.ok()) return status;
  }
  in_flight_.push_back({batch.height(), batch.attempt()});
  Status status =
      encoder_->Encode(batch, [&](const Record& record) { return AddRecord(record, limit); });
  if (!status.ok()) return status;
  group_.stream = stream_;
  group_.height = batch.height();
  group_.digest = batch.digest();
  group_.filtered = group_.filtered || batch.filtered();
  return status;
}

Status KafkaSink::BeginTransaction(const CallLimit& limit) {
  Status status = producer_->Begin(limit);
  group_began_ = Clock::now();
  last_topic_.clear();
  return status;
}

Status KafkaSink::AddRecord(const Record& record, const CallLimit& limit) {
  const bool other_topic =
      last_topic_.empty() || (settings_.topic_per_store() && record.store != last_store_);
  if (other_topic) {
    last_store_ = record.store;
    last_topic_ = TopicOf(settings_, record.store);
    if (known_topics_.count(last_topic_) == 0) {
      // In this order: a broker may not know of a topic yet that is there.
      Status status = EnsureDataTopic(last_topic_, limit);
      if (status.ok()) status = CheckUnwritten(last_topic_, limit);
      if (!status.ok()) return status;
      known_topics_.insert(last_topic_);
    }
    if (copying_ && copying_->begins.count(last_topic_) == 0) {
      Status status = AskEnds(consumer_.get(), producer_->client(), last_topic_, limit,
                              &copying_->begins[last_topic_]);
      if (!status.ok()) return status;
    }
    group_.topics.insert(last_topic_);
  }
  group_bytes_ += record.key.size() + (record.value ? record.value->size() : 0);
  return producer_->Add(last_topic_, record, limit);
}

// The host cancels what takes too long for it; the broker ends a transaction after its time-out.
CallLimit KafkaSink::TransactionLimit() const {
  return Limit(producer_->client()->transaction_timeout() + std::chrono::seconds(10));
}

bool KafkaSink::GroupIsFull(const Batch& batch) const {
  return in_flight_.size() >= settings_.batch_blocks || group_bytes_ >= settings_.batch_bytes ||
         Clock::now() - group_began_ >= std::max<Clock::duration>(kGroupTime, settings_.linger) ||
         batch.height() == alone_ || batch.height() + 1 == alone_;
}

Status KafkaSink::EndGroup(uint64_t current, const CallLimit& limit) {
  Status status = CommitPosition(group_, limit);
  if (!status.ok()) return Dropped(std::move(status), current);
  const InFlight last = in_flight_.back();
  const bool acked_by_return = in_flight_.size() == 1 && last.height == current;
  ClearGroup();
  if (!acked_by_return) host_.Ack(epoch_, last.attempt, 0, last.height, SLUICE_LEVEL_DURABLE);
  return Status::Ok();
}

void KafkaSink::ClearGroup() {
  in_flight_.clear();
  group_ = committed_;
  group_bytes_ = 0;
  lingering_ = false;
}

Status KafkaSink::Dropped(Status why, uint64_t current) {
  if (why.code() == SLUICE_FENCED) why = Fenced(why);
  const bool undecided =
      why.code() == SLUICE_CANCELLED || why.code() == SLUICE_FATAL || why.code() == SLUICE_FENCED;
  // Where the outcome is not known only a new producer, once initialised, can tell: this one is
  // done.
  if (!undecided && producer_->open()) {
    Status aborted = producer_->Abort(Limit(kAbortTimeout));
    if (aborted.code() == SLUICE_FENCED) {
      why = Fenced(aborted);
    } else if (!aborted.ok()) {
      why = Status(aborted.code() == SLUICE_CANCELLED ? SLUICE_CANCELLED : SLUICE_FATAL,
                   why.text() + "; and " + aborted.text());
    }
  }
  if (undecided) attached_ = false;
  if (why.code() == SLUICE_REJECT) {
    const uint64_t refused = producer_->refused_height();
    const bool was_alone = in_flight_.size() <= 1;
    if (!was_alone) {
      // Heights before the refused one are stored first, without it.
      alone_ = refused;
      why = Status::Retry(why.text());
    }
  }
  const bool others = !in_flight_.empty() && in_flight_.front().height != current;
  const InFlight first = others ? in_flight_.front() : InFlight{};
  ClearGroup();
  const bool tell = others && (why.code() == SLUICE_RETRY || why.code() == SLUICE_REJECT ||
                               why.code() == SLUICE_CANCELLED);
  if (tell) {
    host_.Nack(epoch_, first.attempt, first.height,
               why.code() == SLUICE_CANCELLED ? Status::Retry(why.text()) : why);
  }
  return why;
}

// librdkafka says the same where the broker has ended a transaction that took too long. A newer
// incarnation is told from that by its epoch, or else by the time.
Status KafkaSink::Fenced(const Status& why) {
  std::optional<Position> stored;
  Status status = ReadPosition(consumer_.get(), nullptr, settings_.position_topic, key(),
                               ReadThrough::kStable, Limit(std::chrono::seconds(2)), &stored);
  const bool newer = status.ok() && stored && stored->epoch > epoch_;
  if (!newer && producer_->outlived_timeout()) {
    return Status::Fatal(why.text() +
                         "; the transaction took longer than transaction.timeout.ms, so the "
                         "broker ended it; begins again with a new producer");
  }
  return Status::Fenced(why.text() + "; a newer start of the node, or another node, writes as " +
                        key() + (newer ? ", epoch " + std::to_string(stored->epoch) : ""));
}

Status KafkaSink::Drain(std::chrono::nanoseconds deadline) {
  std::lock_guard lock(mutex_);
  if (!attached_ || in_flight_.empty()) return Status::Ok();
  return EndGroup(0, Limit(deadline));
}

void KafkaSink::Tend() {
  std::unique_lock lock(mutex_);
  Clock::time_point poll_at = Clock::now();
  while (!stopping_) {
    const Clock::time_point due =
        lingering_ ? group_began_ + settings_.linger : Clock::time_point::max();
    const Clock::time_point now = Clock::now();
    if (now >= poll_at) {
      // Statistics and errors would pile up in librdkafka while nothing is delivered.
      producer_->client()->Poll(0);
      consumer_->Poll(0);
      poll_at = now + kIdlePoll;
    }
    if (now < due) {
      tender_changed_.wait_until(lock, std::min(due, poll_at));
      continue;
    }
    lingering_ = false;
    Status status = EndGroup(0, TransactionLimit());
    // What is not said by a nack.
    const bool broken = status.code() == SLUICE_FATAL || status.code() == SLUICE_FENCED;
    if (broken) host_.Fail(status.code(), status.text());
  }
}

Status KafkaSink::OpenReadback(const sluice::sdk::ReadbackArgs& args,
                               sluice::sdk::ReadbackInfo* info,
                               std::unique_ptr<sluice::sdk::ReadbackCursor>* cursor) {
  return OpenKafkaReadback(args, host_, info, cursor);
}

}  // namespace sluice_kafka
