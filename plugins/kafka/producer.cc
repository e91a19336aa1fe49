// SPDX-License-Identifier: Apache-2.0
#include "kafka/producer.h"

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

namespace sluice_kafka {

using sluice::sdk::Status;

namespace {

// For that long after a commit the coordinator still writes its markers and refuses the next
// transaction, and librdkafka then waits for 20 ms. Waiting for this long here is the shorter way.
constexpr std::chrono::milliseconds kMarkersTime{2};
// The report of the record that has failed is on its way; there may be none.
constexpr std::chrono::milliseconds kReportTime{1000};

struct DestroyHeaders {
  void operator()(rd_kafka_headers_t* headers) const { rd_kafka_headers_destroy(headers); }
};
using HeadersPointer = std::unique_ptr<rd_kafka_headers_t, DestroyHeaders>;

// The height rides as the opaque of its records.
void* ToOpaque(uint64_t height) { return reinterpret_cast<void*>(static_cast<uintptr_t>(height)); }

Status Cancelled() { return Status::Cancelled("the call was cancelled"); }

Properties Defaults() {
  return {{"partitioner", "murmur2"},  // as Java's producers do, so that topics can be joined
          {"message.max.bytes", "4194304"},
          {"statistics.interval.ms", "1000"}};
}

Properties Own(const Settings& settings, const std::string& transactional_id) {
  Properties own = {{"enable.idempotence", "true"},
                    // A producer's default is true: a broker would then make a topic that has been
                    // deleted anew, empty, and nobody would be told.
                    {"allow.auto.create.topics", "false"},
                    // Of offsets it asks for; see position_topic.h.
                    {"isolation.level", "read_uncommitted"}};
  if (settings.transactions) {
    own.emplace_back("transactional.id", transactional_id);
  } else {
    // After a record that is not stored none of its partition may be: readers pass over what comes
    // below the last one they have seen. The guarantee does not hold for records that time out.
    own.emplace_back("enable.gapless.guarantee", "true");
    own.emplace_back("message.timeout.ms", "0");
    // A broker takes any sequence of a producer it has not seen: where the first batch of a new one
    // is refused, it would store the next one that is on its way already.
    own.emplace_back("max.in.flight.requests.per.connection", "1");
  }
  return own;
}

}  // namespace

Status Producer::Open(const Settings& settings, const std::string& transactional_id,
                      sluice::sdk::Host host, std::unique_ptr<Producer>* out) {
  std::unique_ptr<Producer> producer(new Producer(settings, transactional_id, host));
  Status status = producer->OpenClient();
  if (status.ok()) *out = std::move(producer);
  return status;
}

Status Producer::OpenClient() {
  std::unique_ptr<Client> client;
  Status status = Client::Open(
      RD_KAFKA_PRODUCER, settings_, Defaults(), Own(settings_, transactional_id_), host_,
      [this](const rd_kafka_message_t& record) { OnFailedRecord(record); }, &client);
  if (!status.ok()) return status;
  client->set_statistics_taker(statistics_taker_);
  client_ = std::move(client);
  return status;
}

void Producer::set_statistics_taker(Client::StatisticsTaker taker) {
  statistics_taker_ = std::move(taker);
  client_->set_statistics_taker(statistics_taker_);
}

void Producer::OnFailedRecord(const rd_kafka_message_t& record) {
  // Purged by an abort.
  if (record.err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
      record.err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) {
    return;
  }
  // Others are a consequence of the first; but a batch is refused as a whole, and the largest
  // record in it is the likeliest reason.
  const bool same_refusal = failed_record_ && failed_record_->code == record.err &&
                            ClassifyRecordError(record.err) == ErrorAction::kReject;
  if (failed_record_ && !(same_refusal && record.len > failed_record_->bytes)) return;
  const auto height = static_cast<uint64_t>(reinterpret_cast<uintptr_t>(record._private));
  std::string text = "topic " + std::string(rd_kafka_topic_name(record.rkt)) +
                     ": a record of height " + std::to_string(height) + " (" +
                     std::to_string(record.len) + " bytes) was not stored: " + Describe(record.err);
  if (record.err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
    text += "; raise max.message.bytes of the topic, or message.max.bytes of the broker";
  }
  failed_record_ = FailedRecord{height, record.err, record.len, std::move(text)};
}

void Producer::HearFailedRecord(const CallLimit& limit) {
  const CallLimit report(kReportTime, nullptr);
  while (!failed_record_ && !report.over() && !limit.over()) client_->Poll(report.SliceMs());
}

Status Producer::StatusOfFailedRecord() {
  switch (ClassifyRecordError(failed_record_->code)) {
    case ErrorAction::kFenced:
      return Status::Fenced(failed_record_->text);
    case ErrorAction::kReject:
      refused_height_ = failed_record_->height;
      return Status::Reject(failed_record_->text);
    case ErrorAction::kRestart:
      return Status::Fatal(failed_record_->text);
    case ErrorAction::kAgain:
    case ErrorAction::kAbort:
      break;
  }
  return Status::Retry(failed_record_->text);
}

template <typename Call>
Status Producer::Repeat(const std::string& what, const CallLimit& limit, Call&& call) {
  for (;;) {
    const ErrorPointer error(call(limit.SliceMs()));
    client_->Poll(0);
    if (error == nullptr) return Status::Ok();
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error.get());
    ErrorTraits traits;
    traits.fatal = rd_kafka_error_is_fatal(error.get()) != 0;
    traits.retriable = rd_kafka_error_is_retriable(error.get()) != 0;
    traits.requires_abort = rd_kafka_error_txn_requires_abort(error.get()) != 0;
    const std::string text =
        what + ": " + rd_kafka_error_string(error.get()) + " (" + rd_kafka_err2name(code) + ")";
    switch (ClassifyCallError(code, traits)) {
      case ErrorAction::kFenced:
        return Status::Fenced(text);
      case ErrorAction::kRestart:
        return Status::Fatal(text);
      case ErrorAction::kReject:
      case ErrorAction::kAbort: {
        // The record that failed says more than that the transaction has.
        if (failed_record_) return StatusOfFailedRecord();
        // librdkafka only logs which.
        std::string topics;
        for (const std::string& topic : topics_) {
          topics += (topics.empty() ? "; it writes to topic " : " and topic ") + topic;
        }
        return Status::Retry(text + topics);
      }
      case ErrorAction::kAgain:
        break;
    }
    if (limit.cancelled()) return Cancelled();
    if (limit.expired()) return Status::Fatal(text + client_->Trouble());
  }
}

