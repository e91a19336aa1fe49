// SPDX-License-Identifier: Apache-2.0
//
// The sink that ships as plugin "kafka": a stream as records of topics, exactly once for readers
// with read_committed; docs/sinks/kafka.md says how.
//
// clang-format off
// start      refuses an epoch not above the stored one, settings other than those of the stored
//            position, and missing topics of it; creates topics; then fences older producers
// resume     reads the position topic to its end; refuses records that are not the sink's
// attach     stores the base, with this epoch, as the position
// deliver    adds the height's records to the open transaction; a group that is full, or after which
//            nothing waits, is committed together with its position, and one ack follows
// snapshot   begin stores that the sink is empty, and remembers where its topics end: nothing before
//            that counts any more; parts are transactions of rows; end writes tombstones for keys
//            that the state does not have any more, and then the position (kafka_sink_snapshot.cc)
// clang-format on
//
// A thread of its own serves librdkafka's callbacks while nothing is delivered, and with `linger`
// ends a group that no further height has filled.
//
// Threading: as the SDK says. mutex_ guards all but what Start sets: it is contended by that thread
// only. Cancel sets a flag, which every wait looks at.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <sluice/plugin.hpp>
#include <string>
#include <thread>
#include <vector>

#include "kafka/client.h"
#include "kafka/copy_encoder.h"
#include "kafka/key_table.h"
#include "kafka/position.h"
#include "kafka/producer.h"
#include "kafka/record_encoder.h"
#include "kafka/settings.h"
#include "kafka/statistics.h"

namespace sluice_kafka {

class KafkaSink {
 public:
  explicit KafkaSink(sluice::sdk::Host host) : host_(host) {}
  ~KafkaSink();

  sluice::sdk::Status Start(const sluice::sdk::StartArgs& args, sluice::sdk::StartResult* result);
  sluice::sdk::Status Resume(sluice::sdk::Position* position);
  sluice::sdk::Status Attach(const sluice::sdk::AttachArgs& args);
  sluice::sdk::Status Deliver(const sluice::sdk::Batch& batch);
  sluice::sdk::Status BeginSnapshot(const sluice::sdk::SnapshotArgs& args);
  sluice::sdk::Status TakeSnapshotPart(const sluice::sdk::SnapshotPart& part);
  sluice::sdk::Status EndSnapshot();
  sluice::sdk::Status Drain(std::chrono::nanoseconds deadline);
  void Cancel() { cancelled_.store(true, std::memory_order_release); }
  sluice::sdk::Status OpenReadback(const sluice::sdk::ReadbackArgs& args,
                                   sluice::sdk::ReadbackInfo* info,
                                   std::unique_ptr<sluice::sdk::ReadbackCursor>* cursor);

 private:
  using Clock = std::chrono::steady_clock;
  struct InFlight {
    uint64_t height;
    uint64_t attempt;
  };
  // A copy of the state that is being taken.
  struct Copying {
    sluice_snapshot_args args;
    CopyEncoder encoder;
    // Where the topics ended when it began, or when its first record went to them.
    std::map<std::string, std::vector<int64_t>> begins;
  };

  CallLimit Limit(std::chrono::nanoseconds timeout) const { return {timeout, &cancelled_}; }
  std::string key() const { return PositionKey(stream_, sink_); }

  // A transaction that waits for longer than the broker lets it would never be committed.
  sluice::sdk::Status CheckLinger() const;
  sluice::sdk::Status CheckEpoch(const std::optional<Position>& stored) const;
  sluice::sdk::Status OlderThan(const Position& stored) const;
  // How records are written; of a position all that the settings decide.
  Position Shape() const;
  sluice::sdk::Status CheckShape(const std::optional<Position>& stored) const;
  sluice::sdk::Status CheckTopicsAreThere(const std::optional<Position>& stored,
                                          const CallLimit& limit);
  // Before the sink's first record in a topic: it holds none.
  sluice::sdk::Status CheckUnwritten(const std::string& topic, const CallLimit& limit);
  sluice::sdk::Status PrepareTopics(const CallLimit& limit);
  sluice::sdk::Status EnsureDataTopic(const std::string& topic, const CallLimit& limit);
  sluice::sdk::Status CheckBatch(const sluice::sdk::Batch& batch) const;
  sluice::sdk::Status CheckStream() const;
  sluice::sdk::Status CheckBase(const sluice::sdk::AttachArgs& args) const;
  sluice::sdk::Status AddHeight(const sluice::sdk::Batch& batch);
  sluice::sdk::Status AddRecord(const Record& record, const CallLimit& limit);
  // A transaction with nothing in it yet.
  sluice::sdk::Status BeginTransaction(const CallLimit& limit);
  CallLimit TransactionLimit() const;
  // From here on what the sink holds does not count any more, and it is empty.
  sluice::sdk::Status BeginCopy(const sluice_snapshot_args& args);
  // Of all listed topics; those that were made anew since are taken off the list.
  sluice::sdk::Status FindBegins(std::set<std::string>* topics, const CallLimit& limit);
  // Tombstones for the keys that are not in the copy.
  sluice::sdk::Status BuryStaleKeys();
  sluice::sdk::Status BuryStaleKeysOf(Client* reader, const std::string& topic);
  sluice::sdk::Status BuryKeys(const std::string& topic, const KeyTable& keys);
  // Stores what a step of the copy has added, with `next` as the position; where that fails, or
  // adding has, drops it, and the copy ends.
  sluice::sdk::Status EndCopyStep(sluice::sdk::Status added, const Position& next,
                                  const CallLimit& limit);
  bool GroupIsFull(const sluice::sdk::Batch& batch) const;
  // Stores `next` alone or after what is open.
  sluice::sdk::Status CommitPosition(const Position& next, const CallLimit& limit);
  // Commits the open group and acks it, all but `current`, which its deliver answers for; 0: none.
  sluice::sdk::Status EndGroup(uint64_t current, const CallLimit& limit);
  // Drops the open group; the status answers for `current`, a nack for those before it.
  sluice::sdk::Status Dropped(sluice::sdk::Status why, uint64_t current);
  sluice::sdk::Status Fenced(const sluice::sdk::Status& why);
  void ClearGroup();
  void Tend();

  const sluice::sdk::Host host_;
  std::atomic<bool> cancelled_{false};

  // Set by Start.
  Settings settings_;
  std::string stream_;
  std::string sink_;
  uint64_t epoch_ = 0;
  bool plain_keys_ = false;
  std::unique_ptr<Client> consumer_;      // asks for topics, reads the position topic
  std::optional<Statistics> statistics_;  // outlives the producer, which feeds it
  std::unique_ptr<Producer> producer_;
  std::unique_ptr<RecordEncoder> encoder_;
  std::set<std::string> known_topics_;  // that are there

  std::mutex mutex_;
  bool attached_ = false;
  bool all_topics_are_listed_ = false;  // in committed_: what others hold is not the sink's
  Position committed_;                  // as the position topic has it
  Position group_;  // after the open group; equal to committed_ where there is none
  std::deque<InFlight> in_flight_;
  uint64_t group_bytes_ = 0;
  Clock::time_point group_began_;
  std::string last_store_;  // of the last record, and its topic
  std::string last_topic_;
  std::optional<Copying> copying_;
  uint64_t alone_ = 0;  // a height that must not share its transaction: it was refused in a group

  std::thread tender_;
  std::condition_variable tender_changed_;
  bool lingering_ = false;  // the open group waits for its time
  bool stopping_ = false;
};

}  // namespace sluice_kafka
