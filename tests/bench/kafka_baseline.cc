// SPDX-License-Identifier: Apache-2.0
//
// The best that librdkafka's own transactional producer does by hand, with the records and headers
// that the node's sink writes: no Sluice code.
//
//   kafka_baseline BROKERS ROWS TOPIC changes BLOCKS  a transaction each BLOCKS blocks
//   kafka_baseline BROKERS ROWS TOPIC single 1        the time of each transaction of one block
//
// Each transaction also holds the record of a position, as the sink's. Keys, values and the texts
// of the headers are there before the clock starts. Two things make it faster than it is without: 2
// ms pass between two transactions, because a record right after a commit costs librdkafka 20 ms
// (they count in a throughput and not in the time of a transaction); and delivery reports are asked
// for, with which a commit waits some milliseconds less. Prints one JSON object.
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include "rows.h"

namespace {

using bench_baseline::Fail;
using bench_baseline::Rows;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kAfterCommit{2};
constexpr int kTimeoutMs = 60'000;

struct Record {
  std::string key;  // store, a zero byte, key
  std::string value;
  std::array<std::string, 3> texts;  // height, seq, tx
};

void Varint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}
void Number(uint64_t field, uint64_t value, std::string* out) {
  if (value == 0) return;
  Varint(field << 3, out);
  Varint(value, out);
}
void Bytes(uint64_t field, std::string_view bytes, std::string* out) {
  Varint(field << 3 | 2, out);
  Varint(bytes.size(), out);
  out->append(bytes);
}

std::vector<Record> MakeRecords(const Rows& rows) {
  std::vector<Record> records(rows.rows.size());
  for (size_t i = 0; i < records.size(); ++i) {
    const uint64_t height = i / rows.rows_per_block + 1;
    const uint64_t sequence = i % rows.rows_per_block;
    Record& record = records[i];
    record.key = std::string("main\0", 5).append(rows.rows[i].key);
    Number(1, sequence, &record.value);
    Number(2, sequence, &record.value);
    Number(3, 1, &record.value);
    Bytes(4, "main", &record.value);
    Bytes(5, rows.rows[i].key, &record.value);
    Bytes(6, rows.rows[i].value, &record.value);
    record.texts = {std::to_string(height), std::to_string(sequence), std::to_string(sequence)};
  }
  return records;
}

void Check(rd_kafka_error_t* error) {
  if (error != nullptr) Fail(rd_kafka_error_string(error));
}
void Check(rd_kafka_resp_err_t code) {
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) Fail(rd_kafka_err2str(code));
}