Status Producer::Initialize(const CallLimit& limit) {
  if (!transactions_) return Status::Ok();
  Status status = Repeat("init_transactions", limit, [&](int slice_ms) {
    return rd_kafka_init_transactions(client_->raw(), slice_ms);
  });
  // Nothing is in the balance yet: the host simply tries again.
  if (status.code() == SLUICE_FATAL) return Status::Retry(status.text());
  return status;
}

void Producer::WarmUp(const std::string& topic, const CallLimit& limit) {
  rd_kafka_topic_t* handle = client_->Topic(topic);
  if (handle == nullptr || limit.over()) return;
  const struct rd_kafka_metadata* metadata = nullptr;
  if (rd_kafka_metadata(client_->raw(), 0, handle, &metadata, limit.SliceMs()) ==
      RD_KAFKA_RESP_ERR_NO_ERROR) {
    rd_kafka_metadata_destroy(metadata);
  }
}

Status Producer::Begin(const CallLimit& limit) {
  failed_record_.reset();
  refused_height_ = 0;
  topics_.clear();
  if (transactions_) {
    const Clock::duration since = Clock::now() - ended_at_;
    if (since < kMarkersTime) std::this_thread::sleep_for(kMarkersTime - since);
    Status status = Repeat("begin_transaction", limit,
                           [&](int) { return rd_kafka_begin_transaction(client_->raw()); });
    if (!status.ok()) return status;
  }
  began_at_ = Clock::now();
  open_ = true;
  return Status::Ok();
}