class Producer {
 public:
  Producer(const char* brokers, const std::string& topic) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    std::array<char, 512> text{};
    const auto set = [&](const char* name, const std::string& value) {
      if (rd_kafka_conf_set(conf, name, value.c_str(), text.data(), text.size()) !=
          RD_KAFKA_CONF_OK) {
        Fail(text.data());
      }
    };
    set("bootstrap.servers", brokers);
    set("transactional.id", "baseline." + topic);
    set("partitioner", "murmur2");
    set("message.max.bytes", "4194304");
    rd_kafka_conf_set_dr_msg_cb(conf, [](rd_kafka_t*, const rd_kafka_message_t*, void*) {});
    handle_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text.data(), text.size());
    if (handle_ == nullptr) Fail(text.data());
    CreateTopic(topic, "delete");
    CreateTopic(topic + ".position", "compact");
    Check(rd_kafka_init_transactions(handle_, kTimeoutMs));
    data_ = Open(topic);
    position_ = Open(topic + ".position");
  }
  ~Producer() {
    rd_kafka_topic_destroy(data_);
    rd_kafka_topic_destroy(position_);
    rd_kafka_destroy(handle_);
  }

  void Begin() {
    std::this_thread::sleep_until(committed_at_ + kAfterCommit);
    Check(rd_kafka_begin_transaction(handle_));
  }
  void Add(const Record& record) {
    rd_kafka_headers_t* headers = rd_kafka_headers_new(6);
    const auto add = [&](const char* name, std::string_view text) {
      rd_kafka_header_add(headers, name, -1, text.data(), static_cast<ssize_t>(text.size()));
    };
    add("sluice-stream", "bench");
    add("sluice-height", record.texts[0]);
    add("sluice-seq", record.texts[1]);
    add("sluice-tx", record.texts[2]);
    add("sluice-store", "main");
    add("sluice-digest", kDigest);
    // The value stays where it is until the transaction ends: nothing is copied.
    Produce(data_, RD_KAFKA_PARTITION_UA, record.key, record.value, 0, headers);
  }
  void Commit() {
    const std::string value(300, 'p');
    Produce(position_, 0, "bench.orders", value, RD_KAFKA_MSG_F_COPY, nullptr);
    Check(rd_kafka_commit_transaction(handle_, kTimeoutMs));
    committed_at_ = Clock::now();
  }

 private:
  static constexpr std::string_view kDigest =
      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

  void Produce(rd_kafka_topic_t* topic, int32_t partition, std::string_view key,
               std::string_view value, int flags, rd_kafka_headers_t* headers) {
    for (;;) {
      std::array<rd_kafka_vu_t, 6> parts{};
      size_t count = 0;
      const auto part = [&](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
        parts[count].vtype = type;
        return parts[count++];
      };
      part(RD_KAFKA_VTYPE_RKT).u.rkt = topic;
      part(RD_KAFKA_VTYPE_PARTITION).u.i32 = partition;
      part(RD_KAFKA_VTYPE_MSGFLAGS).u.i = flags;
      part(RD_KAFKA_VTYPE_KEY).u.mem = {const_cast<char*>(key.data()), key.size()};
      part(RD_KAFKA_VTYPE_VALUE).u.mem = {const_cast<char*>(value.data()), value.size()};
      if (headers != nullptr) part(RD_KAFKA_VTYPE_HEADERS).u.headers = headers;
      rd_kafka_error_t* error = rd_kafka_produceva(handle_, parts.data(), count);
      if (error == nullptr) return;
      if (rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR__QUEUE_FULL) Check(error);
      rd_kafka_error_destroy(error);
      rd_kafka_poll(handle_, 10);
    }
  }

  void CreateTopic(const std::string& name, const char* cleanup) {
    std::array<char, 512> text{};
    rd_kafka_NewTopic_t* topic =
        rd_kafka_NewTopic_new(name.c_str(), 1, -1, text.data(), text.size());
    if (topic == nullptr) Fail(text.data());
    rd_kafka_NewTopic_set_config(topic, "cleanup.policy", cleanup);
    rd_kafka_queue_t* queue = rd_kafka_queue_new(handle_);
    rd_kafka_CreateTopics(handle_, &topic, 1, nullptr, queue);
    rd_kafka_event_t* event = rd_kafka_queue_poll(queue, kTimeoutMs);
    if (event == nullptr) Fail("no answer about topic " + name);
    Check(rd_kafka_event_error(event));
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(topic);
  }

  // The first record would wait for a second until the topic is known.
  rd_kafka_topic_t* Open(const std::string& name) {
    rd_kafka_topic_t* topic = rd_kafka_topic_new(handle_, name.c_str(), nullptr);
    const struct rd_kafka_metadata* metadata = nullptr;
    Check(rd_kafka_metadata(handle_, 0, topic, &metadata, kTimeoutMs));
    rd_kafka_metadata_destroy(metadata);
    return topic;
  }

  rd_kafka_t* handle_ = nullptr;
  rd_kafka_topic_t* data_ = nullptr;
  rd_kafka_topic_t* position_ = nullptr;
  Clock::time_point committed_at_ = Clock::now();
};

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Seconds of each transaction.
std::vector<double> Run(Producer* producer, const std::vector<Record>& records, size_t group,
                        double* whole) {
  std::vector<double> seconds;
  const Clock::time_point start = Clock::now();
  for (size_t first = 0; first < records.size(); first += group) {
    producer->Begin();
    const Clock::time_point begin = Clock::now();
    const size_t last = std::min(first + group, records.size());
    for (size_t i = first; i < last; ++i) producer->Add(records[i]);
    producer->Commit();
    seconds.push_back(SecondsSince(begin));
  }
  *whole = SecondsSince(start);
  return seconds;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) Fail("usage: kafka_baseline BROKERS ROWS TOPIC changes|single BLOCKS");
  const Rows rows = bench_baseline::ReadRows(argv[2]);
  const auto blocks = static_cast<uint32_t>(std::strtoul(argv[5], nullptr, 10));
  if (blocks == 0) Fail("a transaction holds one block at least");
  const std::vector<Record> records = MakeRecords(rows);
  Producer producer(argv[1], argv[3]);
  double whole = 0;
  std::vector<double> seconds =
      Run(&producer, records, size_t{blocks} * rows.rows_per_block, &whole);
  std::sort(seconds.begin(), seconds.end());
  std::printf("{\"seconds\":%.6f,\"commits\":%zu,\"p50_us\":%.1f,\"p99_us\":%.1f}\n", whole,
              seconds.size(), seconds[seconds.size() / 2] * 1e6,
              seconds[seconds.size() * 99 / 100] * 1e6);
  return 0;
}