Status Producer::Add(const std::string& topic, const Record& record, const CallLimit& limit) {
  rd_kafka_topic_t* handle = client_->Topic(topic);
  if (handle == nullptr) return Status::Invalid("topic " + topic + ": librdkafka refuses the name");
  std::vector<rd_kafka_vu_t> parts;
  parts.reserve(8);
  const auto add = [&parts](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
    parts.emplace_back();
    parts.back().vtype = type;
    return parts.back();
  };
  add(RD_KAFKA_VTYPE_RKT).u.rkt = handle;
  add(RD_KAFKA_VTYPE_PARTITION).u.i32 =
      record.partition < 0 ? RD_KAFKA_PARTITION_UA : record.partition;
  add(RD_KAFKA_VTYPE_MSGFLAGS).u.i = RD_KAFKA_MSG_F_COPY;
  add(RD_KAFKA_VTYPE_OPAQUE).u.ptr = ToOpaque(record.height);
  rd_kafka_vu_t& key = add(RD_KAFKA_VTYPE_KEY);
  // An empty key is not a missing one, which a compacted topic would refuse.
  key.u.mem.ptr = const_cast<char*>(record.key.empty() ? "" : record.key.data());
  key.u.mem.size = record.key.size();
  if (record.value) {
    rd_kafka_vu_t& value = add(RD_KAFKA_VTYPE_VALUE);
    // An empty value is not a missing one.
    value.u.mem.ptr = const_cast<char*>(record.value->empty() ? "" : record.value->data());
    value.u.mem.size = record.value->size();
  }
  // A list of our own: librdkafka 2.0.2 frees headers that are given one by one twice where it
  // refuses the record, and the process ends.
  HeadersPointer headers(rd_kafka_headers_new(record.headers.size()));
  for (const auto& [name, text] : record.headers) {
    rd_kafka_header_add(headers.get(), name, -1, text.data(), static_cast<ssize_t>(text.size()));
  }
  add(RD_KAFKA_VTYPE_HEADERS).u.headers = headers.get();
  for (;;) {
    const ErrorPointer error(rd_kafka_produceva(client_->raw(), parts.data(), parts.size()));
    if (error == nullptr) {
      topics_.insert(topic);
      (void)headers.release();  // the record's now
      return Status::Ok();
    }
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error.get());
    if (code == RD_KAFKA_RESP_ERR__STATE || code == RD_KAFKA_RESP_ERR__FATAL) {
      // An earlier record has failed: that says more.
      HearFailedRecord(limit);
      if (failed_record_) return StatusOfFailedRecord();
    }
    std::string text = "topic " + topic + ": a record of height " + std::to_string(record.height) +
                       " (" + std::to_string(record.value ? record.value->size() : 0) +
                       " bytes) is not taken: " + rd_kafka_error_string(error.get()) + " (" +
                       rd_kafka_err2name(code) + ")";
    switch (ClassifyRecordError(code)) {
      case ErrorAction::kFenced:
        return Status::Fenced(text);
      case ErrorAction::kReject:
        refused_height_ = record.height;
        return Status::Reject(text +
                              "; raise the setting producer.message.max.bytes, and "
                              "max.message.bytes of the topic");
      case ErrorAction::kRestart:
        return Status::Fatal(text);
      case ErrorAction::kAbort:
        if (failed_record_) return StatusOfFailedRecord();
        return Status::Retry(text);
      case ErrorAction::kAgain:
        break;
    }
    if (limit.cancelled()) return Cancelled();
    if (limit.expired()) return Status::Retry(text + client_->Trouble());
    client_->Poll(limit.SliceMs());  // the queue is full: wait for a report
  }
}

Status Producer::Flush(const CallLimit& limit) {
  for (;;) {
    const rd_kafka_resp_err_t code = rd_kafka_flush(client_->raw(), limit.SliceMs());
    if (failed_record_) return StatusOfFailedRecord();
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return Status::Ok();
    if (limit.cancelled()) return Cancelled();
    if (limit.expired()) {
      return Status::Fatal("records are still not stored: " + Describe(code) + client_->Trouble());
    }
  }
}

Status Producer::Commit(const std::string& position_topic, const Record& position,
                        const CallLimit& limit) {
  // Without transactions the position must not say more than what is stored.
  if (!transactions_) {
    if (Status status = Flush(limit); !status.ok()) return status;
  }
  Status status = Add(position_topic, position, limit);
  if (status.ok() && !transactions_) status = Flush(limit);
  if (status.ok() && transactions_) {
    status = Repeat("commit_transaction", limit, [&](int slice_ms) {
      return rd_kafka_commit_transaction(client_->raw(), slice_ms);
    });
  }
  ended_at_ = Clock::now();
  if (status.ok()) open_ = false;
  return status;
}

Status Producer::Abort(const CallLimit& limit) {
  Status status;
  if (transactions_) {
    status = Repeat("abort_transaction", limit, [&](int slice_ms) {
      return rd_kafka_abort_transaction(client_->raw(), slice_ms);
    });
  } else {
    // What is on its way may be stored as it is: it comes again, and readers deduplicate.
    (void)Flush(limit);
    const bool given_up = rd_kafka_fatal_error(client_->raw(), nullptr, 0) != 0;
    if (given_up) status = OpenClient();
  }
  failed_record_.reset();
  open_ = false;
  ended_at_ = Clock::now();
  return status;
}

bool Producer::outlived_timeout() const {
  return Clock::now() - began_at_ > client_->transaction_timeout();
}

}  // namespace sluice_kafka
